"""What is said of classes is tested over classes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xstitch_lib.results.classes import (
    leave_one_out,
    mean_gain,
    over_classes,
    permutation_p,
    rank_correlation,
    rarest_gain,
    sign_p,
)
from xstitch_lib.results.record import Record
from xstitch_lib.tasks import Attributes
from xstitch_lib.tasks.quantities import Quantities


def gains(classes, seeds=8, slope=0.0, noise=0.1):
    rng = np.random.default_rng(1)
    own = slope * np.arange(classes)[:, None] + rng.normal(size=(classes, 1))
    names = [f"c{k}" for k in range(classes)]
    table = pd.DataFrame(own + noise * rng.normal(size=(classes, seeds)), index=names)
    return table, pd.Series(1000.0 / (1 + np.arange(classes)), index=names)  # the last is the rarest


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 5)), min_size=3, max_size=12))
def test_the_rank_correlation_is_spearmans_with_ties(pairs):
    gain, labels = np.array(pairs, dtype=float).T
    if np.ptp(gain) and np.ptp(labels):
        assert rank_correlation(gain, labels) == pytest.approx(stats.spearmanr(gain, -labels).statistic)
    else:
        assert rank_correlation(gain, labels) == 0


def test_many_seeds_do_not_narrow_an_interval_that_is_over_classes():
    few, many = [over_classes(*gains(20, seeds), mean_gain) for seeds in (4, 64)]
    assert many.high - many.low > 0.8 * (few.high - few.low)
    wide, narrow = [over_classes(*gains(n, 8), mean_gain) for n in (10, 160)]
    assert narrow.high - narrow.low < 0.5 * (wide.high - wide.low)


def test_an_order_that_is_there_has_a_small_p_and_one_that_is_not_a_large_one():
    assert permutation_p(*gains(20, slope=0.5)) < 0.01 and permutation_p(*gains(20)) > 0.05


def test_two_classes_cannot_decide():
    gain, _ = gains(2, noise=0.0)
    assert sign_p(abs(gain)) >= 0.45


def test_without_each_class_in_turn():
    gain = pd.DataFrame({0: [1.0, 2.0, 9.0]}, index=["a", "b", "c"])
    without = leave_one_out(gain, pd.Series({"a": 1.0, "b": 2.0, "c": 3.0}), mean_gain)
    assert without.to_dict() == {"a": 5.5, "b": 5.0, "c": 1.5}


def test_what_nobody_has_in_training_or_in_the_test_is_no_rare_class():
    level = {"common": 50.0, "rare": 20.0, "untrained": 1.0, "untested": None}

    def cell(arm, seed, more):
        each = {name: {"AP": value and value + more, "objects": 5} for name, value in level.items()}
        results = {"attributes": {"mAP": 30.0 + more}}
        return {"arm": arm, "seed": seed, "status": "done", "results": results, "per_class": {"attributes": each}}

    quantities = Quantities(attributes=Attributes.quantities).plain()
    record = Record(
        {
            "study": "s",
            "arms": {"a": {}, "b": {}},
            "primary": [],
            "metrics": {"attributes": "mAP"},
            "settings": {"seeds": [0, 1]},
            "labels": {"attributes": {"common": 90, "rare": 4, "untrained": 0, "untested": 2}},
            "quantities": quantities,
            "cells": [cell(arm, seed, more) for arm, more in (("a", 3.0), ("b", 0.0)) for seed in (0, 1)],
        }
    )
    found = rarest_gain("a", "b", 2, "attributes", "AP")(record)["attributes"]
    assert found.gain.mean == pytest.approx(3.0) and found.note.startswith("2 classes")
