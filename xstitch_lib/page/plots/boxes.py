"""Pictures with boxes on them, and precision over recall."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from xstitch_lib.page.plots.style import COLOURS, TASK_COLOURS
from xstitch_lib.tasks.boxes import Mark

WORDS = 18  # letters of a mark that fit beside its box


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
    ax.set(xticks=[], yticks=[], xlim=ax.get_xlim(), ylim=ax.get_ylim())
    ax.spines[:].set_visible(False)
    for i, mark in reversed([*enumerate(marks)]):
        left, top, right, bottom = np.subtract(mark.box, 0.5)  # imshow's first pixel is centred on 0
        colour = TASK_COLOURS[i % len(TASK_COLOURS)]
        for line, edge in ((3.2, COLOURS["paper"]), (1.6, colour)):
            ax.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, ec=edge, lw=line))
        text = mark.text if len(mark.text) <= WORDS else mark.text[: WORDS - 1] + "…"
        label = dict(fc=COLOURS["paper"], ec=colour, lw=0.8, pad=1.2)
        ax.text(left, top, text, fontsize=7.5, color=colour, va="bottom", bbox=label, clip_on=True) if text else None


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
