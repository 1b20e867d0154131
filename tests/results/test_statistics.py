import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xstitch_lib.results.findings import contrasts
from xstitch_lib.results.paper import QUANTITIES
from xstitch_lib.results.statistics import gains, holm, means, paired_difference, summary
from xstitch_lib.tasks.quantities import Quantities, Quantity

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


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=16), max_size=8))
def test_what_is_not_finite_is_no_seed(values):
    finite = [value for value in values if np.isfinite(value)]
    assert summary(values).seeds == len(finite)
    np.testing.assert_equal(summary(values), summary(finite))


def test_an_arm_of_which_runs_diverged_is_marked():
    table = table_of({("new", "seg", "mIU"): [20, 21], ("old", "seg", "mIU"): [19, 19, 20]})
    lost = pd.DataFrame([("new", 2, "", "diverged", None)], columns=table.columns)
    marked = means(QUANTITIES.attach(pd.concat([table, lost])), [("seg", "mIU")])["seg mIU ↑"]
    assert marked["new"] == "20.50 ± 6.35 (1 diverged)" and "diverged" not in marked["old"]


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


def table_of(values):
    rows = [
        (arm, seed, task, metric, value)
        for (arm, task, metric), seeds in values.items()
        for seed, value in enumerate(seeds)
    ]
    return QUANTITIES.attach(pd.DataFrame(rows, columns=["arm", "seed", "task", "metric", "value"]))


def test_a_smaller_angle_and_a_larger_iu_are_gains():
    table = table_of(
        {
            ("new", "normals", "mean"): [30, 31, 29],
            ("old", "normals", "mean"): [31, 32, 31],
            ("new", "seg", "mIU"): [20, 21, 22],
            ("old", "seg", "mIU"): [21, 22, 24],
        }
    )
    found = contrasts(table, [("new", "old")], {"normals": "mean", "seg": "mIU"}).set_index("task")
    assert found.loc["normals", "gain"].mean == pytest.approx(4 / 3)
    assert found.loc["seg", "gain"].mean == pytest.approx(-4 / 3)


def test_a_metric_that_nobody_told_of_is_refused():
    table = table_of({("new", "speed", "knots"): [20], ("old", "speed", "knots"): [19]})
    with pytest.raises(ValueError, match=r"which way 'knots' of 'speed' is better; known are seg mIU, .*: add it"):
        gains(table, "new", "old", "speed", "knots")
    own = Quantities(speed={"knots": Quantity("what is lost", higher_is_better=False, digits=0)})
    assert gains(own.attach(table), "new", "old", "speed", "knots").tolist() == [-1]
    assert means(table, [("speed", "knots")]).loc["new"].to_dict() == {"speed knots ↓": "20"}


def test_a_seed_that_one_arm_lacks_is_left_out_of_both():
    table = table_of({("new", "seg", "mIU"): [20, 21, 22], ("old", "seg", "mIU"): [19, 19]})
    assert gains(table, "new", "old", "seg", "mIU").to_dict() == {0: 1, 1: 2}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_agrees_with_its_definition(p):
    """An ordered p value is multiplied by how many are at least as large, and none is below an earlier one."""
    corrected = holm(p)
    for i, value in enumerate(p):
        smaller = [j for j in range(len(p)) if (p[j], j) <= (value, i)]
        expected = max((len(p) - rank) * p[j] for rank, j in enumerate(sorted(smaller, key=lambda j: (p[j], j))))
        assert corrected[i] == pytest.approx(min(1, expected))


def test_what_the_interval_supports_holm_may_leave_undecided():
    values = {("new", "seg", "mIU"): [1.0, 2.0, 3.2, 1.1], ("old", "seg", "mIU"): [0.0] * 4}
    noise = {("n1", "seg", "mIU"): [1, -1, 2, -2.5], ("n2", "seg", "mIU"): [-1, 1, 2, -2.2]}
    table = table_of(values | noise)
    alone = contrasts(table, [("new", "old")], {"seg": "mIU"})
    among = contrasts(table, [("new", "old"), ("n1", "old"), ("n2", "old")], {"seg": "mIU"})
    assert alone.verdict[0] == "supported" and alone.holm[0] == alone.p[0] < 0.05
    assert among.verdict[0] == "undecided" and among.holm[0] == pytest.approx(3 * among.p[0])
