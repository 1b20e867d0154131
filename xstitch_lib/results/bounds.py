"""From which size on a gain is of note: half of what the paper reports for cross-stitch over one network per task.

On Fashion-MNIST it is half of the README's one percent. A bound belongs to a quantity, whatever is compared in it.

They were set after the studies that were recorded until then; for later ones they stand beforehand.
"""

from functools import cache

from xstitch_lib.results import paper
from xstitch_lib.results.statistics import paper_gain

ONE_PERCENT = 1.0  # point of accuracy, the README's gain


@cache
def bound(task: str, metric: str) -> float | None:
    """For a gain in a task's metric; None where nothing is reported that it could be half of.

    >>> bound("normals", "mean"), bound("seg", "mIU"), bound("second", "accuracy"), bound("speed", "knots")
    (0.35, 0.45, 0.5, None)
    """
    if metric == "accuracy":
        return ONE_PERCENT / 2
    for name in ("table5", "table6"):
        table = paper.table(name)
        if ((table.task == task) & (table.metric == metric)).any():
            return round(abs(paper_gain(table, "cross-stitch", "one-task", task, metric)) / 2, 3) or None
    return None
