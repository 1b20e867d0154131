"""What page "Costs and choices" says."""

import numpy as np
import pytest

from xstitch_lib.results.record import FOLDER, load
from xstitch_lib.results.statistics import relative_gain
from xstitch_lib.studies import table5
from xstitch_lib.studies.reports import costs as page
from xstitch_lib.studies.segmentation_normals import NYU_CHOICES

ROOMS, NYU = load("choices", "small"), load("nyuv2_choices", "medium")


def test_choices_are_told_with_their_numbers():
    says = page.rooms_choices_say(ROOMS) | page.nyu_choices_say(NYU, load("table2", "small"))
    assert not [name for name, text in says.items() if "nan" in text or "no seed" in text]


def test_twice_the_peak_takes_half_the_hours():
    scales = table5.scale("medium"), table5.scale("full")
    slow, fast = (page.scales_cost(*scales, peak=peak) for peak in (1e11, 2e11))
    assert float(slow["medium_hours"]) == pytest.approx(2 * float(fast["medium_hours"]), abs=0.15)
    assert slow["full_hours"] == fast["full_hours"]  # of a GPU


def test_dots_are_the_seeds_of_the_relative_gain_and_a_diverged_run_has_none():
    for (_, dots), (chosen, settings) in zip(page.nyu_choices(NYU).items(), NYU_CHOICES.values(), strict=True):
        assert settings.keys() - dots.keys() == {name for name, arm in settings.items() if arm == chosen}
        for name, values in dots.items():
            found = relative_gain(NYU.table, settings[name], chosen, page.MAIN)
            assert len(values) == found.seeds == len(NYU.finished(settings[name]))
            assert np.mean(values) == pytest.approx(found.mean)


def test_eight_seeds_of_thirty_epochs_follow_from_one_epoch():
    shown = page.times(load("fashion_all_dense", "epoch"))
    assert shown.loc["none", "times *none*"] == "1.0"
    hours = float(shown.loc["dense at all three", "hours for 30 epochs"])
    assert float(shown.loc["dense at all three", "days for 8 seeds of them"]) == pytest.approx(8 * hours / 24, abs=0.1)


def test_no_record_is_left_out():
    told = {f"{found.content['study']}-{found.content['scale']}.json" for found in page.records()}
    assert told == {path.name for path in FOLDER.glob("*.json")} - {"schema.json"}
