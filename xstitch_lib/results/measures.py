"""How a claim is tested: measures, which take the records of its studies and return task → `Finding`.

Positive gains support the claim.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from xstitch_lib.networks.towers import POOLS
from xstitch_lib.results.alphas import own_minus_other
from xstitch_lib.results.overlap import intervals
from xstitch_lib.results.record import Record
from xstitch_lib.results.statistics import (
    Difference,
    class_gains,
    contrasts,
    gains,
    means,
    relative_gain,
    summary,
)
from xstitch_lib.tasks.quantities import Quantities

STARTS = ["(0.1, 0.9)", "(0.5, 0.5)", "(0.7, 0.3)", "(0.9, 0.1)"]


class Finding(NamedTuple):
    """A gain with its interval, what it is measured in, and the verdict on the claim."""

    gain: Difference
    unit: str
    verdict: str
    digits: int = 2

    def __str__(self) -> str:
        unit = self.unit if self.unit == "°" else f" {self.unit}"
        return f"**{self.verdict}**: {self.gain.short(unit, self.digits)}"


Measure = Callable[..., Mapping[str, Finding]]


def _of_arms_that_ran(measure_of: Callable[..., Measure]) -> Callable[..., Measure]:
    """A measure of two arms finds nothing where a scale leaves one of them out."""

    @wraps(measure_of)
    def measure_of_both(first: str, second: str, *others: Any, **options: Any) -> Measure:
        measure = measure_of(first, second, *others, **options)
        return lambda record: measure(record) if {first, second} <= set(record.content["arms"]) else {}

    return measure_of_both


@_of_arms_that_ran
def better(first: str, second: str) -> Measure:
    """One arm is better than another, in each task's primary metric; Holm's p decides for a record's primary pairs."""

    def measure(record: Record) -> dict[str, Finding]:
        primary = [tuple(pair) for pair in record.content["primary"]]
        pairs = primary if (first, second) in primary else [(first, second)]
        found = contrasts(record.table, pairs, record.content["metrics"])
        rows = found[(found["first"] == first) & (found.second == second)]
        return {row.task: _finding(row.gain, record, row.task, row.metric, row.verdict) for row in rows.itertuples()}

    return measure


@_of_arms_that_ran
def better_over_draws(first: str, second: str) -> Measure:
    """The same where a cell has several draws, folds for instance: Nadeau and Bengio's interval and Holm's p decide."""

    def measure(record: Record) -> dict[str, Finding]:
        primary = [tuple(pair) for pair in record.content["primary"]]
        found = intervals(record, primary if (first, second) in primary else [(first, second)])
        rows = found[(found["first"] == first) & (found.second == second)]
        return {row.task: _finding(row.by_draw, record, row.task, row.metric, row.verdict) for row in rows.itertuples()}

    return measure


def gains_more_than(points: float, first: str, second: str) -> Measure:
    """The gain of one arm over another is larger than ``points``; the `Finding` has the gain itself."""

    def measure(record: Record) -> dict[str, Finding]:
        found = {}
        for task, metric in record.content["metrics"].items():
            values = gains(record.table, first, second, task, metric)
            found[task] = _finding(summary(values), record, task, metric, summary(values - points).verdict)
        return found

    return measure


def worst_start_gains(starts: Record) -> dict[str, Finding]:
    """Table 1: even the worst of the paper's four starts is better than one-task."""
    found = {}
    for task, metric in starts.content["metrics"].items():
        by_start = [gains(starts.table, start, "one-task", task, metric) for start in STARTS]
        found[task] = _finding(summary(min(by_start, key=np.mean)), starts, task, metric)
    return found


@_of_arms_that_ran
def converges_faster(first: str, second: str) -> Measure:
    """One arm is ahead of another on average over the second phase, on validation pictures."""

    def measure(record: Record) -> dict[str, Finding]:
        curves, found = record.curves[record.curves.phase == 1], {}
        for task, metric in record.content["metrics"].items():
            along = curves[(curves.task == task) & (curves.metric == metric) & (curves.step > 0)]
            average = along.groupby(["arm", "seed", "task", "metric"], as_index=False).value.mean()
            values = gains(Quantities.of(curves).attach(average), first, second, task, metric)
            found[task] = _finding(summary(values), record, task, metric)
        return found

    return measure


@_of_arms_that_ran
def rarest_gain(first: str, second: str, classes: int = 10) -> Measure:
    """Figure 6: the mean gain of the classes with the fewest labels."""

    def measure(record: Record) -> dict[str, Finding]:
        counts = pd.Series(record.content["labels"]["seg"])
        rarest = class_gains(record.per_class, first, second).loc[counts.nsmallest(classes).index]
        return {"seg": _finding(summary(rarest.mean()), record, "seg", "IU")}

    return measure


@_of_arms_that_ran
def rarer_gains_more(first: str, second: str, predicted: bool = False) -> Measure:
    """Figure 6: over classes, the rank correlation of gain and rareness; of all, or of those that are predicted."""

    def measure(record: Record) -> dict[str, Finding]:
        gain = class_gains(record.per_class, first, second)
        gain = gain.drop(hardly_predicted(record)) if predicted else gain
        rareness = -pd.Series(record.content["labels"]["seg"]).loc[gain.index]
        return {"seg": _of(gain.corrwith(rareness, method="spearman"), "rank correlation")}

    return measure


def hardly_predicted(record: Record, iu: float = 1.0) -> list[str]:
    """Classes whose IU in one-task training is below a point: what a network knows of them does not show."""
    rows = record.per_class[(record.per_class.arm == "one-task") & (record.per_class.metric == "IU")]
    means = rows.groupby("class").value.mean()
    return list(means[means < iu].index)


def only(task: str, measure: Measure) -> Measure:
    """A claim about one task."""
    return lambda *records: {task: measure(*records)[task]}


def gains_more(more: tuple[str, str], less: tuple[str, str]) -> Measure:
    """The gain of one pair of arms is larger than that of another, seed by seed.

    Of two records the first has ``more``, the second ``less``; one record has both.
    """

    def measure(*records: Record) -> dict[str, Finding]:
        here, there = records[0], records[-1]
        found = {}
        for task, metric in here.content["metrics"].items():
            difference = gains(here.table, *more, task, metric) - gains(there.table, *less, task, metric)
            found[task] = _finding(summary(difference.dropna()), here, task, metric)
        return found

    return measure


def own_at(layer: str, arms: Sequence[str]) -> Measure:
    """Section 5.4: mean alpha_S is above mean alpha_D at a layer, whatever the start; the start where it is least."""

    def measure(record: Record) -> dict[str, Finding]:
        gaps, found = own_minus_other(record, arms, [layer]), {}
        for task in record.content["metrics"]:
            by_arm = [rows.value.to_numpy() for _, rows in gaps[gaps.task == task].groupby("arm")]
            found[task] = _of(min(by_arm, key=np.mean), "weight")
        return found

    return measure


def own_more_than(layer: str, other: str, arm: str) -> Measure:
    """Mean alpha_S is further above mean alpha_D at one layer than at another."""

    def measure(record: Record) -> dict[str, Finding]:
        gaps, found = own_minus_other(record, [arm], [layer, other]), {}
        for task in record.content["metrics"]:
            by_layer = gaps[gaps.task == task].pivot(index="seed", columns="layer", values="value")
            found[task] = _of(by_layer[layer] - by_layer[other], "weight")
        return found

    return measure


def takes_less(layer: str, other: str, arm: str) -> Measure:
    """The same, by shares of variance, which rescaling leaves as they are: less comes from the other task."""

    def measure(record: Record) -> dict[str, Finding]:
        rows = record.sharing[record.sharing.arm == arm]
        found = {}
        for task in record.content["metrics"]:
            taken = rows[(rows.task == task) & (rows.source != task)]
            taken = taken.pivot(index="seed", columns="layer", values="share")
            found[task] = _of(taken[other] - taken[layer], "share of variance")
        return found

    return measure


def shares_more(first: str, second: str, arm: str) -> Measure:
    """Section 5.4: one task's alpha_S and alpha_D are closer than another's, on average over layers."""

    def measure(record: Record) -> dict[str, Finding]:
        gaps = own_minus_other(record, [arm], POOLS).groupby(["seed", "task"]).value.mean().unstack()
        return {first: _of(gaps[second] - gaps[first], "weight")}

    return measure


def takes_more(first: str, second: str, arm: str) -> Measure:
    """The same, by shares of variance: one task takes more from the other than the other from it."""

    def measure(record: Record) -> dict[str, Finding]:
        rows = record.sharing
        taken = rows[(rows.arm == arm) & (rows.task != rows.source)].groupby(["seed", "task"]).share.mean().unstack()
        return {first: _of(taken[first] - taken[second], "share of variance")}

    return measure


def against_chosen(record: Record, choices: Mapping[str, tuple[str, Mapping[str, str]]]) -> pd.DataFrame:
    """Settings that were tried, each against the chosen one of its group: in percent, averaged over the record's tasks.

    Args:
        choices: group → the arm that was chosen, and setting → arm. An arm that diverged is said to.
    """
    metrics, rows = record.content["metrics"], []
    levels = means(record.table, list(metrics.items()))
    for group, (chosen, settings) in choices.items():
        for setting, arm in settings.items():
            row = {"choice": group, "setting": f"{setting}, chosen" if arm == chosen else setting}
            nothing = arm == chosen or levels.loc[arm].isna().all()
            found = "" if nothing else relative_gain(record.table, arm, chosen, metrics).short()
            rows.append(row | {**levels.loc[arm].fillna("diverged"), "better than chosen, percent": found})
    return pd.DataFrame(rows)


def post_processing(record: Record) -> pd.DataFrame:
    """What turning predicted normals to each picture's three directions gains: arm, metric, before, after, gain.

    Of records with real frames (`NYUScale`), whose normals are measured twice; see `xstitch_lib.tasks.manhattan`.
    """
    normals, quantities = record.table[record.table.task == "normals"], Quantities.of(record.table)
    by_arm, rows = normals.pivot(index="seed", columns=["arm", "metric"], values="value"), []
    for arm in by_arm.columns.unique("arm"):
        values = by_arm[arm].dropna(how="all")  # an arm may lack a seed
        for metric in ("mean", "median", "11.25", "22.5", "30"):
            before, after = values[metric], values[f"manhattan {metric}"]
            gain = summary(quantities.find("normals", metric).gain(after, before)).short()
            levels = {"before": f"{before.mean():.2f}", "after": f"{after.mean():.2f}"}
            rows.append({"arm": arm, "metric": metric, **levels, "gain": gain})
    return pd.DataFrame(rows)


def _finding(gain: Difference, record: Record, task: str, metric: str, verdict: str | None = None) -> Finding:
    """A gain in a metric of the record; its own verdict where none is given."""
    quantity = Quantities.of(record.table).find(task, metric)
    return Finding(gain, quantity.difference_unit, verdict or gain.verdict, quantity.digits)


def _of(values: Sequence[float], measured_in: str) -> Finding:
    """Of what is no metric, one value a seed."""
    gain = summary(values)
    return Finding(gain, measured_in, gain.verdict)
