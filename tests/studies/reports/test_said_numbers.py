"""Chapters fill every number of their prose, and what is said of records is what the records hold."""

import json
import re
from pathlib import Path

import pytest

from xstitch_lib.results.findings import contrasts
from xstitch_lib.results.record import load
from xstitch_lib.results.statistics import gain
from xstitch_lib.studies import table6 as SIX_STUDY
from xstitch_lib.studies.claims import GROUPS
from xstitch_lib.studies.reports import ablations, alphas, fig2, relatedness, starved, table6, verdict
from xstitch_lib.studies.reports.wording import contrasts_shown

BOOK = Path(__file__).parents[3] / "book"
ONE, TWO, THREE = [load(name, "medium") for name in ("table1", "table2", "table3")]
ROOMS, NYU = [load("table5", scale) for scale in ("small", "medium")]
SIX = load("table6", "small")


def asked(stem, prefix=""):
    """The names that a chapter's prose asks for."""
    cells = json.loads((BOOK / f"{stem}.ipynb").read_text())["cells"]
    prose = "\n".join(["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"])
    return {name for name in re.findall(r"\{glue:text\}`([^`]+)`", prose) if name.startswith(prefix)}


def test_what_chapter_ablations_asks_for_is_said():
    small = [load(name, "small") for name in ("table1", "table2", "table3")]
    said = ablations.gains_say(small[0].table, ablations.ROOMS_1) | ablations.rates_say(small[1])
    said |= ablations.gains_say(small[2].table, {"known": ("one-task", "random")})
    said |= ablations.nyu_starts_say(ONE) | ablations.nyu_rates_say(TWO, ONE) | ablations.nyu_known_says(THREE, ONE)
    assert asked("07_ablations") - {"ablations_runtime"} <= {*said}
    assert said["nyu_lost_starts"] == "one unit a layer, 3 of 8" and said["diverged"] == "×1000, 8 of 8"
    assert said["nyu_start_normals"] == gain(ONE.table, "(0.9, 0.1)", "one-task", "normals", "mean").short("°")
    assert not any(["nan" in text for text in said.values()])


def test_what_chapter_looking_inside_asks_for_is_said():
    rooms = load("alphas", "small")
    said = alphas.shares_say(rooms) | alphas.partners_say(rooms)
    said |= alphas.nyu_says(NYU, ONE) | alphas.ranges_say(rooms, ONE)
    said |= alphas.second_pair_says(SIX)
    live = {"alphas_runtime", "rescaled_difference", "grown", "match_one", "match_two", "match_aligned"}
    assert asked("10_looking_inside") - live <= {*said}
    assert alphas.gaps(ONE).shape == (6, 7) and list(alphas.nyu_layers(NYU).index) == alphas.UNITS


def test_what_chapter_data_starved_asks_for_is_said():
    few, tuned = [load(name, "small") for name in ("few_labels", "few_labels_tuned")]
    said = starved.rooms_say(ROOMS) | starved.nyu_says(NYU, load("latent_map", "medium"))
    said |= starved.few_labels_say(few, tuned, ROOMS) | starved.attributes_say(SIX, load("table6", "medium"))
    assert asked("09_data_starved_categories") - {"starved_runtime", "zero_in_both"} <= {*said}
    found = starved.with_intervals(ROOMS)
    assert (
        found["count"].is_monotonic_increasing and (found.low <= found.gain).all() and (found.gain <= found.high).all()
    )


def test_what_chapter_detection_and_attributes_asks_for_is_said():
    said = table6.table_says(SIX) | table6.scale_says(SIX_STUDY.scale("small"))
    said |= table6.foreground_says(load("foreground", "small"))
    said |= table6.few_attributes_say(load("few_attributes", "small"))
    said |= table6.divergence_says(load("units_rates", "small")) | table6.pairs_say(
        load("units_places", "small"), table6.PLACES
    )
    said |= table6.pairs_say(load("attribute_loss", "small"), table6.LOSS_PAIRS)
    said |= table6.photos_say(load("table6", "medium"))
    assert asked("14_detection_and_attributes") - {"table6_runtime", "quarter_diverged"} <= {*said}


def test_what_the_front_page_and_page_verdict_ask_for_is_said():
    said = verdict.front_says() | verdict.still_improving()
    assert asked("index") | asked("verdict") <= {*said}
    assert float(said["long_mIU"]) > float(said["short_mIU"])  # one network per task has not stopped improving


def test_every_claim_and_task_has_one_row_with_the_papers_gain():
    five = verdict.table("table 5").set_index(["claim", "task"])
    row = five.loc[("better than one network per task", "normals")]
    assert row["the paper"] == "+0.7" and row.rooms.startswith("**supported**") and "outside" in row["NYU-v2"]
    assert {claim.text for claim in GROUPS["table 5"].claims} == {text for text, _ in five.index}


def test_what_was_not_run_says_so_with_the_command_and_shows_the_papers_gain(monkeypatch):
    monkeypatch.setattr("xstitch_lib.studies.claims.STUDIES", {})
    verdict._rows.cache_clear()
    try:
        six = verdict.table("table 6").set_index(["claim", "task"])
        row = six.loc[("better than one network per task", "attributes")]
        assert row["the paper"] == "+2.1"
        assert row.aPascal == "not run: study `table6` is not recorded yet: `xstitch run table6 --scale medium`"
        drawn = [line for line in verdict.lines(["table 6"]) if line.label == "better than one network per task"]
        assert {(line.verdict, line.paper, line.gain) for line in drawn} == {
            ("not run", 0.3, None),
            ("not run", 2.1, None),
        }
    finally:
        verdict._rows.cache_clear()


def test_the_figure_of_the_front_page_has_both_partners_of_every_task_and_what_section_5_4_says():
    panels = verdict.front_lines()
    partners = {"the other task", "the same task"}
    first, second, learned = list(panels)[:2], list(panels)[2:4], panels[verdict.LEARNED]
    for title in first:
        assert {line.label for line in panels[title]} == {f"{d}, {p}" for d in ("rooms", "NYU-v2") for p in partners}
    for title in second:
        assert {f"rooms, {partner}" for partner in partners} <= {line.label for line in panels[title]}
    assert {line.label.split(", ")[0] for line in learned} == {"rooms", "NYU-v2"} and len(panels) == 5


@pytest.mark.parametrize("about", GROUPS)
def test_every_group_links_to_a_page_that_there_is(about):
    assert (BOOK / f"{GROUPS[about].page}.ipynb").exists()


def test_what_the_chapters_on_splits_and_on_related_labels_ask_for_is_said():
    said = fig2.splits_say(load("fig2", "small")) | fig2.second_pair_says(load("fig2_regions", "small"))
    assert asked("06_where_should_tasks_share") - {"fig2_runtime", "live_recipe", "small_recipe"} <= {*said}
    said = relatedness.dial_says(load("relatedness", "small"))
    assert asked("11_how_related_must_tasks_be") - {"related_runtime"} <= {*said}


def test_a_small_p_is_not_written_as_zero_and_tasks_stand_with_their_units():
    found = contrasts(load("table5", "small").table, [("cross-stitch", "one-task")], {"seg": "mIU", "normals": "mean"})
    shown = contrasts_shown(found.assign(holm=[1e-5, 0.25]), "table5")
    assert shown["p, Holm"].tolist() == ["< 0.001", "0.250"] and shown["the paper"].tolist() == ["+0.9", "+0.7"]
    assert shown.task.tolist() == ["segmentation, mIU (points)", "normals, mean (°)"]
