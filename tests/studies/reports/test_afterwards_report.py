"""What the chapter on later methods says, with and without its record."""

import pytest
import torch
from test_table5_report import a_record

import xstitch_lib as xs
from xstitch_lib.networks.units import all_ones
from xstitch_lib.studies import afterwards
from xstitch_lib.studies.reports import afterwards as page

ARMS = [arm.name for arm in afterwards.arms]


@pytest.fixture(scope="module")
def record():
    """One-task at 20 and 30°, every arm one better, but for others' unit by Adam, which is two points and 3° worse."""
    values = {name: {seed: (21.0 + seed, 29.0 + seed) for seed in range(4)} for name in ARMS}
    for name in ("one-task", "one-task, Adam"):
        values[name] = {seed: (20.0 + seed, 30.0 + seed) for seed in range(4)}
    values[page.AS_MTAN.name] = {seed: (18.0 + seed, 33.0 + seed) for seed in range(4)}
    return a_record(values)


def test_without_a_record_earlier_ones_say_what_they_can_and_the_rest_is_told_with_the_command():
    found = page.over_one_task(None)
    told, said = page.explained(found), page.says(None, found)
    assert list(told["ours with its unit"].str.startswith("not run: `xstitch run")) == [True, True, False]
    assert said["mtan_percent"] == "not run yet" and "`xstitch run afterwards --scale small`" in said["run_state"]
    assert not [name for name, text in said.items() if "nan" in text or "no seed" in text]
    assert len(page.judged(None)) == len(afterwards.primary) and page.levels(None).empty
    assert all([len(values) == 8 for arms in page.gains_shown(found).values() for values in arms.values()])


def test_with_a_record_its_own_arms_are_shown_and_each_reported_number_is_taken_apart(record):
    found = page.over_one_task(record)
    assert {*ARMS} - {*found} == {"one-task", "one-task, Adam"}
    assert page.differences_shown(found).iloc[0]["seg mIU"] == "+1.00 points (+1.00 to +1.00)"
    told = page.explained(found).set_index("where")["which makes up"]
    own = (100 / 21.5 + 100 / 31.5) / 2  # percent of the mean over seeds
    theirs = -(200 / 21.5 + 300 / 31.5) / 2
    reported = -50 * (0.9 / 38.3 + 3.9 / 25.0)  # CAGrad's segmentation and normals
    assert told["CAGrad"].startswith(f"{own - theirs:+.1f}") and told["CAGrad"].endswith(f"of {own - reported:.1f}")
    assert told["Vandenhende et al."].startswith("+0.0") and "Recon" not in told
    said = page.says(record, found)
    assert said["as_mtan_percent"].startswith(f"{theirs:+.2f} percent")
    assert said["mtan_over_cross"].startswith("+0.00") and said["row_costs"].startswith("+0.00")


def test_contrasts_named_before_the_run_are_judged(record):
    shown = page.judged(record).set_index("named before the run")
    assert shown.loc["cross-stitch over one-task", "seg mIU"].startswith("**supported**")
    assert shown.loc["MTAN over cross-stitch", "normals mean"].startswith("**no effect of note**")


def test_maps_grow_behind_units_of_ones_and_not_behind_identities():
    towers = {name: xs.towers.small_alexnet_fcn(3, width=4) for name in "ab"}
    images = torch.rand(2, 3, 64, 64)
    assert page.growth(towers, images, alpha_same=1.0) == pytest.approx([1.0] * 6)
    assert min(page.growth(towers, images, per=all_ones)[1:]) > 1.0


def test_costs_are_counted_without_training():
    table = page.costs(afterwards.scale("live"), ["one-task", "cross-stitch", "MTAN", "self-stitch"]).set_index("")
    assert table.loc["one-task", "multiplies"] == "1.00 ×" and table.loc["one-task", "of its units"] == ""
    assert int(table.loc["cross-stitch", "weights"].replace(",", "")) > int(
        table.loc["one-task", "weights"].replace(",", "")
    )
    assert table.loc["self-stitch", "multiplies"] > "2"
