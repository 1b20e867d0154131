"""Comparisons of arms: every seed, and what the seeds say together."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from xstitch_lib.page.plots.style import COLOURS, TASK_COLOURS
from xstitch_lib.results.statistics import Difference, summary


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
        ax.errorbar(
            mean, row - 0.1, xerr=[[mean - low], [high - mean]], fmt="D", ms=6, capsize=4, color=TASK_COLOURS[0], lw=2
        )
    ax.axvline(0, color=COLOURS["ink"], lw=1)
    if claim is not None:
        ax.axvline(claim, color=COLOURS["b"], lw=1.4, ls=(0, (4, 3)))
    ax.set(yticks=range(len(values)), yticklabels=list(values), xlabel=unit, ylim=(len(values) - 0.5, -0.5))
    figure.tight_layout()
    return figure


def gain_bars(gains: Mapping[str, Mapping[str, Sequence[float]]], units: Mapping[str, str]) -> Figure:
    """Figure 2's plot: a panel a task, a bar an arm from 0 to its mean gain, every seed a dot, 95 % intervals.

    Args:
        gains: task → arm → one gain a seed; positive is better.
        units: task → what its gains are measured in.
    """
    arms = list(next(iter(gains.values())))
    figure, axes = plt.subplots(1, len(gains), figsize=(3.7 * len(gains), 0.36 * len(arms) + 1.2), sharey=True)
    for ax, (task, by_arm), colour in zip(np.atleast_1d(axes), gains.items(), TASK_COLOURS, strict=False):
        for row, (_, values) in enumerate(by_arm.items()):
            mean, low, high, _ = summary(values)
            ax.barh(row, mean, height=0.62, color=colour, alpha=0.35, lw=0)
            ax.plot(values, [row] * len(values), "o", ms=3.5, color=COLOURS["muted"], alpha=0.8)
            ax.errorbar(mean, row, xerr=[[mean - low], [high - mean]], fmt="D", ms=5, capsize=3, color=colour, lw=1.8)
        ax.axvline(0, color=COLOURS["ink"], lw=1)
        ax.set(title=task, xlabel=units[task], yticks=range(len(arms)), yticklabels=arms, ylim=(len(arms) - 0.4, -0.6))
    figure.tight_layout()
    return figure


def settings_dots(groups: Mapping[str, Mapping[str, Sequence[float]]], unit: str) -> Figure:
    """A panel a choice, a row a setting that was tried, a dot a seed: too few for an interval.

    Args:
        groups: choice → setting → one gain over the chosen setting a seed; none where its runs diverged.
        unit: what the gains are measured in.
    """
    heights = [len(settings) + 1.8 for settings in groups.values()]
    figure, axes = plt.subplots(
        len(groups),
        1,
        sharex=True,
        figsize=(5.6, 0.34 * sum(heights) + 0.4),
        height_ratios=heights,
        layout="constrained",
    )
    for ax, (title, settings) in zip(np.atleast_1d(axes), groups.items(), strict=True):
        for row, values in enumerate(settings.values()):
            ax.plot(values, [row] * len(values), "o", ms=6, color=TASK_COLOURS[0], alpha=0.8)
            if not len(values):
                ax.text(0, row, " diverged", va="center", color=COLOURS["muted"], fontsize=9)
        ax.axvline(0, color=COLOURS["ink"], lw=1)
        ax.set(yticks=range(len(settings)), yticklabels=list(settings), ylim=(len(settings) - 0.5, -0.5))
        ax.set_title(title, fontsize=10, loc="left")
    ax.set_xlabel(unit)
    return figure


def gains_by_setting(
    gains: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]], units: Mapping[str, str]
) -> Figure:
    """A panel a task, a row a setting, a marker an arm: mean gains with 95 % intervals.

    Args:
        gains: task → setting → arm → one gain a seed; positive is better.
        units: task → what its gains are measured in.
    """
    settings = list(next(iter(gains.values())))
    figure, axes = plt.subplots(1, len(gains), figsize=(3.7 * len(gains), 0.5 * len(settings) + 1.5), sharey=True)
    colours, markers = [COLOURS["c"], COLOURS["mixed"], COLOURS["muted"]], "Dso"
    for ax, (task, by_setting) in zip(np.atleast_1d(axes), gains.items(), strict=True):
        for row, by_arm in enumerate(by_setting.values()):
            for k, (arm, values) in enumerate(by_arm.items()):
                mean, low, high, _ = summary(values)
                y, label = row + 0.2 * (k - (len(by_arm) - 1) / 2), arm if row == 0 else None
                style = {"fmt": markers[k], "ms": 5, "capsize": 3, "color": colours[k], "lw": 1.6}
                ax.errorbar(mean, y, xerr=[[mean - low], [high - mean]], label=label, **style)
        ax.axvline(0, color=COLOURS["ink"], lw=1)
        ax.set(title=task, xlabel=units[task], yticks=range(len(settings)), yticklabels=settings)
        ax.set_ylim(len(settings) - 0.5, -0.5)
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    handles = np.atleast_1d(axes)[0].get_legend_handles_labels()
    figure.legend(*handles, loc="lower center", ncols=len(handles[1]))
    return figure


def levels_by_setting(levels: Mapping[str, Mapping[str, float]], xlabel: str) -> Figure:
    """A row an arm, a marker a setting, and a line from one to the next: what each loses between them.

    Args:
        levels: arm → setting → mean; an arm may lack some.
        xlabel: what they are.
    """
    settings = list(dict.fromkeys([name for found in levels.values() for name in found]))
    figure, ax = plt.subplots(figsize=(6.4, 0.42 * len(levels) + 1.5))
    colours = [COLOURS["c"], COLOURS["mixed"], COLOURS["muted"]]
    for row, found in enumerate(levels.values()):
        ax.plot([*found.values()], [row] * len(found), color=COLOURS["muted"], lw=1.2, zorder=1)
    for setting, colour, marker in zip(settings, colours, "Dso", strict=False):
        there = [(found[setting], row) for row, found in enumerate(levels.values()) if setting in found]
        ax.plot(*zip(*there, strict=True), marker, ms=7, color=colour, label=setting)
    ax.set(yticks=range(len(levels)), yticklabels=list(levels), xlabel=xlabel, ylim=(len(levels) - 0.5, -0.5))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(settings))
    figure.tight_layout()
    return figure


def gains_by_class(classes: pd.DataFrame, unit: str, counted: str = "labelled pixels") -> Figure:
    """The paper's figure 6: a row a class, the rarest on top, with its gain, its 95 % interval and its count of labels.

    Args:
        classes: one row a class: class, count, and gain, low, high.
        unit: what the gains are measured in.
        counted: what the count is of.
    """
    classes = classes.sort_values("count", ascending=False)
    rows, error = range(len(classes)), [classes.gain - classes.low, classes.high - classes.gain]
    figure, (left, right) = plt.subplots(
        1, 2, sharey=True, figsize=(7.2, 0.2 * len(classes) + 1), width_ratios=(3, 1), layout="constrained"
    )
    left.errorbar(classes.gain, rows, xerr=error, fmt="o", ms=4, capsize=2, color=TASK_COLOURS[0], lw=1.4)
    left.axvline(0, color=COLOURS["ink"], lw=1)
    left.set(xlabel=unit, yticks=rows, yticklabels=classes["class"])
    right.plot(classes["count"], rows, "s", ms=4, color=COLOURS["muted"])
    right.set(xscale="log", xlabel=counted)
    left.tick_params(axis="y", labelsize=8)
    left.margins(y=0.01)
    return figure


def curves_with_bands(
    panels: Mapping[str, Mapping[str, pd.DataFrame]], xlabel: str = "step of the second phase"
) -> Figure:
    """Quantities along the training: one line an arm, the mean over seeds, with the 95 % interval as a band.

    Args:
        panels: what is drawn, the label of its axis → arm → one row a step or epoch, one column a seed.
        xlabel: what the rows count.
    """
    width = 6.4 if len(panels) == 1 else 4.3 * len(panels)
    figure, axes = plt.subplots(1, len(panels), figsize=(width, 3.4), squeeze=False)
    colours = [*TASK_COLOURS, COLOURS["mixed"], COLOURS["muted"]]
    lines = ["-", "--", ":", "-.", (0, (6, 2, 1, 2, 1, 2))]
    for ax, (ylabel, curves) in zip(axes[0], panels.items(), strict=True):
        for (arm, values), colour, line in zip(curves.items(), colours, lines, strict=False):
            summaries = [summary(row) for row in values.to_numpy()]
            mean, low, high = np.array([s[:3] for s in summaries]).T
            ax.plot(values.index, mean, color=colour, ls=line, lw=1.8, label=arm)
            ax.fill_between(values.index, low, high, color=colour, alpha=0.15, lw=0)
        ax.set(xlabel=xlabel, ylabel=ylabel)
    axes[0, 0].legend()
    figure.tight_layout()
    return figure
