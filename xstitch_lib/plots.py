"""Every static figure of the book; one style, colour-blind-safe, light and dark.

The built site replaces the exact colours of `COLOURS` by the page's own (book/_ext/xstitch_figures.py),
so use these and no others for lines, text and areas.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import Tensor

from xstitch_lib.statistics import Difference

# Okabe and Ito's palette, told apart with every common form of colour blindness
COLOURS = {
    "ink": "#22262b",
    "muted": "#6b7178",
    "grid": "#d4d8dd",
    "paper": "#fefefe",
    "a": "#0072b2",  # task A
    "b": "#c9500a",  # task B
    "c": "#00855f",  # task C
    "mixed": "#8b4a8b",
}
TASKS = [COLOURS["a"], COLOURS["b"], COLOURS["c"]]


def use_style() -> None:
    """Set the book's style for every figure that follows; notebooks show SVG, with PNG for print."""
    ink = COLOURS["ink"]
    sns.set_theme(
        context="notebook",
        style="ticks",
        palette=TASKS,
        rc={
            **dict.fromkeys(["text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"], ink),
            **dict.fromkeys(["figure.facecolor", "axes.facecolor", "savefig.facecolor"], COLOURS["paper"]),
            "grid.color": COLOURS["grid"],
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "svg.hashsalt": "xstitch",  # the same figure is the same file
            "font.size": 11,
        },
    )
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ModuleNotFoundError:  # not in a notebook
        return
    set_matplotlib_formats("svg", "png")


def show_map(ax: Axes, map_: Tensor, title: str = "", scale: float | None = None, colour: str | None = None) -> None:
    """One (H, W) map from 0 (dark) to ``scale`` (bright), with a frame in the task's colour."""
    ax.imshow(map_.detach().numpy(), cmap="cividis", vmin=0, vmax=scale, interpolation="none")
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=10)
    sns.despine(ax=ax, left=False, bottom=False, top=False, right=False)
    for spine in ax.spines.values():
        spine.set(color=colour or COLOURS["muted"], linewidth=2 if colour else 1)


def map_grid(maps: Sequence[Sequence[Tensor]], rows: Sequence[str], columns: Sequence[str]) -> Figure:
    """Rows × columns of (H, W) maps on one brightness scale, so that they can be compared."""
    scale = max(float(m.max()) for row in maps for m in row)
    size = 1.25
    figure, axes = plt.subplots(
        len(maps), len(maps[0]), figsize=(size * len(maps[0]) + 0.9, size * len(maps) + 0.35), squeeze=False
    )
    for i, row in enumerate(maps):
        for j, map_ in enumerate(row):
            show_map(axes[i, j], map_, columns[j] if i == 0 else "", scale, TASKS[i % len(TASKS)])
        axes[i, 0].set_ylabel(rows[i], rotation=0, ha="right", va="center", color=TASKS[i % len(TASKS)])
    figure.tight_layout(pad=0.4)
    return figure


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = plt.figure(figsize=(width, height))
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    ax.set_axis_off()
    return figure, ax


def _box(ax: Axes, x: float, y: float, text: str, colour: str, width: float = 1.5, height: float = 0.55) -> None:
    corner = (x - width / 2, y - height / 2)
    ax.add_patch(
        FancyBboxPatch(corner, width, height, boxstyle="round,pad=0.04", fc=COLOURS["paper"], ec=colour, lw=1.8)
    )
    ax.text(x, y, text, ha="center", va="center", color=colour, fontsize=10.5)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, **style) -> None:
    ax.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, color=colour, shrinkA=0, shrinkB=0, **style)
    )


def one_image_two_tasks(image: Tensor, answer_a: str, answer_b: str) -> Figure:
    """The paper's figure 1 with an image (H, W) of our own: one input, several labels, one network for each."""
    figure, ax = _canvas(7.2, 2.3)
    ax.imshow(image.numpy(), cmap="gray", extent=(0.25, 2.05, 0.25, 2.05), interpolation="none", zorder=2)
    for y, name, answer, colour in [
        (1.65, "network A", answer_a, TASKS[0]),
        (0.65, "network B", answer_b, TASKS[1]),
    ]:
        _arrow(ax, (2.2, 1.15), (3.05, y), COLOURS["muted"], lw=1.4)
        _box(ax, 3.9, y, name, colour)
        _arrow(ax, (4.75, y), (5.3, y), colour, lw=1.8)
        ax.text(5.4, y, answer, va="center", color=colour, fontsize=12, weight="bold")
    _arrow(ax, (3.9, 1.3), (3.9, 1.0), COLOURS["muted"], lw=1.2)
    _arrow(ax, (3.9, 1.0), (3.9, 1.3), COLOURS["muted"], lw=1.2)
    ax.text(4.02, 1.15, "how much?", va="center", color=COLOURS["muted"], fontsize=9.5, style="italic")
    ax.set(xlim=(0, 7.2), ylim=(0, 2.3), aspect="equal")
    return figure


def cross_stitch_figure(maps: Sequence[Tensor], mixed: Sequence[Tensor], alpha: Tensor) -> Figure:
    """The paper's figure 3, drawn from real maps (H, W), their mixes and the (2, 2) alpha that made them."""
    figure, ax = _canvas(7.2, 3.3)
    maps, mixed, alpha = [m.detach() for m in maps], [m.detach() for m in mixed], alpha.detach()
    scale = max(float(m.max()) for m in [*maps, *mixed])
    heights, left, right = (2.3, 0.75), 1.5, 5.7
    for task, (y, name) in enumerate(zip(heights, "AB", strict=True)):
        for x, map_, label in [
            (left, maps[task], f"$x_{name}$"),
            (right, mixed[task], rf"$\tilde{{x}}_{name}$"),
        ]:
            extent = (x - 0.5, x + 0.5, y - 0.5, y + 0.5)
            ax.imshow(map_.numpy(), cmap="cividis", extent=extent, vmin=0, vmax=scale, interpolation="none")
            ax.add_patch(plt.Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, ec=TASKS[task], lw=2.2, zorder=3))
            outside = x - 0.62 if x == left else x + 0.62
            ax.text(outside, y, label, ha="right" if x == left else "left", va="center", fontsize=14)
    for i, to in enumerate("AB"):
        for j, source in enumerate("AB"):
            start, end = (left + 0.6, heights[j]), (right - 0.6, heights[i])
            _arrow(ax, start, end, TASKS[j], lw=2, linestyle="-" if i == j else (0, (4, 3)), zorder=1)
            at = 0.5 if i == j else 0.26
            x, y = (s + at * (e - s) for s, e in zip(start, end, strict=True))
            text = rf"$\alpha_{{{to}{source}}}={float(alpha[i, j]):.2g}$"
            paper = {"boxstyle": "round,pad=0.15", "fc": COLOURS["paper"], "ec": "none"}
            ax.text(x, y, text, ha="center", va="center", color=TASKS[j], fontsize=11, bbox=paper)
    ax.text(left, 3.05, "maps of one layer", ha="center", color=COLOURS["muted"], fontsize=10)
    ax.text(right, 3.05, "what the next layers see", ha="center", color=COLOURS["muted"], fontsize=10)
    ax.set(xlim=(0, 7.2), ylim=(0, 3.3), aspect="equal")
    return figure


def magnitudes(rms: dict[str, Sequence[float]]) -> Figure:
    """How large a map is after each of several units in a row, one line an initialisation, on a log scale."""
    figure, ax = plt.subplots(figsize=(5.6, 3.1))
    styles = [("o", "-"), ("s", "--"), ("^", ":"), ("D", "-.")]
    for (name, values), (marker, line), colour in zip(rms.items(), styles, [*TASKS, COLOURS["mixed"]], strict=False):
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
            (task, r"$\alpha_S$", TASKS[task]),
            (1 - task, r"$\alpha_D$", COLOURS["mixed"]),
        ]:
            values = np.sort(alpha[:, task, other].numpy())
            ax.plot(values, color=colour, marker="o" if other == task else "s", ms=3, lw=1.2, label=name)
            ax.axhline(float(per_layer[0, task, other]), color=colour, ls=(0, (4, 3)), lw=1.2)
        ax.set(title=f"task {'AB'[task]}", xlabel="channel, sorted by weight")
        ax.legend(loc="center right")
    axes[0].set_ylabel("weight")
    figure.tight_layout()
    return figure


def finite_difference_errors(steps: Sequence[float], errors: Mapping[str, Sequence[float]]) -> Figure:
    """Relative error of finite differences against their step, one line a formula, log-log."""
    figure, ax = plt.subplots(figsize=(5.6, 3.1))
    for (name, values), line, colour in zip(errors.items(), ["-", "--"], TASKS, strict=False):
        ax.plot(steps, values, marker="o", ms=4, ls=line, color=colour, label=name)
    ax.set(xscale="log", yscale="log", xlabel="step h", ylabel="relative difference")
    ax.grid(axis="y")
    ax.legend(title="Eq. 3")
    figure.tight_layout()
    return figure


def training_paths(paths: dict[str, Sequence[float]], ylabel: str) -> Figure:
    """A quantity along the training steps, one line a run, on a log scale."""
    figure, ax = plt.subplots(figsize=(5.6, 3.1))
    for (name, values), line, colour in zip(paths.items(), ["-", "--", ":"], TASKS, strict=False):
        ax.plot(values, ls=line, color=colour, label=name, lw=2)
    ax.set(yscale="log", xlabel="step", ylabel=ylabel)
    ax.legend(title="Eq. 3")
    figure.tight_layout()
    return figure


def stitched_network(layout: dict[str, list[tuple[str, bool]]]) -> Figure:
    """The paper's figure 4 for a real network: its towers' layers, and where units cross.

    Args:
        layout: task → [(layer, whether a unit stands after it)], as a stitched network's ``layout()`` gives.
    """
    width, step, rise, gap = 0.62, 0.78, 1.15, 0.5
    tasks = list(layout)
    units = [stitched for _, stitched in layout[tasks[0]]]
    x, places = 0.5, []
    for stitched in units:
        places.append(x)
        x += step + (gap if stitched else 0)
    figure, ax = _canvas(x - step + width / 2 + 0.25, rise * (len(tasks) - 1) + 1.25)
    y = {task: rise * (len(tasks) - 1 - i) + 0.5 for i, task in enumerate(tasks)}
    for i, task in enumerate(tasks):
        ax.text(places[0] - width / 2, y[task] + 0.42, task, color=TASKS[i], fontsize=10, weight="bold")
        for k, (layer, stitched) in enumerate(layout[task]):
            corner = (places[k] - width / 2, y[task] - 0.2)
            ax.add_patch(plt.Rectangle(corner, width, 0.4, fc=COLOURS["paper"], ec=TASKS[i], lw=1.4, zorder=2))
            ax.text(places[k], y[task], layer, ha="center", va="center", fontsize=7.5, color=TASKS[i], zorder=3)
            if k + 1 == len(places):
                break
            start, end = places[k] + width / 2, places[k + 1] - width / 2
            for other in tasks if stitched else [task]:
                same = other == task
                style = {"lw": 1.6 if same else 1.2, "ls": "-" if same else (0, (4, 2)), "zorder": 1}
                ax.plot([start, end], [y[task], y[other]], color=TASKS[i], **style)
    ax.set(xlim=(0, figure.get_figwidth()), ylim=(0, figure.get_figheight()), aspect="equal")
    return figure


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


def sorted_alphas(alphas: Mapping[str, np.ndarray], tasks: Sequence[str]) -> Figure:
    """Sorted alpha_S and alpha_D of several layers' units, (C, 2, 2) each, one panel a layer (the paper's table 4)."""
    figure, axes = plt.subplots(1, len(alphas), figsize=(2.4 * len(alphas) + 0.6, 2.9), sharey=True, squeeze=False)
    for ax, (layer, alpha) in zip(axes[0], alphas.items(), strict=True):
        for i, task in enumerate(tasks):
            for j, name in [(i, r"$\alpha_S$"), (1 - i, r"$\alpha_D$")]:
                quantiles = np.linspace(0, 1, len(alpha))
                line = "-" if i == j else (0, (4, 2))
                ax.plot(quantiles, np.sort(alpha[:, i, j]), color=TASKS[i], ls=line, lw=1.8, label=f"{task} {name}")
        ax.set(title=layer, xlabel="share of channels", xticks=[0, 0.5, 1])
    axes[0, 0].set_ylabel("weight")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2 * len(tasks), fontsize=9)
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    return figure
