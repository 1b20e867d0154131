"""Differences between arms, paired by seed: the effect is the size of seed noise, so the seed is taken out."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from xstitch_lib.tasks.quantities import Quantities


class Difference(NamedTuple):
    """A mean paired difference with its interval; `str` writes it as a reader wants it."""

    mean: float
    low: float
    high: float
    seeds: int
    noun = "seeds"  # what a subclass counts in their place

    def __str__(self) -> str:
        if self.seeds < 2:
            return self.short()
        return f"{self.mean:+.2f} (95 % interval {self._interval(2)}, {self.seeds} {self.noun})"

    def short(self, unit: str = "", digits: int = 2) -> str:
        """With a unit and without the number of seeds: "+0.38° (+0.15 to +0.61)"."""
        if self.seeds < 2:
            return f"{self.mean:+.{digits}f}{unit} (one seed)" if self.seeds else "no seed in common"
        return f"{self.mean:+.{digits}f}{unit} ({self._interval(digits)})"

    def _interval(self, digits: int) -> str:
        return f"{self.low:+.{digits}f} to {self.high:+.{digits}f}"


def paired_difference(first: Sequence[float], second: Sequence[float]) -> Difference:
    """The mean of ``first - second`` over seeds, with its 95 % t interval.

    Args:
        first, second: one value a seed, the same seeds in the same order; at least 2.

    Raises:
        ValueError: if the two differ in length, there are fewer than 2 seeds, or a value is not finite.

    >>> print(paired_difference([3.0, 4.0, 5.5], [2.0, 3.5, 4.0]))
    +1.00 (95 % interval -0.24 to +2.24, 3 seeds)

    Source: chapter "Two tasks on Fashion-MNIST".
    """
    if len(first) != len(second) or len(first) < 2:
        found = f"{len(first)} and {len(second)}"
        raise ValueError(f"a paired difference needs the same seeds twice, 2 or more; got {found}")
    if bad := np.count_nonzero(~np.isfinite([first, second])):
        raise ValueError(
            f"a paired difference needs finite values; got {bad} of {2 * len(first)} that are not: leave these seeds "
            "out of both arms, and say so"
        )
    return summary(np.subtract(first, second))


def summary(differences: Sequence[float]) -> Difference:
    """The mean of one difference a seed, with its 95 % t interval; it is NaN where there are too few seeds for one.

    What is not finite is no seed: it is left out, and not counted.
    """
    values = np.asarray(differences, dtype=float)
    values = values[np.isfinite(values)]
    count = len(values)
    mean = float(np.mean(values)) if count else math.nan
    margin = float(stats.t.ppf(0.975, count - 1) * stats.sem(values)) if count > 1 else math.nan
    return Difference(mean, mean - margin, mean + margin, count)


def gains(table: pd.DataFrame, first: str, second: str, task: str, metric: str) -> pd.Series:
    """How much better one arm is than another, one value a seed; positive is better, whatever the metric.

    Args:
        table: tidy, as a `Record` and a study's ``run`` give it, with its `Quantities`. Seeds that one of the
            arms lacks, because it diverged or is still to come, are left out; `Lost` counts the former.

    Raises:
        ValueError: if the table does not tell which way the metric is better.

    >>> from xstitch_lib.tasks import SurfaceNormals
    >>> rows = [("a", 0, 30.0), ("b", 0, 31.5), ("a", 1, 29.0), ("b", 1, 29.5)]
    >>> table = pd.DataFrame(rows, columns=["arm", "seed", "value"]).assign(task="normals", metric="mean")
    >>> table = Quantities(normals=SurfaceNormals.quantities).attach(table)
    >>> gains(table, "a", "b", "normals", "mean").tolist()
    [1.5, 0.5]
    """
    wanted = table[(table.task == task) & (table.metric == metric) & table.arm.isin([first, second])]
    values = wanted.pivot(index="seed", columns="arm", values="value").reindex(columns=[first, second])
    values = values.astype(float).replace([math.inf, -math.inf], math.nan).dropna()
    return Quantities.of(table).find(task, metric).gain(values[first], values[second])


def gain(table: pd.DataFrame, first: str, second: str, task: str, metric: str) -> Difference:
    """The mean of `gains` with its interval."""
    return summary(gains(table, first, second, task, metric))


def paper_gain(paper: pd.DataFrame, first: str, second: str, task: str, metric: str) -> float:
    """How much better one arm is than another in a table of the paper, one run each; positive is better.

    Args:
        paper: as `xstitch_lib.results.paper.table` gives it.

    >>> from xstitch_lib.results.paper import table
    >>> paper_gain(table("table5"), "cross-stitch", "one-task", "normals", "mean")
    0.7
    """
    found = gain(paper.assign(seed=0), first, second, task, metric)
    return round(found.mean, 1) + 0.0  # its numbers have one decimal; -0.0 is 0.0


def relative_gain(table: pd.DataFrame, first: str, second: str, metrics: Mapping[str, str]) -> Difference:
    """How much better one arm is than another, in percent of the other's mean, averaged over tasks.

    Args:
        metrics: task → metric.

    >>> from xstitch_lib.tasks import SemanticSegmentation
    >>> rows = [("a", 0, 30.0), ("b", 0, 25.0), ("a", 1, 30.0), ("b", 1, 25.0)]
    >>> table = pd.DataFrame(rows, columns=["arm", "seed", "value"]).assign(task="seg", metric="mIU")
    >>> table = Quantities(seg=SemanticSegmentation.quantities).attach(table)
    >>> relative_gain(table, "a", "b", {"seg": "mIU"}).mean
    20.0
    """
    return summary(relative_gains(table, first, second, metrics))


def relative_gains(table: pd.DataFrame, first: str, second: str, metrics: Mapping[str, str]) -> pd.Series:
    """The same, one value a seed."""
    shares = []
    for task, metric in metrics.items():
        level = table[(table.arm == second) & (table.task == task) & (table.metric == metric)].value.mean()
        shares.append(100 * gains(table, first, second, task, metric) / level)
    return sum(shares) / len(shares)


def class_gains(per_class: pd.DataFrame, first: str, second: str, metric: str = "IU") -> pd.DataFrame:
    """How much better one arm is than another in each class: one row a class, one column a seed.

    Args:
        per_class: as `Record.per_class` gives it. Seeds that one of the arms lacks are left out.
    """
    rows = per_class[per_class.metric == metric]
    values = rows.pivot(index=["class", "seed"], columns="arm", values="value")
    quantity = Quantities.of(per_class).find(rows.task.iloc[0], metric)
    return quantity.gain(values[first], values[second]).unstack("seed").dropna(axis="columns", how="all")


def means(table: pd.DataFrame, metrics: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Each arm's mean over seeds with half its 95 % interval, as text: what a results table of the book shows.

    An arm of which runs diverged is marked with their number, "(2 diverged)": its mean is of the others.

    Args:
        table: tidy, as for `gains`.
        metrics: (task, metric) of the columns. They get a "↓" where less is better, else a "↑".

    >>> from xstitch_lib.tasks import SurfaceNormals
    >>> rows = [("a", 0, 30.0), ("a", 1, 31.0)]
    >>> table = pd.DataFrame(rows, columns=["arm", "seed", "value"]).assign(task="normals", metric="mean")
    >>> table = Quantities(normals=SurfaceNormals.quantities).attach(table)
    >>> means(table, [("normals", "mean")]).loc["a", "normals mean ↓"]
    '30.50 ± 6.35'
    """
    columns, lost = {}, table[table.metric == "diverged"].arm.value_counts()
    for task, metric in metrics:
        rows = table[(table.task == task) & (table.metric == metric)]
        quantity, texts = Quantities.of(table).find(task, metric), {}
        for arm, values in rows.groupby("arm", sort=False).value:
            mean, low, _, seeds = summary(values)
            text = f"{mean:.{quantity.digits}f}" + (f" ± {mean - low:.{quantity.digits}f}" if seeds > 1 else "")
            texts[arm] = text + (f" ({lost[arm]} diverged)" if arm in lost else "")
        columns[f"{task} {metric} {quantity.arrow}"] = pd.Series(texts, dtype=object)
    return pd.DataFrame(columns).reindex(table.arm.unique())


def holm(p: Sequence[float]) -> list[float]:
    """P values corrected by Holm's step-down method, in the order given.

    >>> [round(value, 3) for value in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p)
    scaled = [(len(p) - rank) * p[i] for rank, i in enumerate(order)]
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(scaled))
    return corrected.tolist()
