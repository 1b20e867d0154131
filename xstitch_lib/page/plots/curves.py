"""Curves and weights of training runs."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from torch import Tensor

from xstitch_lib.page.plots.style import COLOURS, TASK_COLOURS
from xstitch_lib.results.statistics import summary


def magnitudes(rms: dict[str, Sequence[float]]) -> Figure:
    """How large a map is after each of several units in a row, one line an initialisation, on a log scale."""
    figure, ax = plt.subplots(figsize=(5.6, 3.1))
    styles = [("o", "-"), ("s", "--"), ("^", ":"), ("D", "-.")]
    for (name, values), (marker, line), colour in zip(
        rms.items(), styles, [*TASK_COLOURS, COLOURS["mixed"]], strict=False
    ):
        ax.plot(range(len(values)), values, marker=marker, ls=line, color=colour, label=name)
    ax.set(yscale="log", xlabel="units passed", ylabel="size of the maps (RMS, start = 1)")
    ax.set_xticks(range(len(values)))
    ax.legend(title="rows of alpha")
    figure.tight_layout()
    return figure


def learned_alphas(alpha: Tensor, per_layer: Tensor) -> Figure:
    """Sorted alpha_S and alpha_D of one unit (C, 2, 2), one panel a task, with the per-layer value as a line."""
    alpha, per_layer = alpha.detach(), per_layer.detach()
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 2.9), sharey=True)
    for task, ax in enumerate(axes):
        for other, name, colour in [
            (task, r"$\alpha_S$", TASK_COLOURS[task]),
            (1 - task, r"$\alpha_D$", COLOURS["mixed"]),
        ]:
            values = np.sort(alpha[:, task, other].numpy())
            ax.plot(values, color=colour, marker="o" if other == task else "s", ms=3, lw=1.2, label=name)
            ax.axhline(float(per_layer[0, task, other]), color=colour, ls=(0, (4, 3)), lw=1.2)
        ax.set(title=f"task {'AB'[task]}", xlabel="channel, sorted by weight")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    axes[0].set_ylabel("weight")
    figure.tight_layout()
    return figure


def finite_difference_errors(steps: Sequence[float], errors: Mapping[str, Sequence[float]]) -> Figure:
    """Relative error of finite differences against their step, one line a formula, log-log."""
    figure, ax = plt.subplots(figsize=(5.6, 3.1))
    for (name, values), line, colour in zip(errors.items(), ["-", "--"], TASK_COLOURS, strict=False):
        ax.plot(steps, values, marker="o", ms=4, ls=line, color=colour, label=name)
    ax.set(xscale="log", yscale="log", xlabel="step h", ylabel="relative difference")
    ax.grid(axis="y")
    ax.legend(title="Eq. 3")
    figure.tight_layout()
    return figure


def training_paths(paths: dict[str, Sequence[float]], ylabel: str) -> Figure:
    """A quantity along the training steps, one line a run, on a log scale."""
    figure, ax = plt.subplots(figsize=(5.6, 3.1))
    for (name, values), line, colour in zip(paths.items(), ["-", "--", ":"], TASK_COLOURS, strict=False):
        ax.plot(values, ls=line, color=colour, label=name, lw=2)
    ax.set(yscale="log", xlabel="step", ylabel=ylabel)
    ax.legend(title="Eq. 3")
    figure.tight_layout()
    return figure


def sorted_alphas(alphas: Mapping[str, np.ndarray], tasks: Sequence[str]) -> Figure:
    """Sorted alpha_S and alpha_D of several layers' units, (C, 2, 2) each, one panel a layer (the paper's table 4)."""
    figure, axes = plt.subplots(1, len(alphas), figsize=(2.4 * len(alphas) + 0.6, 2.9), sharey=True, squeeze=False)
    for ax, (layer, alpha) in zip(axes[0], alphas.items(), strict=True):
        for i, task in enumerate(tasks):
            for j, other in enumerate(tasks):
                name = r"$\alpha_S$" if i == j else rf"$\alpha_D$ from {other}"
                quantiles = np.linspace(0, 1, len(alpha))
                line = "-" if i == j else (0, (4, 2))
                ax.plot(
                    quantiles, np.sort(alpha[:, i, j]), color=TASK_COLOURS[i], ls=line, lw=1.8, label=f"{task} {name}"
                )
        ax.set(title=layer, xlabel="share of channels", xticks=[0, 0.5, 1])
    axes[0, 0].set_ylabel("weight")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2 * len(tasks), fontsize=9)
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    return figure


def weights_by_start(weights: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """The paper's table 4: sorted alpha_S and alpha_D, a row a layer, a column a start, both tasks in each panel.

    Args:
        weights: as `sorted_weights` gives them. Lines are means over seeds, bands their range.
        names: task → what the reader is told.
    """
    grid = sns.relplot(
        weights.assign(task=weights.task.map(names)),
        x="channel",
        y="value",
        row="layer",
        col="arm",
        hue="task",
        style="weight",
        palette=TASK_COLOURS[: len(names)],
        kind="line",
        errorbar=("pi", 100),
        height=2.0,
        aspect=1.15,
        facet_kws={"margin_titles": True},
    )
    grid.set_titles(row_template="{row_name}", col_template="start {col_name}")
    grid.set_axis_labels("channels, sorted", "weight")
    grid.set(xticks=[])
    sns.move_legend(grid, "upper center", bbox_to_anchor=(0.45, 0), ncol=6, title=None)
    return grid.figure


def curves_by_seed(curves: pd.DataFrame, xlabel: str, ylabel: str) -> Figure:
    """Curves of single runs as they are: a panel a seed, a line an arm.

    Args:
        curves: arm, seed, ``xlabel`` and ``ylabel``.
    """
    arms = curves.arm.nunique()
    grid = sns.relplot(
        curves,
        x=xlabel,
        y=ylabel,
        col="seed",
        hue="arm",
        style="arm",
        palette=[COLOURS["muted"], *TASK_COLOURS][:arms],
        kind="line",
        height=3.0,
        aspect=1.1,
    )
    grid.set_titles("seed {col_name}")
    sns.move_legend(grid, "upper center", bbox_to_anchor=(0.45, 0), ncol=arms, title=None)
    return grid.figure


def shares(sharing: pd.DataFrame, names: Mapping[str, str], ylabel: str) -> Figure:
    """A value a layer and task, every seed a dot, with means and 95 % t intervals.

    Args:
        sharing: layer, task, seed, value.
        names: task → what the reader is told.
    """
    figure, ax = plt.subplots(figsize=(6.4, 3.2))
    layers = list(sharing.layer.unique())
    for i, (task, name) in enumerate(names.items()):
        of_task = sharing[sharing.task == task].pivot(index="layer", columns="seed", values="value").loc[layers]
        x = np.arange(len(layers)) + 0.24 * (i - (len(names) - 1) / 2)
        found = [summary(row) for row in of_task.to_numpy()]
        ax.plot(x[:, None] + 0.07, of_task, "o", ms=3, color=COLOURS["muted"], alpha=0.7)
        error = [[s.mean - s.low for s in found], [s.high - s.mean for s in found]]
        ax.errorbar(
            x, [s.mean for s in found], yerr=error, fmt="Ds"[i % 2], ms=5, capsize=3, color=TASK_COLOURS[i], label=name
        )
    ax.axhline(0, color=COLOURS["ink"], lw=1)
    ax.set(xticks=range(len(layers)), xticklabels=layers, ylabel=ylabel)
    ax.legend()
    figure.tight_layout()
    return figure
