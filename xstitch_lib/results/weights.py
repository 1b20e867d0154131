"""How section 5.4 is tested: what learned alphas and shares of variance prefer."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xstitch_lib.networks.towers import POOLS
from xstitch_lib.results.alphas import own_minus_other
from xstitch_lib.results.findings import Finding, Lost, corrected, direction, p_value
from xstitch_lib.results.measures import Measure, least
from xstitch_lib.results.record import Record
from xstitch_lib.results.statistics import summary


def own_at(layer: str, arms: Sequence[str]) -> Measure:
    """Mean alpha_S is above mean alpha_D at a layer, in all tasks, whatever the start: one claim, so one verdict.

    The `Finding` is that of the task and start where it is least.
    """

    def measure(record: Record) -> dict[str, Finding]:
        if not _ran(record, *arms):
            return {}
        gaps, found = own_minus_other(record, arms, [layer]), {}
        for task in record.content["metrics"]:
            for arm in arms:
                rows = gaps[(gaps.task == task) & (gaps.arm == arm)]
                found[f"{task} from {arm}"] = _of(rows.value, "weight", _lost(record, arm), arm)
        return {"all": least(found, note="least in {}")}

    return measure


def own_more_than(layer: str, other: str, arm: str) -> Measure:
    """Mean alpha_S is further above mean alpha_D at one layer than at another."""

    def measure(record: Record) -> dict[str, Finding]:
        if not _ran(record, arm):
            return {}
        gaps, found = own_minus_other(record, [arm], [layer, other]), {}
        for task in record.content["metrics"]:
            by_layer = gaps[gaps.task == task].pivot(index="seed", columns="layer", values="value")
            found[task] = _of(by_layer[layer] - by_layer[other], "weight", _lost(record, arm), arm)
        return corrected(found)

    return measure


def takes_less(layer: str, other: str, arm: str) -> Measure:
    """The same, by shares of variance, which rescaling leaves as they are: less comes from the other task."""

    def measure(record: Record) -> dict[str, Finding]:
        rows, found = record.sharing[record.sharing.arm == arm], {}
        if rows.empty:
            return {}
        for task in record.content["metrics"]:
            taken = rows[(rows.task == task) & (rows.source != task)]
            taken = taken.pivot(index="seed", columns="layer", values="share")
            found[task] = _of(taken[other] - taken[layer], "share of variance", _lost(record, arm), arm)
        return corrected(found)

    return measure


def shares_more(first: str, second: str, arm: str) -> Measure:
    """One task's alpha_S and alpha_D are closer than another's, on average over layers."""

    def measure(record: Record) -> dict[str, Finding]:
        if not _ran(record, arm):
            return {}
        gaps = own_minus_other(record, [arm], POOLS).groupby(["seed", "task"]).value.mean().unstack()
        return {first: _of(gaps[second] - gaps[first], "weight", _lost(record, arm), arm)}

    return measure


def takes_more(first: str, second: str, arm: str) -> Measure:
    """The same, by shares of variance: one task takes more from the other than the other from it."""

    def measure(record: Record) -> dict[str, Finding]:
        rows = record.sharing
        rows = rows[(rows.arm == arm) & (rows.task != rows.source)]
        if rows.empty:
            return {}
        taken = rows.groupby(["seed", "task"]).share.mean().unstack()
        return {first: _of(taken[first] - taken[second], "share of variance", _lost(record, arm), arm)}

    return measure


def _ran(record: Record, *arms: str) -> bool:
    return {*arms} <= {cell["arm"] for cell in record.content["cells"]}


def _lost(record: Record, arm: str) -> Lost:
    """A run of this arm alone is one without learned weights, so it counts against the claim."""
    statuses = [cell["status"] for cell in record.content["cells"] if cell["arm"] == arm]
    return Lost(first=sum([status != "done" for status in statuses]))


def _of(values: Sequence[float] | pd.Series, measured_in: str, lost: Lost, arm: str) -> Finding:
    values = np.asarray(values, dtype=float)
    p = p_value(values, lost)
    tested = {"p": p, "corrected": p, "ahead": direction(values, lost), "lost": lost, "arms": (arm, "none")}
    return Finding(summary(values), measured_in, **tested)
