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
    sign_p,
)


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
