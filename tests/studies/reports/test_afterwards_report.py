"""What the chapter on later methods says."""

import json
import re
from pathlib import Path

import pytest
import torch
from test_table5_report import a_record

import xstitch_lib as xs
from xstitch_lib.networks.units import all_ones
from xstitch_lib.results.record import load
from xstitch_lib.studies import afterwards
from xstitch_lib.studies.reports import afterwards as page

CHAPTER = Path(__file__).parents[3] / "book" / "18_what_came_after.ipynb"
ARMS = [arm.name for arm in afterwards.arms]


@pytest.fixture(scope="module")
def record():
    """One-task at 20 and 30°, every arm one better, but for others' unit by Adam, which is two points and 3° worse."""
    values = {name: {seed: (21.0 + seed, 29.0 + seed) for seed in range(4)} for name in ARMS}
    for name in ("one-task", "one-task, Adam"):
        values[name] = {seed: (20.0 + seed, 30.0 + seed) for seed in range(4)}
    values[page.AS_MTAN.name] = {seed: (18.0 + seed, 33.0 + seed) for seed in range(4)}
    values |= {name: {seed: (22.0 + seed, 29.5 + seed) for seed in range(4)} for name in page.CONTROLS}
    return a_record(values)


def test_what_the_chapter_asks_for_is_said():
    record = load("afterwards", "small")
    prose = [c["source"] for c in json.loads(CHAPTER.read_text())["cells"] if c["cell_type"] == "markdown"]
    asked = {*re.findall(r"\{glue:text\}`([^`]+)`", "\n".join(["".join(source) for source in prose]))}
    said = page.says(page.over_one_task(record, load("same_task", "small")))
    assert asked - {"after_runtime"} <= {*said} and not [name for name, text in said.items() if "nan" in text]


def test_arms_are_shown_and_each_reported_number_is_taken_apart(record):
    found = page.over_one_task(record, record)
    assert {*ARMS} - {*found} == {"one-task", "one-task, Adam"}
    assert page.differences_shown(found).iloc[0]["seg mIU"] == "+1.00 points (+1.00 to +1.00)"
    told = page.explained(found).set_index("where")["which makes up"]
    own = (100 / 21.5 + 100 / 31.5) / 2  # percent of the mean over seeds
    theirs = -(200 / 21.5 + 300 / 31.5) / 2
    reported = -50 * (0.9 / 38.3 + 3.9 / 25.0)  # CAGrad's segmentation and normals
    assert told["CAGrad"].startswith(f"{own - theirs:+.1f}") and told["CAGrad"].endswith(f"of {own - reported:.1f}")
    assert told["Vandenhende et al."].startswith("+0.0") and "Recon" not in told
    said = page.says(found)
    assert said["mtan_over_same_seg"].startswith("-1.00 points") and said["mtan_over_same_normals"].startswith("+0.50°")
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
