"""Drawings of networks and units (the paper's figures 1, 3 and 4)."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from xstitch_lib.page.plots.style import COLOURS, TASK_COLOURS, arrow, box, canvas, show_map


def map_grid(maps: Sequence[Sequence[Tensor]], rows: Sequence[str], columns: Sequence[str]) -> Figure:
    """Rows × columns of (H, W) maps on one brightness scale, so that they can be compared."""
    scale = max(float(m.max()) for row in maps for m in row)
    size = 1.25
    figure, axes = plt.subplots(
        len(maps), len(maps[0]), figsize=(size * len(maps[0]) + 0.9, size * len(maps) + 0.35), squeeze=False
    )
    for i, row in enumerate(maps):
        for j, map_ in enumerate(row):
            show_map(axes[i, j], map_, columns[j] if i == 0 else "", scale, TASK_COLOURS[i % len(TASK_COLOURS)])
        axes[i, 0].set_ylabel(rows[i], rotation=0, ha="right", va="center", color=TASK_COLOURS[i % len(TASK_COLOURS)])
    figure.tight_layout(pad=0.4)
    return figure


def one_image_two_tasks(image: Tensor, answer_a: str, answer_b: str) -> Figure:
    """The paper's figure 1 with an image (H, W) of our own: one input, several labels, one network for each."""
    figure, ax = canvas(7.2, 2.3)
    ax.imshow(image.numpy(), cmap="gray", extent=(0.25, 2.05, 0.25, 2.05), interpolation="none", zorder=2)
    for y, name, answer, colour in [
        (1.65, "network A", answer_a, TASK_COLOURS[0]),
        (0.65, "network B", answer_b, TASK_COLOURS[1]),
    ]:
        arrow(ax, (2.2, 1.15), (3.05, y), COLOURS["muted"], lw=1.4)
        box(ax, 3.9, y, name, colour)
        arrow(ax, (4.75, y), (5.3, y), colour, lw=1.8)
        ax.text(5.4, y, answer, va="center", color=colour, fontsize=12, weight="bold")
    arrow(ax, (3.9, 1.3), (3.9, 1.0), COLOURS["muted"], lw=1.2)
    arrow(ax, (3.9, 1.0), (3.9, 1.3), COLOURS["muted"], lw=1.2)
    ax.text(4.02, 1.15, "how much?", va="center", color=COLOURS["muted"], fontsize=9.5, style="italic")
    ax.set(xlim=(0, 7.2), ylim=(0, 2.3), aspect="equal")
    return figure


def cross_stitch_figure(maps: Sequence[Tensor], mixed: Sequence[Tensor], alpha: Tensor) -> Figure:
    """The paper's figure 3, drawn from real maps (H, W), their mixes and the (2, 2) alpha that made them."""
    figure, ax = canvas(7.2, 3.3)
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
            ax.add_patch(plt.Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, ec=TASK_COLOURS[task], lw=2.2, zorder=3))
            outside = x - 0.62 if x == left else x + 0.62
            ax.text(outside, y, label, ha="right" if x == left else "left", va="center", fontsize=14)
    for i, to in enumerate("AB"):
        for j, source in enumerate("AB"):
            start, end = (left + 0.6, heights[j]), (right - 0.6, heights[i])
            arrow(ax, start, end, TASK_COLOURS[j], lw=2, linestyle="-" if i == j else (0, (4, 3)), zorder=1)
            at = 0.5 if i == j else 0.26
            x, y = (s + at * (e - s) for s, e in zip(start, end, strict=True))
            text = rf"$\alpha_{{{to}{source}}}={float(alpha[i, j]):.2g}$"
            paper = {"boxstyle": "round,pad=0.15", "fc": COLOURS["paper"], "ec": "none"}
            ax.text(x, y, text, ha="center", va="center", color=TASK_COLOURS[j], fontsize=11, bbox=paper)
    ax.text(left, 3.05, "maps of one layer", ha="center", color=COLOURS["muted"], fontsize=10)
    ax.text(right, 3.05, "what the next layers see", ha="center", color=COLOURS["muted"], fontsize=10)
    ax.set(xlim=(0, 7.2), ylim=(0, 3.3), aspect="equal")
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
    figure, ax = canvas(x - step + width / 2 + 0.25, rise * (len(tasks) - 1) + 1.25)
    y = {task: rise * (len(tasks) - 1 - i) + 0.5 for i, task in enumerate(tasks)}
    for i, task in enumerate(tasks):
        ax.text(places[0] - width / 2, y[task] + 0.42, task, color=TASK_COLOURS[i], fontsize=10, weight="bold")
        for k, (layer, stitched) in enumerate(layout[task]):
            corner = (places[k] - width / 2, y[task] - 0.2)
            ax.add_patch(plt.Rectangle(corner, width, 0.4, fc=COLOURS["paper"], ec=TASK_COLOURS[i], lw=1.4, zorder=2))
            ax.text(places[k], y[task], layer, ha="center", va="center", fontsize=7.5, color=TASK_COLOURS[i], zorder=3)
            if k + 1 == len(places):
                break
            start, end = places[k] + width / 2, places[k + 1] - width / 2
            for other in tasks if stitched else [task]:
                same = other == task
                style = {"lw": 1.6 if same else 1.2, "ls": "-" if same else (0, (4, 2)), "zorder": 1}
                ax.plot([start, end], [y[task], y[other]], color=TASK_COLOURS[i], **style)
    ax.set(xlim=(0, figure.get_figwidth()), ylim=(0, figure.get_figheight()), aspect="equal")
    return figure


def split_networks(layers: Sequence[str], splits: Sequence[str], tasks: Sequence[str]) -> Figure:
    """Figure 2 (a): one row a split network, shared layers in grey, then a branch a task.

    Args:
        layers: from input to output.
        splits: the first layer that is not shared, one for each row.
        tasks: two names.
    """
    wide, rise, left = 0.56, 0.62, 1.1
    figure, ax = canvas(left + wide * len(layers) + 0.9, rise * len(splits) + 0.45)
    for k, layer in enumerate(layers):
        ax.text(left + wide * (k + 0.5), rise * len(splits) + 0.28, layer, ha="center", va="center", fontsize=8)
    for row, at in enumerate(splits):
        y = rise * (len(splits) - row - 0.5) + 0.05
        ax.text(left - 0.15, y, f"split-{at}", ha="right", va="center", fontsize=9)
        start = layers.index(at)
        for k in range(len(layers)):
            places = (
                [(y, COLOURS["muted"])] if k < start else [(y + 0.14, TASK_COLOURS[0]), (y - 0.14, TASK_COLOURS[1])]
            )
            for middle, colour in places:
                corner = (left + wide * k + 0.05, middle - 0.11)
                style = {"fc": colour, "ec": colour, "alpha": 0.45 if k < start else 0.75, "lw": 0}
                ax.add_patch(plt.Rectangle(corner, wide - 0.1, 0.22, **style))
        if row == 0:
            for name, offset, colour in zip(tasks, (0.14, -0.14), TASK_COLOURS, strict=False):
                x = left + wide * len(layers) + 0.05
                ax.text(x, y + offset, name, va="center", fontsize=8.5, color=colour, weight="bold")
    return figure
