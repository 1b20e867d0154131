"""Comparisons of arms: every seed, and what the seeds say together."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from xstitch_lib.plots.style import COLOURS, TASKS
from xstitch_lib.statistics import Difference


def paired_differences(
    values: Mapping[str, Sequence[float]], summaries: Mapping[str, Difference], unit: str, claim: float | None = None
) -> Figure:
    """One row a comparison: every seed's difference as a dot, their mean with its 95 % interval.

    Args:
        values: comparison → one difference a seed.
        summaries: comparison → its mean and interval, as `statistics.paired_difference` gives.
        unit: what the differences are measured in.
        claim: where to draw a dashed line, if anywhere.
    """
    figure, ax = plt.subplots(figsize=(6.4, 0.62 * len(values) + 1.1))
    for row, (name, seeds) in enumerate(values.items()):
        mean, low, high, _ = summaries[name]
        ax.plot(seeds, [row + 0.18] * len(seeds), "o", ms=4, color=COLOURS["muted"], alpha=0.8)
        ax.errorbar(mean, row - 0.1, xerr=[[mean - low], [high - mean]], fmt="D", ms=6, capsize=4, color=TASKS[0], lw=2)
    ax.axvline(0, color=COLOURS["ink"], lw=1)
    if claim is not None:
        ax.axvline(claim, color=COLOURS["b"], lw=1.4, ls=(0, (4, 3)))
    ax.set(yticks=range(len(values)), yticklabels=list(values), xlabel=unit, ylim=(len(values) - 0.5, -0.5))
    figure.tight_layout()
    return figure
