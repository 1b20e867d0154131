"""Verdicts over what records may hold: missing, lost, tied and single seeds, in any order."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstitch_lib.results.findings import (
    CONTRADICTED,
    NO_EFFECT,
    SUPPORTED,
    UNDECIDED,
    Finding,
    Lost,
    contrasts,
    direction,
    found_gain,
    p_value,
)
from xstitch_lib.results.paper import QUANTITIES
from xstitch_lib.results.statistics import Difference, holm

VERDICTS = {SUPPORTED, CONTRADICTED, NO_EFFECT, UNDECIDED}
scores = st.one_of(st.none(), st.sampled_from([float("nan"), float("inf"), 20.0, 20.5]), st.floats(0, 100))
arms = st.lists(st.tuples(scores, scores), min_size=1, max_size=8)


def table_of(pairs):
    """Two arms, a pair of scores a seed; None is a run that diverged."""
    rows = [
        (arm, seed, "", "diverged", None) if value is None else (arm, seed, "seg", "mIU", value)
        for seed, pair in enumerate(pairs)
        for arm, value in zip("ab", pair, strict=True)
    ]
    return QUANTITIES.attach(pd.DataFrame(rows, columns=["arm", "seed", "task", "metric", "value"]))


def found(pairs):
    return found_gain(table_of(pairs), "a", "b", "seg", "mIU")


@settings(max_examples=100, deadline=None)
@given(arms, st.randoms(use_true_random=False))
def test_a_verdict_does_not_depend_on_the_order_of_seeds(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    first, second = found(pairs), found(shuffled)
    assert first.verdict == second.verdict in VERDICTS and first.lost == second.lost
    assert first.p == pytest.approx(second.p) and 0 <= first.p <= 1


@settings(max_examples=100, deadline=None)
@given(arms)
def test_the_two_arms_exchanged_turn_the_verdict_round(pairs):
    other = {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED}
    verdict = found(pairs).verdict
    assert found([(b, a) for a, b in pairs]).verdict == other.get(verdict, verdict)


@settings(max_examples=100, deadline=None)
@given(arms)
def test_every_seed_is_counted_once(pairs):
    finding = found(pairs)
    assert finding.gain.seeds + sum(finding.lost) == len(pairs)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.5, 3), min_size=3, max_size=8), st.data())
def test_a_run_that_diverged_never_helps_its_arm(gains, data):
    pairs = [(20 + gain, 20.0) for gain in gains]
    lost = [*pairs, (None, 20.0)]
    order = [CONTRADICTED, UNDECIDED, NO_EFFECT, SUPPORTED]
    assert order.index(found(lost).verdict) <= order.index(SUPPORTED)
    assert direction(np.array(gains), Lost(first=1)) < sum(range(1, len(gains) + 2))
    assert p_value(gains, Lost(first=1)) >= 0.5 ** len(gains)


def test_an_arm_that_diverged_in_every_seed_is_contradicted_and_the_cell_says_so():
    finding = found([(None, 20.0 + seed / 10) for seed in range(8)])
    assert finding.verdict == CONTRADICTED and finding.gain.seeds == 0
    assert "a diverged in 8 of 8 seeds" in str(finding)


def test_one_seed_and_equal_scores_decide_nothing():
    assert found([(30.0, 20.0)]).verdict == UNDECIDED
    tied = found([(20.0, 20.0)] * 4)
    assert tied.p == 1 and tied.verdict == NO_EFFECT


@pytest.mark.parametrize(
    ("low", "high", "corrected", "bound", "verdict"),
    [
        (0.1, 1, 0.01, 0.45, SUPPORTED),
        (-1, -0.1, 0.01, 0.45, CONTRADICTED),
        (-1, 1, 0.5, 0.45, UNDECIDED),
        (-0.1, 0.2, 0.5, 0.45, NO_EFFECT),
        (0.1, 0.3, 0.01, 0.45, SUPPORTED),  # small, and surely above zero
        (0.1, 1, 0.13, 0.45, UNDECIDED),  # the correction decides
        (0.1, 0.2, 0.13, 0.45, NO_EFFECT),
        (-0.1, 0.2, 0.5, None, UNDECIDED),
        (float("nan"), float("nan"), 1.0, 0.45, UNDECIDED),
    ],
)
def test_the_four_verdicts(low, high, corrected, bound, verdict):
    mean = (low + high) / 2
    finding = Finding(Difference(mean, low, high, 8), "points", corrected=corrected, ahead=mean, bound=bound)
    assert finding.verdict == verdict
    clear = low > 0 or high < 0
    assert ("after correction" in str(finding)) == (clear and verdict in (UNDECIDED, NO_EFFECT))


def test_a_cell_says_whether_the_papers_gain_lies_inside_the_interval():
    finding = Finding(Difference(0.05, -0.04, 0.14, 8), "points", bound=0.45, paper=0.9)
    assert str(finding) == "**no effect of note**: +0.05 points (-0.04 to +0.14); the paper's +0.9 lies outside"
    assert "inside" in str(finding._replace(paper=0.1))


def test_a_cell_tells_other_metrics_that_say_something_else():
    other = Finding(Difference(-0.19, -0.22, -0.16, 8), "points", metric="pixacc", corrected=0.001, ahead=-1)
    same = Finding(Difference(0.0, -0.2, 0.2, 8), "points", metric="fwIU")
    finding = Finding(Difference(0.06, -0.01, 0.13, 8), "points", others=(other, same))
    assert str(finding).endswith("; pixacc contradicted, -0.19 points (-0.22 to -0.16)") and "fwIU" not in str(finding)


def test_the_correction_is_over_tasks_and_pairs():
    rng = np.random.default_rng(0)
    rows = [
        (arm, seed, task, metric, 30 + rng.normal() + (arm == "a"))
        for task, metric in (("seg", "mIU"), ("normals", "mean"))
        for arm in "abc"
        for seed in range(6)
    ]
    table = QUANTITIES.attach(pd.DataFrame(rows, columns=["arm", "seed", "task", "metric", "value"]))
    together = contrasts(table, [("a", "b"), ("a", "c")], {"seg": "mIU", "normals": "mean"})
    assert together.holm.tolist() == pytest.approx(holm(together.p.tolist())) and len(together) == 4
