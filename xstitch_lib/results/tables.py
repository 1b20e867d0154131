"""Tables of a page: ours beside the paper's, as text."""

from collections.abc import Mapping, Sequence

import pandas as pd

from xstitch_lib.results.statistics import gain, means, paper_gain
from xstitch_lib.tasks.quantities import Quantities


def levels_beside_paper(ours: pd.DataFrame, paper: pd.DataFrame, metrics: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """The `means` of each arm of ours, and below it the paper's row where the paper has that arm.

    Args:
        ours: tidy, as for `means`.
        paper: as `xstitch_lib.results.paper.table` gives it.
        metrics: (task, metric) of the columns.

    Returns:
        A row "one-task, ours", a row "one-task, the paper", and so on; "" where there is no number, because all runs
        of an arm diverged or the paper lacks the metric.
    """
    theirs, rows = means(Quantities.of(ours).attach(paper.assign(seed=0)), metrics), {}
    for arm, row in means(ours, metrics).iterrows():
        rows[f"{arm}, ours"] = row
        if arm in theirs.index:
            rows[f"{arm}, the paper"] = theirs.loc[arm]
    return pd.DataFrame(rows).T.fillna("")


def gains_beside(tables: Mapping[str, pd.DataFrame], over: str, metrics: Mapping[str, str]) -> pd.DataFrame:
    """What each arm gains over one of them: a row an arm and task, a column a table; + is better.

    Args:
        tables: name → tidy, as for `gain`. One without the column "seed" is of one run, as the paper's are.
        over: the arm that the others are compared with.
        metrics: task → metric.

    Returns:
        Cells as "-0.24° (-0.33 to -0.14)", with "5 of 8 seeds" where an arm lacks some; "diverged" where all runs of
        one of the two arms did, "" where a table lacks one of them.
    """
    arms = dict.fromkeys([arm for table in tables.values() for arm in table.arm if arm != over])
    return pd.DataFrame(
        [
            {f"over {over}": arm, "": f"{task} {metric}"}
            | {name: _cell(table, arm, over, task, metric) for name, table in tables.items()}
            for arm in arms
            for task, metric in metrics.items()
        ]
    )


def _cell(table: pd.DataFrame, arm: str, over: str, task: str, metric: str) -> str:
    if not {arm, over} <= {*table.arm}:
        return ""
    quantity = Quantities.of(table).find(task, metric)
    unit = "" if quantity.unit == "%" else quantity.unit
    if "seed" not in table:
        return f"{paper_gain(table, arm, over, task, metric):+.1f}{unit}"
    found = gain(table, arm, over, task, metric)
    if not found.seeds:
        return "diverged"
    seeds = table.seed.nunique()
    return found.short(unit, quantity.digits) + (f", {found.seeds} of {seeds} seeds" if found.seeds < seeds else "")
