"""How a claim about scores is tested: measures, which take the records of its studies and return task → `Finding`.

Positive gains support the claim. What is said of classes is tested in `classes`, of learned weights in `weights`.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import pandas as pd

from xstitch_lib.results import paper
from xstitch_lib.results.bounds import bound
from xstitch_lib.results.findings import (
    SUPPORTED,
    Finding,
    Lost,
    contrasts,
    corrected,
    direction,
    found_gain,
    p_value,
)
from xstitch_lib.results.overlap import draws, intervals
from xstitch_lib.results.record import Record
from xstitch_lib.results.statistics import gains, holm, summary
from xstitch_lib.tasks.quantities import Quantities

STARTS = ["(0.1, 0.9)", "(0.5, 0.5)", "(0.7, 0.3)", "(0.9, 0.1)"]
Measure = Callable[..., Mapping[str, Finding]]


def of_arms_that_ran(measure_of: Callable[..., Measure]) -> Callable[..., Measure]:
    """A measure of two arms finds nothing where a scale leaves one of them out."""

    @wraps(measure_of)
    def measure_of_both(first: str, second: str, *others: Any, **options: Any) -> Measure:
        measure = measure_of(first, second, *others, **options)
        return lambda record: measure(record) if {first, second} <= set(record.content["arms"]) else {}

    return measure_of_both


@of_arms_that_ran
def better(first: str, second: str, metrics: Mapping[str, str] | None = None) -> Measure:
    """One arm is better than another, in each task's main metric, with the others beside it.

    Corrected over the record's tasks and, of a pair named before the run, over all such pairs.

    Args:
        metrics: task → another metric than the record's, for tasks that the record has.
    """

    def measure(record: Record) -> dict[str, Finding]:
        primary = [tuple(pair) for pair in record.content["primary"]]
        pairs = primary if (first, second) in primary else [(first, second)]
        main = dict(record.content["metrics"])
        main |= {task: metric for task, metric in (metrics or {}).items() if task in main}
        rows = contrasts(record.table, pairs, main)
        rows = rows[(rows["first"] == first) & (rows.second == second)]
        return {
            row.task: row.finding._replace(others=_other_metrics(record, first, second, row.task, row.metric))
            for row in rows.itertuples()
        }

    return measure


@of_arms_that_ran
def better_over_draws(first: str, second: str) -> Measure:
    """The same where a cell has several draws, folds for instance: Nadeau and Bengio's interval and Holm's p decide.

    Of a record whose cells have one draw it is `better`.
    """

    def measure(record: Record) -> dict[str, Finding]:
        if not draws(record):
            return better(first, second)(record)
        primary = [tuple(pair) for pair in record.content["primary"]]
        rows = intervals(record, primary if (first, second) in primary else [(first, second)])
        rows = rows[(rows["first"] == first) & (rows.second == second)]
        known = Quantities.of(record.table)
        found = {}
        for row in rows.itertuples():
            quantity = known.find(row.task, row.metric)
            found[row.task] = Finding(
                *(row.by_draw, quantity.difference_unit, quantity.digits, row.metric, (first, second)),
                *(row.p, row.holm, row.by_draw.mean),
                bound=bound(row.task, row.metric),
                note=f"over {row.by_draw.seeds} draws of the split, corrected for their overlap",
            )
        return found

    return measure


def _other_metrics(record: Record, first: str, second: str, task: str, main: str) -> tuple[Finding, ...]:
    """A gain in the other metrics that the paper has of the task, each corrected over all of the task's."""
    ours = {*record.table[record.table.task == task].metric}
    metrics = [metric for metric in paper.QUANTITIES.get(task, ()) if metric in ours]
    every = corrected({metric: found_gain(record.table, first, second, task, metric) for metric in metrics})
    return tuple([found for metric, found in every.items() if metric != main])


def gains_more_than(points: float, first: str, second: str) -> Measure:
    """The gain of one arm over another is larger than ``points``; the `Finding` has the gain itself."""

    def measure(record: Record) -> dict[str, Finding]:
        metrics = record.content["metrics"].items()
        return corrected({t: found_gain(record.table, first, second, t, metric, points) for t, metric in metrics})

    return measure


def worst_start_gains(starts: Record) -> dict[str, Finding]:
    """Table 1: even the worst of the paper's four starts is better than one-task; a start that diverged is the worst.

    Supported if all four are; contradicted if one is, corrected over the four.
    """
    found = {}
    for task, metric in starts.content["metrics"].items():
        by_start = {start: found_gain(starts.table, start, "one-task", task, metric) for start in STARTS}
        found[task] = least(by_start, note="the worst is {}")
    return corrected(found)


def least(found: Mapping[str, Finding], note: str = "") -> Finding:
    """Of several findings, all of which a claim needs: the one that is furthest from it, so tested.

    Its p is the largest of all where all agree with the claim, else its own, corrected over all.

    Args:
        note: what is said of it, with its name for {}; of the others those that lost most of their runs are named.
    """
    name, worst = min(found.items(), key=lambda item: (-item[1].lost.first, *_order(item[1]), item[0]))
    all_ahead = min([f.ahead for f in found.values()]) > 0
    values = dict(zip(found, holm([f.p for f in found.values()]), strict=True))
    p = max([f.p for f in found.values()]) if all_ahead else values[name]
    said = [note.format(name)] if note else []
    for other, f in found.items():
        if 2 * f.lost.first > f.gain.seeds + sum(f.lost):
            said.append(f"{other} diverged in {f.lost.first} of {f.gain.seeds + sum(f.lost)} seeds")
    return worst._replace(p=p, corrected=p, note="; ".join(said))


def _order(finding: Finding) -> tuple[bool, float]:
    """Without a number first; NaN has no order of its own."""
    mean = finding.gain.mean
    return (True, mean) if mean == mean else (False, 0.0)


@of_arms_that_ran
def converges_faster(first: str, second: str) -> Measure:
    """One arm is ahead of another on average over the second phase, on validation pictures."""

    def measure(record: Record) -> dict[str, Finding]:
        curves, found = record.curves[record.curves.phase == 1], {}
        lost = record.table[record.table.metric == "diverged"]
        for task, metric in record.content["metrics"].items():
            along = curves[(curves.task == task) & (curves.metric == metric) & (curves.step > 0)]
            average = along.groupby(["arm", "seed", "task", "metric"], as_index=False).value.mean()
            table = Quantities.of(curves).attach(pd.concat([average, lost[average.columns]]))
            found[task] = found_gain(table, first, second, task, metric)
        return corrected(found)

    return measure


def only(task: str, measure: Measure) -> Measure:
    """A claim about one task."""

    def measure_one(*records: Record) -> dict[str, Finding]:
        found = measure(*records)
        return {task: found[task]._replace(corrected=found[task].p)} if task in found else {}

    return measure_one


def gains_more(more: tuple[str, str], less: tuple[str, str]) -> Measure:
    """The gain of one pair of arms is larger than that of another, seed by seed.

    Of several records the first has ``more`` and each of the others ``less``, and it is larger than all; one has both.
    """

    def measure(*records: Record) -> dict[str, Finding]:
        here, found = records[0], {}
        for task, metric in here.content["metrics"].items():
            others = records[1:] or records
            by_record = {f"{r.content['study']}": _more(here, r, more, less, task, metric) for r in others}
            found[task] = least(by_record) if len(by_record) > 1 else next(iter(by_record.values()))
        return corrected(found)

    return measure


def _more(here: Record, there: Record, more: tuple, less: tuple, task: str, metric: str) -> Finding:
    values = (gains(here.table, *more, task, metric) - gains(there.table, *less, task, metric)).dropna()
    one, other = Lost.of(here.table, *more, task, metric), Lost.of(there.table, *less, task, metric)
    lost = Lost(one.first + other.second, one.second + other.first, one.both + other.both)
    base = found_gain(here.table, *more, task, metric)
    p = p_value(values, lost)
    return base._replace(gain=summary(values), p=p, corrected=p, ahead=direction(values, lost), lost=lost)


def supported(found: Mapping[str, Finding]) -> bool:
    """Whether a claim is supported in all its tasks."""
    return bool(found) and all([finding.verdict == SUPPORTED for finding in found.values()])
