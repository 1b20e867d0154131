"""What limits a layer: arithmetic, or moving its numbers."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from xstitch_lib.page.plots.style import COLOURS, TASK_COLOURS


def roofline(points: Mapping[str, Sequence[tuple[float, float]]], peak: float, bandwidth: float) -> Figure:
    """Measured speed of layers under the roof that arithmetic and memory put over them, log-log.

    Args:
        points: kind → (operations per byte, operations a second) of each layer.
        peak: operations a second the machine reaches when memory does not matter.
        bandwidth: bytes a second it moves.
    """
    figure, ax = plt.subplots(figsize=(6.6, 3.8))
    intensities = [point[0] for layers in points.values() for point in layers]
    x = np.geomspace(min(intensities) / 2, max(max(intensities), peak / bandwidth) * 2, 200)
    ax.plot(x, np.minimum(peak, x * bandwidth) / 1e9, color=COLOURS["ink"], lw=1.6)
    for (kind, layers), marker, colour in zip(points.items(), "soD^", [*TASK_COLOURS, COLOURS["mixed"]], strict=False):
        across, speed = zip(*layers, strict=True)
        ax.plot(across, np.divide(speed, 1e9), marker, color=colour, ms=7, label=kind)
    ax.axvline(peak / bandwidth, color=COLOURS["grid"], lw=1, zorder=0)
    ax.set(xscale="log", yscale="log", xlabel="operations per byte moved", ylabel="billion operations a second")
    ax.legend(loc="lower right")
    figure.tight_layout()
    return figure
