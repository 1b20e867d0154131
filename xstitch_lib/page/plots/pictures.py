"""Pictures beside their labels, and what the labels are made of."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from xstitch_lib.page.plots.style import COLOURS


def gallery(rows: Mapping[str, Sequence[Tensor]], titles: Sequence[str] = ()) -> Figure:
    """Rows of colour pictures, one column a scene.

    Args:
        rows: name → (H, W, 3) pictures in [0, 1], as many in each row; ``draw`` of a task makes them.
        titles: what stands above the columns.
    """
    columns = len(next(iter(rows.values())))
    figure, axes = plt.subplots(len(rows), columns, figsize=(1.45 * columns + 0.8, 1.15 * len(rows) + 0.25))
    axes = np.reshape(axes, (len(rows), columns))
    for i, (name, pictures) in enumerate(rows.items()):
        for ax, picture in zip(axes[i], pictures, strict=True):
            ax.imshow(picture, interpolation="none")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        axes[i, 0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
    for ax, title in zip(axes[0], titles, strict=False):
        ax.set_title(title, fontsize=10)
    figure.tight_layout(pad=0.3, h_pad=0.4, w_pad=0.4)
    return figure


def class_frequencies(shares: Mapping[str, float], colours: Sequence[Sequence[float]]) -> Figure:
    """The share of the pixels that each class has, in percent, on a log scale; classes in their pictures' colours."""
    order = sorted(shares, key=shares.get, reverse=True)
    # a shade off: the page replaces the exact colours of `COLOURS`, and these stand for classes
    colour = dict(zip(shares, np.clip(np.add(colours, 1 / 255), 0, 1), strict=True))
    figure, ax = plt.subplots(figsize=(7.2, 3.0))
    ax.bar(order, [shares[name] for name in order], color=[colour[n] for n in order], ec=COLOURS["muted"], lw=0.6)
    ax.set(yscale="log", ylabel="share of the pixels, %")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.tick_params(axis="x", rotation=60)
    ax.grid(axis="y")
    ax.set_axisbelow(True)
    figure.tight_layout()
    return figure


def codebook(codewords: np.ndarray, shares: Sequence[float], colours: np.ndarray) -> Figure:
    """Codewords (K, 3) seen from the camera: where each points, and how many pixels it stands for.

    Args:
        codewords: unit normals, x right and y down.
        shares: of the pixels, one for each codeword; areas are proportional to them.
        colours: (K, 3) in [0, 1].
    """
    figure, ax = plt.subplots(figsize=(4.4, 4.4))
    ax.add_patch(plt.Circle((0, 0), 1, fill=False, ec=COLOURS["muted"], lw=1))
    for (x, y, _), share, colour in zip(codewords, shares, colours, strict=True):
        ax.scatter(x, y, s=60 + 4000 * share, color=colour, ec=COLOURS["ink"], lw=0.8, zorder=2)
    for text, place in {
        "right": (1.12, 0),
        "left": (-1.12, 0),
        "up (floors)": (0, -1.14),
        "down (ceilings)": (0, 1.14),
    }.items():
        ha = {"right": "left", "left": "right"}.get(text, "center")
        ax.text(*place, text, ha=ha, va="center", fontsize=9, color=COLOURS["muted"])
    ax.set(xlim=(-1.4, 1.4), ylim=(1.22, -1.22), aspect="equal")
    ax.set_axis_off()
    figure.tight_layout(pad=0.2)
    return figure
