import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xstitch_lib.statistics import Difference, paired_difference

values = st.lists(st.tuples(*[st.floats(-100, 100)] * 2), min_size=2, max_size=12)


@settings(max_examples=500)
@given(values)
def test_the_interval_is_that_of_the_paired_t_test(pairs):
    first, second = np.transpose(pairs)
    ours = paired_difference(first, second)
    if np.ptp(first - second) > 1e-6:
        theirs = stats.ttest_rel(first, second).confidence_interval()
        np.testing.assert_allclose([ours.low, ours.high], [theirs.low, theirs.high], rtol=1e-6, atol=1e-9)
    assert ours.low <= ours.mean <= ours.high


def test_equal_differences_give_a_point():
    assert paired_difference([2, 3, 4], [1, 2, 3]) == (1, 1, 1, 3)


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.1, 1, "supported"), (-1, -0.1, "not supported"), (-1, 1, "undecided")]
)
def test_a_verdict_needs_the_whole_interval(low, high, verdict):
    assert Difference((low + high) / 2, low, high, 5).verdict == verdict


@pytest.mark.parametrize("second", [[1.0], [1.0, 2.0, 3.0]])
def test_unpaired_seeds_are_refused(second):
    with pytest.raises(ValueError, match="same seeds twice"):
        paired_difference([1.0, 2.0], second)


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite values; got 2 of 6 that are not"):
        paired_difference([1.0, np.nan, 2.0], [1.0, 2.0, -np.inf])


def test_one_seed_is_refused():
    with pytest.raises(ValueError, match="2 or more; got 1 and 1"):
        paired_difference([1.0], [1.0])
