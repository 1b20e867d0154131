"""The paper's table 4 with a hand on it: sorted alphas of any layer, start, task and step."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from xstitch_lib.page import plots
from xstitch_lib.page.explorer.moving import Control, MovingFigure, Plot, State, svg, ticks
from xstitch_lib.page.explorer.runs import runs
from xstitch_lib.results.record import Record
from xstitch_lib.training.history import History

POINTS = 33  # of a sorted curve, more are not seen; odd, so that one of them is the median
TOP = 1 << 16
MEAN, LOWEST, HIGHEST = range(3)  # over seeds


class AlphaExplorer(MovingFigure):
    """Sorted alpha_S and alpha_D of a stitched network, for each layer, run, task and training step.

    The layer before the chosen one stands beside it: what one unit exchanges the next may exchange back. Channels are
    sorted by weight, each curve for itself, as in the paper's table 4: a curve says how weights are spread, not which
    channel has which. Of several seeds a curve is the mean, and the band around it from the lowest to the highest.

    Args:
        source: a `History` of `fit`, or a record; of any stitched network with units per channel or per layer.
        arms: of a record, those shown; where not given, all with alphas.
        names: task → what the reader is told, such as ``{"seg": "segmentation"}``.
        start: of the arms, and of the layers, the one shown first; where not given, the first of each.

    Raises:
        ValueError: if ``source`` has no alphas.

    Source: section 5.4, table 4; chapter "Looking inside: the alphas".
    """

    script = "alphas"
    plays = "step"

    def __init__(
        self,
        source: History | Record,
        arms: Sequence[str] | None = None,
        names: Mapping[str, str] | None = None,
        start: tuple[str, str] | None = None,
    ):
        self.runs = runs(source, arms)
        first = next(iter(self.runs.values()))
        self.tasks, self.layers = [(names or {}).get(task, task) for task in first.tasks], list(first.alphas)
        self.steps, self._several = [str(step) for step in first.steps], len(first.alphas[self.layers[0]]) > 1
        curves = {key: _quantiles(run.alphas[key[1]]) for key, run in self._keys()}
        every = np.concatenate([values.ravel() for values in curves.values()])
        low, high = min(0.0, float(every.min())), max(1.0, float(every.max()))
        boxes = [(44, 46, 168, 200), (246, 46, 168, 200)] if len(self.layers) > 1 else [(44, 46, 364, 200)]
        self.plots = [Plot(box, (0.0, 1.0), (low, high)) for box in boxes]
        self._packed = {key: np.round((v - low) / (high - low) * (TOP - 1)).astype("<u2") for key, v in curves.items()}
        run, layer = start or (next(iter(self.runs)), self.layers[0])
        super().__init__(
            [
                Control("run", "units start at", list(self.runs), list(self.runs).index(run)),
                Control("layer", "layer", self.layers, self.layers.index(layer)),
                Control("task", "task", self.tasks),
                Control("step", "step", self.steps, 0, "slider"),
            ]
        )

    def _keys(self):
        return [((name, layer), run) for name, run in self.runs.items() for layer in self.layers]

    def curves(self, state: State, of: int = MEAN) -> np.ndarray:
        """(T, points): for the state's task, the sorted weights of each task's map; the mean of seeds, or an edge."""
        values = self._packed[list(self.runs)[state["run"]], self.layers[state["layer"]]]
        low, high = self.plots[0].y
        return low + values[of, state["step"], state["task"]] / (TOP - 1) * (high - low)

    def shown(self, state: State) -> list[State]:
        """The states of the panels: the layer before the chosen one, and that; of the first layer, it and the next."""
        last = max(state["layer"], len(self.plots) - 1)
        return [{**state, "layer": last - back} for back in reversed(range(len(self.plots)))]

    def caption(self, state: State) -> str:
        told = []
        for panel in self.shown(state):
            told.append(f"{self.layers[panel['layer']]}:")
            for j, values in enumerate(self.curves(panel)):
                middle = values[len(values) // 2]
                told.append(f"{self._line(state, j)}: {values[0]:.2f} to {values[-1]:.2f}, median {middle:.2f}.")
        start = f" from {list(self.runs)[state['run']]}" if len(self.runs) > 1 else ""
        where = f"{self.layers[state['layer']]}, {self.tasks[state['task']]}{start}"
        return f"{where}, step {self.steps[state['step']]}. {' '.join(told)}"

    def _line(self, state: State, j: int) -> str:
        return "alpha_S, own map" if j == state["task"] else f"alpha_D, from {self.tasks[j]}"

    def svg(self, state: State) -> str:
        kinds = ["own" if j == state["task"] else "other" for j in range(len(self.tasks))]
        parts = []
        for plot, panel in zip(self.plots, self.shown(state), strict=True):
            begun, now = [self.curves({**panel, "step": step}) for step in (0, state["step"])]
            xs = np.linspace(0, 1, now.shape[1])
            parts.append(plot.axes("channels, sorted", "", [0, 0.5, 1], ticks(*plot.y)))
            left, top = plot.box[:2]
            parts.append(
                f'<text class="layer" x="{left}" y="{top - 8}">weights at {self.layers[panel["layer"]]}</text>'
            )
            parts += [f'<polyline class="faint" points="{plot.points(xs, values)}"/>' for values in begun]
            if self._several:
                lowest, highest = [self.curves(panel, of) for of in (LOWEST, HIGHEST)]
                around, bands = np.append(xs, xs[::-1]), np.append(lowest, highest[:, ::-1], axis=1)
                parts += [
                    f'<polygon class="band c{j}" points="{plot.points(around, band)}"/>' for j, band in enumerate(bands)
                ]
            for j, values in enumerate(now):
                parts.append(f'<polyline class="line c{j} {kinds[j]}" points="{plot.points(xs, values)}"/>')
        for j in range(len(self.tasks)):
            x = 44 + j * 364 / len(self.tasks)
            parts.append(f'<text class="legend c{j}" x="{x:.0f}" y="14">{self._line(state, j)}</text>')
        seeds = ", mean and range over seeds" if self._several else ""
        return svg(
            420, 290, f"Sorted weights of a layer's units{seeds}; the text below says what they are", "".join(parts)
        )

    def data(self) -> dict[str, Any]:
        packed = [
            [base64.b64encode(self._packed[run, layer].tobytes()).decode() for layer in self.layers]
            for run in self.runs
        ]
        plot = {"boxes": [plot.box for plot in self.plots], "y": self.plots[0].y}
        return {"tasks": self.tasks, "points": POINTS, "bands": self._several, "curves": packed, "plot": plot}

    def picture(self) -> Figure:
        run = list(self.runs.values())[self.state["run"]]
        return plots.sorted_alphas(
            {layer: np.sort(v[:, -1], axis=1).mean(0) for layer, v in run.alphas.items()}, self.tasks
        )


def _quantiles(alphas: np.ndarray) -> np.ndarray:
    """(seeds, S, C, T, T) → (3, S, T, T, points): sorted over channels, thinned; mean, lowest, highest over seeds."""
    curves = np.quantile(alphas, np.linspace(0, 1, POINTS), axis=2)
    found = [curves.mean(1), curves.min(1), curves.max(1)] if len(alphas) > 1 else [curves[:, 0]]
    return np.stack(found).transpose(0, 2, 3, 4, 1)
