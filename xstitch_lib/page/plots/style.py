"""The style of every figure: colour-blind-safe, light and dark.

The built site replaces the exact colours of `COLOURS` by the page's own (book/_ext/xstitch_figures.py),
so use these and no others for lines, text and areas.
"""

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import Tensor

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
TASK_COLOURS = [COLOURS["a"], COLOURS["b"], COLOURS["c"]]


def use_style() -> None:
    """Set the book's style for every figure that follows; notebooks show SVG, with PNG for print."""
    ink = COLOURS["ink"]
    sns.set_theme(
        context="notebook",
        style="ticks",
        palette=TASK_COLOURS,
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


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = plt.figure(figsize=(width, height))
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    ax.set_axis_off()
    return figure, ax


def box(ax: Axes, x: float, y: float, text: str, colour: str, width: float = 1.5, height: float = 0.55) -> None:
    corner = (x - width / 2, y - height / 2)
    ax.add_patch(
        FancyBboxPatch(corner, width, height, boxstyle="round,pad=0.04", fc=COLOURS["paper"], ec=colour, lw=1.8)
    )
    ax.text(x, y, text, ha="center", va="center", color=colour, fontsize=10.5)


def arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, **style) -> None:
    ax.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, color=colour, shrinkA=0, shrinkB=0, **style)
    )
