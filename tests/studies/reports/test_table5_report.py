"""What chapter 8 and "On the paper's own frames" say of their records."""

from xstitch_lib import paper
from xstitch_lib.results.record import Record, load
from xstitch_lib.studies import table5
from xstitch_lib.studies.reports import papers_frames
from xstitch_lib.studies.reports import table5 as page

SMALL, MEDIUM, BRIEF = (load("table5", scale) for scale in ("small", "medium", "brief"))
SPLITS, CONTROL = load("fig2", "small"), load("latent_map", "medium")
RECORDS = {name: load(name, "small") for name in page.SETTINGS}


def a_record(values):
    """A record of rooms; values: arm → seed → (mIU, mean angle), None where the run diverged."""
    cells = [
        {"arm": arm, "seed": seed}
        | ({"status": "diverged at step 3"} if found is None else {"status": "done", "results": results(*found)})
        for arm, by_seed in values.items()
        for seed, found in by_seed.items()
    ]
    head = {"study": "s", "arms": {arm: {} for arm in values}, "primary": [], "metrics": page.PRIMARY}
    return Record(head | {"settings": {"seeds": []}, "quantities": paper.QUANTITIES.plain(), "cells": cells})


def results(miu, mean):
    return {"seg": {"mIU": miu, "pixacc": miu}, "normals": {"mean": mean, "median": mean / 2, "11.25": 40.0}}


def without(record, arm):
    cells = [cell for cell in record.content["cells"] if cell["arm"] != arm]
    arms = {name: found for name, found in record.content["arms"].items() if name != arm}
    return Record({**record.content, "arms": arms, "cells": cells})


ONE = {0: (20.0, 30.0), 1: (21.0, 31.0)}


def test_every_section_finds_its_numbers_in_the_records():
    says = [
        page.scales_say(table5),
        page.rooms_say(SMALL),
        page.mixing_says(),
        page.splits_say(SMALL, SPLITS),
        page.settings_say(RECORDS),
        page.overfitting_says(RECORDS),
        papers_frames.medium_says(table5.scale("medium")),
        papers_frames.nyu_says(MEDIUM),
        papers_frames.nyu_partners_say(MEDIUM),
        papers_frames.turned_says(MEDIUM),
        papers_frames.brief_says(BRIEF),
        papers_frames.own_map_says(CONTROL, MEDIUM),
        papers_frames.held_out_says(CONTROL, MEDIUM),
    ]
    assert not [name for found in says for name, text in found.items() if "nan" in text or "no seed" in text]
    names = [name for found in says for name in found]
    assert len(names) == len({*names})


def test_a_smaller_angle_and_a_larger_iu_are_both_a_gain_and_each_has_its_unit():
    made = a_record({"one-task": ONE, "cross-stitch": {0: (21.0, 29.0), 1: (22.0, 30.0)}})
    says = page.rooms_say(made)
    assert says["seg_one"] == "+1.00 points (+1.00 to +1.00)"
    assert says["normals_one"] == "+1.00° (+1.00 to +1.00)"


def test_an_arm_that_was_not_run_leaves_the_others_as_they_are():
    says, whole = page.rooms_say(without(SMALL, "self-stitch")), page.rooms_say(SMALL)
    assert says["seg_self"] == says["normals_second"] == "no seed in common"
    assert all([says[name] == whole[name] for name in whole if "self" not in name and "second" not in name])


def test_a_diverged_seed_is_left_out_of_both_arms():
    made = a_record({"one-task": ONE, "cross-stitch": {0: (21.0, 29.0), 1: None}})
    assert page.rooms_say(made)["seg_one"] == "+1.00 points (one seed)"
    assert page.gains_over_one_task(made)["segmentation"]["cross-stitch"].to_dict() == {0: 1.0}


def test_the_best_split_of_normals_has_the_smallest_angle():
    worse, better = {0: (20.0, 33.0), 1: (21.0, 34.0)}, {0: (15.0, 28.0), 1: (16.0, 29.0)}
    splits = a_record({"one-task": ONE, page.BEST_SPLIT: worse, "split-fc6": better})
    says = page.splits_say(a_record({"cross-stitch": ONE}), splits)
    assert says["normals_split"] == "split-fc6" and says["split_place"] == "2 of 2"
    assert says["over_normals_split_mean"].startswith("-2.00°")
    assert says["normals_split_cost"].startswith("-5.00 points")


def test_settings_count_as_ahead_where_the_whole_interval_is():
    ahead = a_record({"one-task": ONE, "cross-stitch": {0: (21.0, 30.0), 1: (22.1, 31.0)}})
    apart = a_record({"one-task": ONE, "cross-stitch": {0: (29.0, 30.0), 1: (21.1, 31.0)}})
    for records, told in (([ahead, ahead], "all"), ([ahead, apart], "one"), ([apart, apart], "none")):
        assert page.settings_ahead(dict(enumerate(records)), "cross-stitch", "one-task", "seg") == told


def test_the_papers_split_stands_below_ours_and_arms_that_it_lacks_stand_alone():
    rows = papers_frames.nyu_gains(MEDIUM)["over one-task"].tolist()
    assert rows[rows.index(f"{page.BEST_SPLIT}, ours") + 1] == "split-conv4, the paper"
    assert "self-stitch, ours" in rows and "self-stitch, the paper" not in rows
    assert papers_frames.nyu_says(MEDIUM)["paper_cross-stitch_mean"] == "+0.7°"


def test_a_repeated_run_is_equal_to_the_last_digit_or_it_is_not_counted():
    once = a_record({"one-task": ONE})
    other = a_record({"one-task": {0: ONE[0], 1: (21.0 + 1e-12, 31.0)}})
    assert papers_frames._again_equal(once, other) == "8 of 10"  # both metrics of segmentation differ in one seed


def test_a_table_a_task_has_all_of_its_metrics_and_the_papers_rows_below_ours():
    normals, seg = papers_frames.levels_beside(MEDIUM)
    assert len(normals.columns) == 5 and len(seg.columns) == 3
    assert "cross-stitch, the paper" in normals.index and "self-stitch, the paper" not in seg.index
    assert [*next(page.levels(SMALL.table)).index] == [*SMALL.content["arms"]]
