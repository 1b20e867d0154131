"""Intervals where runs are no independent seeds: draws that share training samples, test samples that share people."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from xstitch_lib.results.record import Record
from xstitch_lib.results.statistics import Difference, gain, holm
from xstitch_lib.tasks.quantities import Quantities

PERSON = "person "  # what a class of per_class is called that is one


class OfDraws(Difference):
    """A mean difference over draws of the split."""

    noun = "draws"


class OfPeople(Difference):
    """A mean difference over people."""

    noun = "people"


def overlap_corrected(differences: Sequence[float], test: float, train: float) -> OfDraws:
    """The mean of one difference a draw, with a 95 % interval that knows that the draws share training samples.

    A t interval whose squared standard error is ``(1/J + test/train) · s²`` in place of ``s²/J``: J draws are not J
    independent trainings, however many there are.

    Args:
        differences: one a draw, J ≥ 2; over seeds they are averaged before.
        test, train: how many samples each draw tests and trains on.

    Raises:
        ValueError: for no training samples.

    >>> print(overlap_corrected([1, 2, 3, 4], test=20, train=80))
    +2.50 (95 % interval -0.41 to +5.41, 4 draws)

    Source: Nadeau and Bengio, "Inference for the Generalization Error", Machine Learning 52 (2003), section 4.
    """
    return OfDraws(*_interval(np.mean(differences), _overlap_error(differences, test, train), len(differences)))


def clustered(differences: Sequence[float], sizes: Sequence[float]) -> OfPeople:
    """The mean difference over samples, with a 95 % interval for samples that come in clusters.

    Args:
        differences: the mean of each cluster, of one person for instance; 2 or more.
        sizes: how many samples that is: the mean weighs by them.

    Returns:
        a t interval with as many degrees of freedom as there are clusters less one, whose squared standard error is
        ``G/(G-1) · Σ (size · (difference - mean))² / (Σ size)²``. For equal sizes it is the plain one over clusters.

    It holds the trained networks for given: it tells how other people would fare with these, not with others.

    >>> print(clustered([2, 4], sizes=[2, 2]))
    +3.00 (95 % interval -9.71 to +15.71, 2 people)

    Source: Liang and Zeger, "Longitudinal Data Analysis Using Generalized Linear Models", Biometrika 73 (1986).
    """
    values, weights = np.asarray(differences, float), np.asarray(sizes, float)
    count = len(values)
    if count < 2:
        return OfPeople(*_interval(values.mean() if count else math.nan, math.nan, count))
    mean = np.average(values, weights=weights)
    error = math.sqrt(count / (count - 1) * np.square(weights * (values - mean)).sum()) / weights.sum()
    return OfPeople(*_interval(mean, error, count))


def draws(record: Record) -> list[str]:
    """The names of a record's draws; none where a cell has one."""
    rows = record.per_class
    return [*rows[rows.task == "both"]["class"].unique()]


def draw_gains(record: Record, first: str, second: str, task: str, metric: str = "accuracy") -> pd.Series:
    """How much better one arm is than another in each draw, by the draw's name, averaged over seeds that both have."""
    rows = record.per_class
    return _gains(record, rows[rows["class"].isin(draws(record))], first, second, task, metric)


def person_gains(record: Record, first: str, second: str, task: str) -> pd.DataFrame:
    """How much better one arm is than another for each person, averaged over draws and seeds that both have.

    Args:
        task: its name; "both", the mean of all tasks.

    Returns:
        one row a person: gain, in points of accuracy, and samples, of a draw.
    """
    rows = record.per_class
    rows = rows[rows["class"].str.startswith(PERSON)]
    tasks = rows.task.unique() if task == "both" else [task]
    gains = [_gains(record, rows, first, second, one, "accuracy") for one in tasks]
    samples = rows[(rows.metric == "samples") & (rows.task == tasks[0])].groupby("class").value.mean()
    return pd.DataFrame({"gain": sum(gains) / len(gains), "samples": samples}).dropna()


def intervals(record: Record, pairs: Sequence[tuple[str, str]] | None = None, tasks: Sequence[str] | None = None):
    """Gains of pairs of arms with three intervals beside each other.

    Args:
        record: one of a world with people, whose cells have several draws.
        pairs: (first, second); None, the record's primary ones. Those that no seed has both of are left out.
        tasks: None, those of the record's metrics. The metric is accuracy.

    Returns:
        One row a task and pair: task, metric, first, second; three `Difference`: ``by_seed``, of training alone, on the
        very draws; ``by_person``, `clustered`; ``by_draw``, `overlap_corrected`, the one that asks whether another data
        set would agree; ``p`` of that one, and ``holm``, corrected within the task.

    Raises:
        ValueError: if the record has fewer than two draws.
    """
    asked = [tuple(pair) for pair in record.content["primary"]] if pairs is None else pairs
    pairs = [(first, second) for first, second in asked if {*record.finished(first)} & {*record.finished(second)}]
    rows = []
    for task in tasks or record.content["metrics"]:
        found = [_three(record, *pair, task) for pair in pairs]
        corrected = holm([p for *_, p in found])
        for pair, (by_seed, by_person, by_draw, p), after in zip(pairs, found, corrected, strict=True):
            rows.append((task, "accuracy", *pair, by_seed, by_person, by_draw, p, after))
    columns = ["task", "metric", "first", "second", "by_seed", "by_person", "by_draw", "p", "holm"]
    return pd.DataFrame(rows, columns=columns)


def _three(record: Record, first: str, second: str, task: str) -> tuple[Difference, OfPeople, OfDraws, float]:
    people, of_draws = person_gains(record, first, second, task), draw_gains(record, first, second, task)
    if len(of_draws) < 2:
        raise ValueError(f"{record} has {len(of_draws)} draws: an interval over draws needs two or more")
    sizes = record.per_class[record.per_class.metric.isin(["test", "train"])].groupby("metric").value.mean()
    by_draw = overlap_corrected(of_draws, sizes["test"], sizes["train"])
    error = _overlap_error(of_draws, sizes["test"], sizes["train"])
    p = float(2 * stats.t.sf(abs(by_draw.mean) / error, len(of_draws) - 1)) if error else float(not by_draw.mean)
    return gain(record.table, first, second, task, "accuracy"), clustered(*people.to_numpy().T), by_draw, p


def _gains(record: Record, rows: pd.DataFrame, first: str, second: str, task: str, metric: str) -> pd.Series:
    rows = rows[(rows.task == task) & (rows.metric == metric) & rows.arm.isin([first, second])]
    values = (
        rows.pivot(index=["class", "seed"], columns="arm", values="value").reindex(columns=[first, second]).dropna()
    )
    quantity = Quantities.of(record.per_class).find(task, metric)
    return quantity.gain(values[first], values[second]).groupby("class").mean()


def _overlap_error(differences: Sequence[float], test: float, train: float) -> float:
    if not train > 0:
        raise ValueError(f"the correction for overlap needs training samples; got {train}")
    count = len(differences)
    return math.sqrt((1 / count + test / train) * np.var(differences, ddof=1)) if count > 1 else math.nan


def _interval(mean: float, error: float, count: int) -> tuple[float, float, float, int]:
    margin = float(stats.t.ppf(0.975, count - 1)) * error if count > 1 else math.nan
    return float(mean), float(mean - margin), float(mean + margin), count
