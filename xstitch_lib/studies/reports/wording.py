"""Differences and verdicts as a page words them."""

from collections.abc import Mapping, Sequence

import pandas as pd

from xstitch_lib.results import paper
from xstitch_lib.results.findings import Finding
from xstitch_lib.results.record import Record
from xstitch_lib.results.statistics import Difference, gain, paper_gain
from xstitch_lib.studies.claims import TASKS
from xstitch_lib.tasks.quantities import Quantities, Quantity

# what a row of a table of the paper is called where its name there is a bare number or word
ROWS = {"table2": "×{}", "table3": "stitched, from {} towers"}


def row_name(table: str, arm: str) -> str:
    """A row of a table of the paper, as pages call it: "×10" of table 2."""
    return ROWS.get(table, "{}").format(arm)


def worded(difference: Difference, quantity: Quantity) -> str:
    """With the quantity's unit: "+0.38° (+0.15 to +0.61)", "+0.10 points (one seed)".

    >>> from xstitch_lib.results.statistics import summary
    >>> from xstitch_lib.tasks import SemanticSegmentation, SurfaceNormals
    >>> worded(summary([1.0]), SemanticSegmentation.quantities["mIU"])
    '+1.00 points (one seed)'
    >>> worded(summary([1.0]), SurfaceNormals.quantities["median"])
    '+1.00° (one seed)'
    """
    return difference.short(unit_of(quantity), quantity.digits)


def unit_of(quantity: Quantity) -> str:
    """What stands behind a difference: "°" close to the number, words apart."""
    unit = quantity.difference_unit
    return f" {unit}" if unit.isalpha() else unit


def worded_gain(table: pd.DataFrame, first: str, second: str, task: str, metric: str) -> str:
    """What one arm gains over another, as `xstitch_lib.results.statistics.gain` finds it; + is better."""
    return worded(gain(table, first, second, task, metric), Quantities.of(table).find(task, metric))


def worded_gains(table: pd.DataFrame, pairs: Mapping[str, Sequence[str]], metrics: Mapping[str, str]) -> dict[str, str]:
    """Name_task → what the first arm of each pair gains over the second."""
    return {
        f"{name}_{task}": worded_gain(table, *pair, task, metric)
        for name, pair in pairs.items()
        for task, metric in metrics.items()
    }


def worded_verdict(found: Mapping[str, Finding], task: str) -> str:
    """The verdict of what a measure found; "not run" where it found nothing, because the record lacks an arm."""
    return found[task].verdict if task in found else "not run"


def level(record: Record, arm: str, task: str, metric: str) -> pd.Series:
    """A metric of an arm, one value a seed; seeds that diverged or are still to come are left out."""
    table = record.table
    rows = table[(table.arm == arm) & (table.task == task) & (table.metric == metric)]
    return rows.set_index("seed").value


def contrasts_shown(found: pd.DataFrame, beside: str) -> pd.DataFrame:
    """The comparisons named before the run, as text: a row a task and pair, with the paper's gain where it has both.

    Args:
        found: as `xstitch_lib.results.findings.contrasts` gives it.
        beside: the paper's table, "table5".
    """
    theirs = paper.table(beside)

    def reported(row) -> str:
        known = {row.first, row.second} <= {*theirs.arm}
        return f"{paper_gain(theirs, row.first, row.second, row.task, row.metric):+.1f}" if known else ""

    rows = [*found.itertuples()]
    return pd.DataFrame(
        {
            "task": [f"{TASKS[row.task]}, {row.metric} ({row.finding.unit})" for row in rows],
            "comparison": [f"{row.first} − {row.second}" for row in rows],
            "the paper": [reported(row) for row in rows],
            "gain": [row.gain.short() for row in rows],
            "p, Holm": ["< 0.001" if row.holm < 0.001 else f"{row.holm:.3f}" for row in rows],
            "cross-stitch is better": [row.verdict for row in rows],
        }
    )
