"""Results side by side."""

import pandas as pd

from xstitch_lib import paper
from xstitch_lib.results.tables import gains_beside, levels_beside_paper

METRICS = {"seg": "mIU", "normals": "mean"}


def a_table(values):
    """arm → seed → (mIU, mean angle)."""
    rows = [
        (arm, seed, task, metric, value)
        for arm, by_seed in values.items()
        for seed, found in by_seed.items()
        for (task, metric), value in zip(METRICS.items(), found, strict=True)
    ]
    return paper.QUANTITIES.attach(pd.DataFrame(rows, columns=["arm", "seed", "task", "metric", "value"]))


OURS = a_table(
    {
        "1": {0: (10.0, 30.0), 1: (11.0, 31.0), 2: (10.5, 30.5)},
        "10": {0: (10.5, 29.0), 1: (11.7, 30.2)},
        "own": {0: (1.0, 2.0), 1: (1.0, 2.0), 2: (1.0, 2.0)},
    }
)


def test_the_papers_row_stands_below_ours_where_it_has_one():
    shown = levels_beside_paper(OURS, paper.table("table2"), [("normals", "mean")])
    assert shown.index.tolist() == ["1, ours", "1, the paper", "10, ours", "10, the paper", "own, ours"]
    assert shown.loc["1, the paper", "normals mean ↓"] == "34.60"


def test_gains_are_signed_so_that_more_is_better_and_say_whose_seeds_are_missing():
    shown = gains_beside({"ours": OURS, "the paper": paper.table("table2")}, "1", METRICS)
    shown = shown.set_index(["over 1", ""])
    assert shown.ours["10", "seg mIU"].startswith("+0.60 (") and shown.ours["10", "seg mIU"].endswith("2 of 3 seeds")
    assert shown.ours["10", "normals mean"].startswith("+0.90° (")  # a smaller angle
    assert shown["the paper"]["10", "normals mean"] == "+0.1°" and shown["the paper"]["1000", "seg mIU"] == "+0.7"
    assert shown["the paper"]["own", "seg mIU"] == "" and shown.ours["1000", "seg mIU"] == ""


def test_an_arm_whose_runs_all_diverged_is_said_to_and_has_no_level():
    lost = pd.DataFrame([("10", seed, "", "diverged", 1.0) for seed in (0, 1, 2)], columns=list(OURS))
    ours = paper.QUANTITIES.attach(pd.concat([OURS[OURS.arm == "1"], lost]))
    assert gains_beside({"ours": ours}, "1", METRICS).ours.tolist() == ["diverged", "diverged"]
    shown = levels_beside_paper(ours, paper.table("table2"), [("seg", "mIU"), ("seg", "IU")])
    assert shown.loc["10, ours"].tolist() == ["", ""] and shown.loc["10, the paper"].tolist() == ["18.70", ""]


def test_a_table_without_the_arm_that_is_compared_with_says_nothing():
    shown = gains_beside({"ours": OURS, "the paper": paper.table("table3")}, "ImageNet", METRICS)
    assert shown.ours.eq("").all() and shown["the paper"].iloc[-2:].tolist() == ["+1.6", "+0.5°"]


def test_no_difference_has_no_minus():
    start = gains_beside({"the paper": paper.table("table1")}, "(0.9, 0.1)", METRICS).set_index(["over (0.9, 0.1)", ""])
    assert start["the paper"]["(0.7, 0.3)", "normals mean"] == "+0.0°"
