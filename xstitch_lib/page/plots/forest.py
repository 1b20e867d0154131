"""Claims as a forest plot: a line a claim, the paper's gain and ours with its interval."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from xstitch_lib.page.plots.style import COLOURS
from xstitch_lib.studies.reports.verdict import Line

SHADES = {"supported": "c", "contradicted": "b", "no effect of note": "a", "undecided": "muted", "not run": "muted"}


def forest(panels: Mapping[str, Sequence[Line]], labels: Sequence[str] | None = None) -> Figure:
    """One panel a quantity, one below the other, so that a phone shows them at a size that can be read.

    Args:
        panels: title → its lines.
        labels: of the lines, the same in every panel; where not given, the claims'.
    """
    heights = [len(lines) + 1.6 for lines in panels.values()]
    size = (5.2, 0.36 * sum(heights) + 0.9)
    figure, axes = plt.subplots(len(panels), 1, figsize=size, height_ratios=heights, layout="constrained")
    for ax, (title, lines) in zip(np.atleast_1d(axes), panels.items(), strict=True):
        for row, line in enumerate(lines):
            colour = COLOURS[SHADES[line.verdict]]
            if line.gain is not None:
                error = [[line.gain - line.low], [line.high - line.gain]]
                ax.errorbar(line.gain, row, xerr=error, fmt="o", ms=6, capsize=3, lw=2, color=colour, mfc="none", mew=2)
            if line.paper is not None:
                ax.plot(line.paper, row, "D", ms=6, color=COLOURS["ink"], alpha=0.75)
        ax.axvline(0, color=COLOURS["ink"], lw=1)
        ticks = list(labels or [textwrap.fill(line.label, 40) for line in lines])
        ax.set(yticks=range(len(lines)), yticklabels=ticks, ylim=(len(lines) - 0.5, -0.6))
        ax.set_xlabel(f"gain in {title}", loc="right")
        ax.tick_params(axis="y", labelsize=8.5)
    shown = dict.fromkeys([line.verdict for lines in panels.values() for line in lines])
    marks = [Line2D([], [], marker="o", mfc="none", mew=2, color=COLOURS[SHADES[v]], label=v) for v in shown]
    marks.append(Line2D([], [], marker="D", ls="", color=COLOURS["ink"], alpha=0.75, label="the paper, one run"))
    figure.legend(handles=marks, loc="outside lower center", ncols=2, fontsize=9)
    return figure
