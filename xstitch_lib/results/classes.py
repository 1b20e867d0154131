"""How figures 5 and 6 are tested: gains of classes or attributes against how many labels they have.

The claims are about classes, so an interval is over classes and seeds together: both are drawn anew (bootstrap).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from xstitch_lib.results.findings import Finding, Lost
from xstitch_lib.results.measures import Measure, of_arms_that_ran
from xstitch_lib.results.record import Record
from xstitch_lib.results.statistics import Difference, class_gains
from xstitch_lib.tasks.quantities import Quantities

DRAWS = 4000
Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]  # mean gains and label counts (…, classes) → (…)


def rank_correlation(gain: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Of gain and rareness, Spearman's, along the last axis; 0 where there is no order.

    >>> float(rank_correlation(np.array([3.0, 2.0, 1.0]), np.array([10, 20, 30])))
    1.0
    """
    gain, rareness = [stats.rankdata(values, axis=-1) for values in (gain, -labels)]
    gain, rareness = [ranks - ranks.mean(-1, keepdims=True) for ranks in (gain, rareness)]
    spread = np.sqrt((gain**2).sum(-1) * (rareness**2).sum(-1))
    return np.where(spread > 0, (gain * rareness).sum(-1) / np.where(spread > 0, spread, 1), 0.0)


def mean_gain(gain: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Along the last axis."""
    return gain.mean(-1)


def over_classes(gain: pd.DataFrame, labels: pd.Series, statistic: Statistic) -> Difference:
    """A statistic of the classes' mean gains, its 95 % interval over classes and seeds together, and the seeds.

    Args:
        gain: one row a class, one column a seed.
        labels: their counts.
    """
    values, counts, rng = gain.to_numpy(float), labels.loc[gain.index].to_numpy(float), np.random.default_rng(0)
    classes, seeds = [rng.integers(0, n, (DRAWS, n)) for n in values.shape]
    drawn = statistic(values[classes[:, :, None], seeds[:, None, :]].mean(-1), counts[classes])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Difference(float(statistic(values.mean(1), counts)), float(low), float(high), gain.shape[1])


def leave_one_out(gain: pd.DataFrame, labels: pd.Series, statistic: Statistic) -> pd.Series:
    """The statistic without each class in turn."""
    mean, counts = gain.mean(axis=1), labels.loc[gain.index]
    without = {name: (mean.drop(name).to_numpy(), counts.drop(name).to_numpy()) for name in gain.index}
    return pd.Series({name: float(statistic(*both)) for name, both in without.items()})


def permutation_p(gain: pd.DataFrame, labels: pd.Series) -> float:
    """Of the rank correlation, two-sided: how often a random order of the labels gives as much."""
    mean, counts, rng = gain.mean(axis=1).to_numpy(), labels.loc[gain.index].to_numpy(), np.random.default_rng(0)
    orders = rng.permuted(np.tile(counts, (DRAWS, 1)), axis=1)
    drawn = abs(rank_correlation(np.tile(mean, (DRAWS, 1)), orders))
    return float(1 + (drawn >= abs(rank_correlation(mean, counts)) - 1e-12).sum()) / (1 + DRAWS)


def sign_p(gain: pd.DataFrame) -> float:
    """Of a mean over classes, two-sided: how often random signs of the classes' gains give as much.

    With few classes no p is small: of two it is a half at least.
    """
    mean, rng = gain.mean(axis=1).to_numpy(), np.random.default_rng(0)
    signs = rng.choice([-1, 1], (DRAWS, len(mean)))
    return float((1 + (abs(signs @ mean) >= abs(mean.sum()) - 1e-12).sum()) / (1 + DRAWS))


@of_arms_that_ran
def rarest_gain(first: str, second: str, classes: int = 10, task: str = "seg", metric: str = "IU") -> Measure:
    """The mean gain of the classes with the fewest labels."""

    def measure(record: Record) -> dict[str, Finding]:
        gain, labels = _of(record, first, second, task, metric)
        return _mean(record, first, second, gain.loc[labels.nsmallest(classes).index], labels, task, metric)

    return measure


@of_arms_that_ran
def named_gain(first: str, second: str, names: Sequence[str], task: str = "seg", metric: str = "IU") -> Measure:
    """The mean gain of some classes; nothing where a record lacks one of them."""

    def measure(record: Record) -> dict[str, Finding]:
        gain, labels = _of(record, first, second, task, metric)
        if not {*names} <= {*gain.index}:
            return {}
        each = ", ".join([f"{name} {gain.loc[name].mean():+.1f}" for name in names])
        found = _mean(record, first, second, gain.loc[list(names)], labels, task, metric)
        return {task: found[task]._replace(note=f"{each}; {len(names)} classes")}

    return measure


@of_arms_that_ran
def rarer_gains_more(
    first: str, second: str, predicted: bool = False, task: str = "seg", metric: str = "IU"
) -> Measure:
    """The rank correlation of gain and rareness, over all classes or over those that are predicted."""

    def measure(record: Record) -> dict[str, Finding]:
        gain, labels = _of(record, first, second, task, metric)
        gain = gain.drop(hardly_predicted(record), errors="ignore") if predicted else gain
        interval, p = over_classes(gain, labels, rank_correlation), permutation_p(gain, labels)
        note = _note(gain, labels, rank_correlation)
        lost = Lost.of(record.table, first, second)
        return {task: Finding(interval, "rank correlation", **_tested(p, interval, note, lost, first, second))}

    return measure


def hardly_predicted(record: Record, iu: float = 1.0) -> list[str]:
    """Classes whose IU in one-task training is below a point: what a network knows of them does not show."""
    rows = record.per_class[(record.per_class.arm == "one-task") & (record.per_class.metric == "IU")]
    means = rows.groupby("class").value.mean()
    return list(means[means < iu].index)


def _of(record: Record, first: str, second: str, task: str, metric: str) -> tuple[pd.DataFrame, pd.Series]:
    """Gains and labels of the classes that somebody has, in training and in the test."""
    rows = record.per_class[record.per_class.task == task]
    gain = class_gains(Quantities.of(record.per_class).attach(rows), first, second, metric)
    labels = pd.Series(record.content["labels"][task], dtype=float)
    known = gain[gain.index.isin(labels[labels > 0].index)].dropna()
    return known, labels[known.index]


def _mean(record: Record, first: str, second: str, gain, labels, task: str, metric: str) -> dict[str, Finding]:
    interval, p = over_classes(gain, labels, mean_gain), sign_p(gain)
    quantity, lost = Quantities.of(record.per_class).find(task, metric), Lost.of(record.table, first, second)
    note = _note(gain, labels, mean_gain)
    unit, digits = quantity.difference_unit, quantity.digits
    return {task: Finding(interval, unit, digits, metric, **_tested(p, interval, note, lost, first, second))}


def _tested(p: float, interval: Difference, note: str, lost: Lost, first: str, second: str) -> dict[str, Any]:
    told = {"note": note, "lost": lost, "arms": (first, second)}
    return {"p": p, "corrected": p, "ahead": interval.mean, **told}


def _note(gain: pd.DataFrame, labels: pd.Series, statistic: Statistic) -> str:
    if len(gain) < 3:
        return f"{len(gain)} classes"
    without = leave_one_out(gain, labels, statistic)
    return f"{len(gain)} classes, without one of them {without.min():+.2f} to {without.max():+.2f}"
