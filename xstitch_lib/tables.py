"""Tables of a page: several results side by side, as text."""

from collections.abc import Mapping, Sequence

import pandas as pd

from xstitch_lib.statistics import LOWER_IS_BETTER, gain, means


def levels_beside_paper(ours: pd.DataFrame, paper: pd.DataFrame, metrics: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Each arm's `means`, and below it the paper's row where the paper has that arm.

    Args:
        ours, paper: tidy, as for `means` and as `xstitch_lib.paper.table` gives it.
        metrics: (task, metric) of the columns.
    """
    theirs, rows = means(paper.assign(seed=0), metrics), {}
    for arm, row in means(ours, metrics).fillna("diverged").iterrows():
        rows[f"{arm}, ours"] = row
        if arm in theirs.index:
            rows[f"{arm}, the paper"] = theirs.loc[arm]
    return pd.DataFrame(rows).T


def gains_beside(tables: Mapping[str, pd.DataFrame], over: str, metrics: Mapping[str, str]) -> pd.DataFrame:
    """What each arm gains over one of them: a row an arm and task, a column a table; + is better.

    Args:
        tables: name → tidy, as for `gain`. One without the column "seed" is of one run, as the paper's are.
        over: the arm that the others are compared with.
        metrics: task → metric.

    A cell says how many seeds it is from where an arm lacks some.
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
    if arm not in table.arm.unique():
        return ""
    unit, one_run = "°" if metric in LOWER_IS_BETTER else "", "seed" not in table
    found = gain(table.assign(seed=0) if one_run else table, arm, over, task, metric)
    if one_run:
        return f"{found.mean:+.1f}{unit}"  # the paper's numbers have one decimal
    if not found.seeds:
        return "diverged"
    seeds = table.seed.nunique()
    return found.short(unit) + (f", {found.seeds} of {seeds} seeds" if found.seeds < seeds else "")
