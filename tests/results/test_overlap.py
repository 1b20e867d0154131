"""Intervals over draws and people, against cases worked by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from xstitch_lib.results.measures import better_over_draws
from xstitch_lib.results.overlap import clustered, draw_gains, intervals, overlap_corrected, person_gains
from xstitch_lib.results.record import Record
from xstitch_lib.results.statistics import summary

T1, T3 = 12.7062047, 3.1824463  # the 97.5 % points of Student's t with 1 and 3 degrees of freedom


def test_nadeau_and_bengio_by_hand():
    """1, 2, 3, 4: mean 2.5, variance 5/3; test/train 1/4; so the squared error is (1/4 + 1/4) · 5/3 = 5/6."""
    found = overlap_corrected([1, 2, 3, 4], test=20, train=80)
    half = T3 * math.sqrt(5 / 6)
    assert found == pytest.approx((2.5, 2.5 - half, 2.5 + half, 4), abs=1e-5)
    assert str(found) == "+2.50 (95 % interval -0.41 to +5.41, 4 draws)"


def test_without_a_test_the_correction_is_none_and_more_draws_do_not_shrink_it_away():
    values = [1.0, 2.0, 4.0]
    assert overlap_corrected(values, test=0, train=1) == pytest.approx(summary(values))
    many = overlap_corrected(values * 1000, test=20, train=80)
    assert many.high - many.mean > 0.4 * np.std(values)
    with pytest.raises(ValueError, match="needs training samples; got 0"):
        overlap_corrected(values, test=1, train=0)


def test_clusters_by_hand():
    """Person a: 1 and 3; b: 2 and 6. Mean 3; sums about it -2 and 2; 2/1 · (4 + 4) / 16 = 1."""
    assert clustered([2, 4], [2, 2]) == pytest.approx((3, 3 - T1, 3 + T1, 2), abs=1e-5)
    """Unequal: a has one sample of 0, b three of mean 4. Mean 3; sums -3 and 3; 2/1 · (9 + 9) / 16 = 9/4."""
    assert clustered([0, 4], [1, 3]) == pytest.approx((3, 3 - 1.5 * T1, 3 + 1.5 * T1, 2), abs=1e-5)


def test_equal_clusters_are_the_plain_interval_over_clusters():
    values = np.random.default_rng(0).normal(size=30)
    assert clustered(values, [7] * 30) == pytest.approx(summary(values))
    assert str(clustered(values, [7] * 30)).endswith("30 people)")


def a_record(values, seeds=2):
    """arm → (draw, person) → accuracy of "gender"; "age" is at 50 throughout. A second seed is two points better."""
    cells = []
    for arm, found in values.items():
        for seed in range(seeds):
            people, draws = {}, {}
            for (draw, person), value in found.items():
                people.setdefault(f"person {person}", []).append(value + 2 * seed)
                draws.setdefault(draw, []).append(value + 2 * seed)
            of_draws = {draw: np.mean(own) for draw, own in draws.items()}
            gender = {name: {"accuracy": np.mean(own), "samples": 4} for name, own in people.items()}
            age = {name: {"accuracy": 50.0, "samples": 4} for name in people}
            level = np.mean(list(of_draws.values()))
            per_class = {
                "gender": gender | {draw: {"accuracy": x} for draw, x in of_draws.items()},
                "age": age | {draw: {"accuracy": 50.0} for draw in of_draws},
                "both": {d: {"accuracy": (x + 50) / 2, "train": 8, "test": 4} for d, x in of_draws.items()},
            }
            results = {"gender": {"accuracy": level}, "age": {"accuracy": 50.0}, "both": {"accuracy": (level + 50) / 2}}
            cells.append({"arm": arm, "seed": seed, "status": "done", "results": results, "per_class": per_class})
    quantity = {"title": "accuracy", "unit": "%", "higher_is_better": True, "digits": 2}
    return Record(
        {
            "study": "s",
            "scale": "people",
            "settings": {"seeds": list(range(seeds))},
            "arms": dict.fromkeys(values),
            "primary": [["dense", "none"]],
            "metrics": {"both": "accuracy"},
            "quantities": {task: {"accuracy": quantity} for task in ("gender", "age", "both")},
            "cells": cells,
        }
    )


NONE = {("fold 0", 0): 80, ("fold 0", 1): 90, ("fold 1", 2): 70, ("fold 1", 3): 60}
DENSE = {("fold 0", 0): 84, ("fold 0", 1): 92, ("fold 1", 2): 70, ("fold 1", 3): 62}
RECORD = a_record({"none": NONE, "dense": DENSE})


def test_gains_are_told_by_draw_and_by_person_and_seeds_are_averaged():
    assert draw_gains(RECORD, "dense", "none", "gender").to_dict() == {"fold 0": 3, "fold 1": 1}
    assert draw_gains(RECORD, "dense", "none", "both").to_dict() == {"fold 0": 1.5, "fold 1": 0.5}
    people = person_gains(RECORD, "dense", "none", "gender")
    assert people.gain.to_dict() == {"person 0": 4, "person 1": 2, "person 2": 0, "person 3": 2}
    assert people.samples.unique().tolist() == [4]
    assert person_gains(RECORD, "dense", "none", "both").gain.tolist() == [2, 1, 0, 1]


def test_three_intervals_stand_beside_each_other_and_folds_are_no_seeds():
    (row,) = intervals(RECORD).itertuples()
    assert (row.task, row.first, row.second) == ("both", "dense", "none")
    assert row.by_seed == pytest.approx((1, 1, 1, 2))  # both seeds gain the same
    # 2, 1, 0, 1: variance 2/3, squared error 1/6
    assert row.by_person == pytest.approx((1, 1 - T3 / 6**0.5, 1 + T3 / 6**0.5, 4), abs=1e-5)
    # 1.5, 0.5: variance 1/2, squared error (1/2 + 4/8) / 2
    assert row.by_draw == pytest.approx((1, 1 - T1 / 2**0.5, 1 + T1 / 2**0.5, 2), abs=1e-5)
    assert row.p == pytest.approx(2 * stats.t.sf(2**0.5, 1)) and row.holm == row.p


def test_a_claim_over_draws_is_decided_by_the_corrected_interval():
    finding = better_over_draws("dense", "none")(RECORD)["both"]
    assert finding.gain.mean == pytest.approx(1) and finding.verdict == "undecided" and finding.bound == 0.5
    assert "2 draws" in finding.note
    assert better_over_draws("dense", "linear inside")(RECORD) == {}
    draws = {(f"fold {i}", 2 * i + j): 50 + 10 * j for i in range(6) for j in (0, 1)}
    gaining = {place: value + 4 + 0.1 * (place[1] % 3) for place, value in draws.items()}
    assert (
        better_over_draws("dense", "none")(a_record({"none": draws, "dense": gaining}))["both"].verdict == "supported"
    )


def test_a_claim_over_one_draw_is_decided_over_seeds():
    cells = [cell | {"per_class": {}} for cell in RECORD.content["cells"]]
    found = better_over_draws("dense", "none")(Record({**RECORD.content, "cells": cells}))["both"]
    assert found.gain.noun == "seeds" and found.gain.seeds == 2


def test_draws_that_all_gain_the_same_have_an_interval_of_no_width():
    (row,) = intervals(a_record({"none": NONE, "dense": {place: x + 3 for place, x in NONE.items()}})).itertuples()
    assert row.by_draw[:3] == (1.5, 1.5, 1.5) and row.p == 0
    (row,) = intervals(a_record({"none": NONE, "dense": NONE})).itertuples()
    assert row.by_draw.mean == 0 and row.p == 1


def test_one_draw_is_too_few():
    one = {("fold 0", 0): 80, ("fold 0", 1): 90}
    with pytest.raises(ValueError, match="has 1 draws: an interval over draws needs two or more"):
        intervals(a_record({"none": one, "dense": one}))
