"""Pictures with boxes on them, and precision over recall."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from xstitch_lib.page.plots.style import COLOURS, TASK_COLOURS
from xstitch_lib.tasks.boxes import Mark

WORDS, LINES = 20, 2  # letters of a line beside a box, and lines


def marked(
    pictures: Sequence[Tensor], rows: Mapping[str, Sequence[Sequence[Mark]]], most: int = 6, width: float = 2.4
) -> Figure:
    """Pictures in columns, the same ones in every row, each row with marks of its own.

    Args:
        pictures: (H, W, 3) in [0, 1].
        rows: name → for each picture its marks, as ``draw`` of a task on regions gives them, the first on top.
        most: marks that are drawn on a picture.
        width: of a picture, in inches.
    """
    height = width * pictures[0].shape[0] / pictures[0].shape[1]
    size = (width * len(pictures) + 0.9, height * len(rows) + 0.1)
    figure, axes = plt.subplots(len(rows), len(pictures), figsize=size, squeeze=False)
    for line, (name, marks) in zip(axes, rows.items(), strict=True):
        for ax, picture, own in zip(line, pictures, marks, strict=True):
            ax.imshow(picture, interpolation="nearest")
            draw_marks(ax, own[:most])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
    figure.tight_layout(pad=0.3, h_pad=0.4, w_pad=0.4)
    return figure


def draw_marks(ax: Axes, marks: Sequence[Mark]) -> None:
    """Boxes and words on the picture that ``ax`` shows, in turn in the palette's colours."""
    (_, width), (height, _) = ax.get_xlim(), ax.get_ylim()
    ax.set(xticks=[], yticks=[], xlim=ax.get_xlim(), ylim=ax.get_ylim())
    ax.spines[:].set_visible(False)
    for i, mark in reversed([*enumerate(marks)]):
        left, top, right, bottom = np.subtract(mark.box, 0.5)  # imshow's first pixel is centred on 0
        colour = TASK_COLOURS[i % len(TASK_COLOURS)]
        for line, edge in ((3.2, COLOURS["paper"]), (1.6, colour)):
            ax.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, ec=edge, lw=line))
        if mark.text:
            at = dict(zip(("x", "ha"), (right, "right") if left > 0.6 * width else (left, "left"), strict=True))
            frame = dict(fc=COLOURS["paper"], ec=colour, lw=0.8, pad=1.2)
            above = "top" if top < 0.12 * height else "bottom"  # inside the box where there is no place above it
            ax.text(
                **at, y=top, s=_shortened(mark.text), va=above, fontsize=7.5, color=colour, bbox=frame, clip_on=True
            )


def _shortened(text: str) -> str:
    lines = textwrap.wrap(text, WORDS)
    return "\n".join(lines[:LINES]) + "…" * (len(lines) > LINES)


def looked_at(picture: Tensor, proposals: Tensor, region: Tensor, bins: int) -> Figure:
    """A picture, where a network looks in it, and what one region's pooled map has a value for.

    Args:
        picture: (H, W, 3) in [0, 1].
        proposals: (R, 4) boxes.
        region: (4,), one of them.
        bins: values of the pooled map along each side.
    """
    figure, axes = plt.subplots(1, 3, figsize=(7.6, 2.1))
    for ax, title in zip(
        axes, ("picture", f"{len(proposals)} proposals", f"one of them, {bins}×{bins} bins"), strict=True
    ):
        ax.imshow(picture, interpolation="nearest")
        ax.set(xticks=[], yticks=[], xlim=ax.get_xlim(), ylim=ax.get_ylim())
        ax.set_title(title, fontsize=10)
        ax.spines[:].set_visible(False)
    for left, top, right, bottom in (proposals - 0.5).tolist():
        axes[1].add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, ec=COLOURS["a"], lw=0.5))
    left, top, right, bottom = (region - 0.5).tolist()
    for along in (np.linspace(left, right, bins + 1), np.linspace(top, bottom, bins + 1)):
        lines = axes[2].vlines if along[0] == left else axes[2].hlines
        ends = (top, bottom) if along[0] == left else (left, right)
        for width, colour in ((2.6, COLOURS["paper"]), (1.2, COLOURS["b"])):
            lines(along, *ends, color=colour, lw=width)
    figure.tight_layout(pad=0.3)
    return figure


def region_budget(shares: Sequence[float], objects: Sequence[float], background: Sequence[float]) -> Figure:
    """How many of a picture's regions teach which task, for several shares of foreground, in percent."""
    figure, ax = plt.subplots(figsize=(5.6, 2.5))
    rows = [f"at most {share:g} %" for share in shares]
    ax.barh(rows, objects, color=COLOURS["b"], label="stand for an object: both tasks")
    ax.barh(rows, background, left=objects, color=COLOURS["a"], label="background: detection alone")
    for row, count in enumerate(objects):
        ax.text(count + 0.8, row, f"{count:.0f}", va="center", color=COLOURS["paper"], fontsize=9.5)
    ax.invert_yaxis()
    ax.set(xlabel="regions a picture", xlim=(0, None))
    ax.legend(loc="lower center", bbox_to_anchor=(0.42, 1.0), ncol=2, fontsize=9)
    figure.tight_layout()
    return figure


def precision_recall(recall: Sequence[float], precision: Sequence[float], points: Sequence[float]) -> Figure:
    """One class's precision over recall, and the eleven values that the kits until 2009 average.

    Args:
        recall, precision: after each detection, the surest first.
        points: the best precision at recalls of at least 0, 0.1, …, 1.
    """
    figure, ax = plt.subplots(figsize=(5.2, 3.0))
    ax.plot(recall, precision, color=COLOURS["a"], marker="o", ms=4, lw=1.4, label="after each detection")
    at = np.arange(11) / 10
    ax.plot(at, points, color=COLOURS["b"], marker="D", ms=4.5, lw=0, label="best precision from there on")
    ax.set(xlabel="recall", ylabel="precision", xlim=(-0.03, 1.03), ylim=(-0.03, 1.05))
    ax.grid(color=COLOURS["grid"])
    ax.set_axisbelow(True)
    ax.legend(loc="lower left", fontsize=9)
    figure.tight_layout()
    return figure
