"""A training run step by step: loss, metrics, and how much each layer keeps to its own task."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from xstitch_lib.page import plots
from xstitch_lib.page.explorer.moving import Control, MovingFigure, Plot, State, svg, ticks
from xstitch_lib.page.explorer.runs import Run, runs
from xstitch_lib.results.record import Record
from xstitch_lib.tasks.quantities import Quantities
from xstitch_lib.training.history import History, is_loss

LEFT, TOP, WIDTH, HEIGHT, BELOW = 44, 28, 276, 86, 128  # of a panel, and from one to the next
LINE_COLOURS = 5  # that moving.css has for lines


class Curve(NamedTuple):
    name: str
    steps: list[int]
    values: list[float]
    colour: int | None = None  # where not its place in the panel


class TrainingReplay(MovingFigure):
    """Run a training again by hand: loss, validation metric, and mean alpha_S of each layer along the steps.

    Args:
        source: a `History` of `fit` with validation data and snapshots, or a record. Several seeds are averaged.
        arms: of a record, those shown; where not given, all with alphas.
        names: task → what the reader is told.

    Raises:
        ValueError: if ``source`` has no alphas.

    Source: section 5.2; chapter "Looking inside: the alphas".
    """

    script = "replay"
    plays = "step"

    def __init__(
        self,
        source: History | Record,
        arms: Sequence[str] | None = None,
        names: Mapping[str, str] | None = None,
    ):
        self.runs = runs(source, arms)
        self.panels = {name: _panels(run, names or {}) for name, run in self.runs.items()}
        self.steps = next(iter(self.runs.values())).steps
        self.plots = []
        for k in range(len(next(iter(self.panels.values())))):
            values = [v for panels in self.panels.values() for curve in list(panels.values())[k] for v in curve.values]
            low, high = (min(values), max(values)) if values else (0.0, 1.0)
            margin = 0.06 * (high - low) or 0.5
            self.plots.append(
                Plot((LEFT, TOP + k * BELOW, WIDTH, HEIGHT), (0, self.steps[-1]), (low - margin, high + margin))
            )
        texts = [str(step) for step in self.steps]
        menu = Control("run", "units start at", list(self.runs))
        super().__init__([menu, Control("step", "step", texts, 0, "slider")])

    def _now(self, state: State) -> list[list[Curve]]:
        return list(self.panels[list(self.runs)[state["run"]]].values())

    def caption(self, state: State) -> str:
        step, titles = self.steps[state["step"]], list(self.panels[list(self.runs)[state["run"]]])
        told = [
            f"{title}: " + ", ".join([f"{curve.name} {_at(curve, step):.2f}" for curve in curves])
            for title, curves in zip(titles, self._now(state), strict=True)
        ]
        start = f", units start at {list(self.runs)[state['run']]}" if len(self.runs) > 1 else ""
        return f"Step {step}{start}. " + "; ".join(told) + "."

    def svg(self, state: State) -> str:
        step, parts = self.steps[state["step"]], []
        titles = list(self.panels[list(self.runs)[state["run"]]])
        for k, (plot, curves) in enumerate(zip(self.plots, self._now(state), strict=True)):
            bottom = k == len(self.plots) - 1
            xticks = ticks(0, self.steps[-1]) if bottom else []
            parts.append(plot.axes("step" if bottom else "", titles[k], xticks, ticks(*plot.y, 3)))
            names = _apart([plot.at(0, curve.values[-1])[1] for curve in curves])
            for i, (curve, y) in enumerate(zip(curves, names, strict=True)):
                number = i if curve.colour is None else curve.colour
                colour, (x, height) = f"c{number % LINE_COLOURS}", plot.at(step, _at(curve, step))
                points = plot.points(curve.steps, curve.values)
                parts.append(f'<polyline class="whole {colour}" points="{points}"/>')
                parts.append(f'<circle class="dot {colour}" cx="{x:.1f}" cy="{height:.1f}" r="4.5"/>')
                parts.append(f'<text class="{colour}" x="{LEFT + WIDTH + 8}" y="{y + 4:.1f}">{curve.name}</text>')
        x, end = self.plots[0].at(step, 0)[0], TOP + (len(self.plots) - 1) * BELOW + HEIGHT
        parts.append(f'<path class="xs-axis cursor" d="M{x:.1f},{TOP}V{end}"/>')
        return svg(420, end + 40, "Loss, validation metric and mean weights along the training steps", "".join(parts))

    def data(self) -> dict[str, Any]:
        """Of every run and curve the line's points, and at every step the dot's height and the value."""
        found = []
        for name in self.runs:
            curves = [
                {
                    "name": curve.name,
                    "panel": title,
                    "points": plot.points(curve.steps, curve.values),
                    "values": [round(_at(curve, step), 4) for step in self.steps],
                    "heights": [round(plot.at(0, _at(curve, step))[1], 1) for step in self.steps],
                }
                for plot, (title, panel) in zip(self.plots, self.panels[name].items(), strict=True)
                for curve in panel
            ]
            found.append(curves)
        return {"curves": found, "x": [round(self.plots[0].at(step, 0)[0], 1) for step in self.steps]}

    def picture(self) -> Figure:
        panels = self.panels[list(self.runs)[self.state["run"]]]
        figure, axes = plt.subplots(len(panels), 1, figsize=(6, 2.3 * len(panels)), sharex=True)
        for ax, (title, curves) in zip(axes, panels.items(), strict=True):
            ax.set_prop_cycle(color=[*plots.TASK_COLOURS, plots.COLOURS["mixed"], plots.COLOURS["muted"]])
            for curve in curves:
                ax.plot(curve.steps, curve.values, label=curve.name)
            ax.set(title=title)
            ax.legend()
        axes[-1].set_xlabel("step")
        figure.tight_layout()
        return figure


def _panels(run: Run, names: Mapping[str, str]) -> dict[str, list[Curve]]:
    """Title → curves: training loss a task, one validation metric a task, those of a unit together, alpha_S a layer."""
    losses, metrics, titles = [], {}, {}
    for task in run.tasks:
        of_task = run.curves[run.curves.task == task]
        own, kinds = names.get(task, task), list(of_task.metric.unique())
        found = [metric for metric in kinds if not is_loss(metric)]
        main = next((metric for metric in Quantities.of(run.curves).get(task, ()) if metric in found), None)
        main = main or next(iter(found), None)
        for metric in [*filter(is_loss, kinds), *([main] if main else [])]:
            mean = of_task[of_task.metric == metric].groupby("step").value.mean()
            name = own if metric in ("loss", main) else f"{own} {metric.removesuffix(' loss')}"
            unit = "" if is_loss(metric) else _unit(run, task, metric)
            (losses if is_loss(metric) else metrics.setdefault(unit, [])).append(
                Curve(name, mean.index.tolist(), mean.tolist(), None if is_loss(metric) else run.tasks.index(task))
            )
        if main:
            titles.setdefault(_unit(run, task, main), []).append(f"{own} {main}")
    weights = [
        Curve(layer, run.steps, np.diagonal(values, axis1=-2, axis2=-1).mean((0, 2, 3)).tolist())
        for layer, values in run.alphas.items()
    ]
    validation = {f"validation: {', '.join(titles[unit])}": curves for unit, curves in metrics.items()}
    return {"training loss": losses, **validation, "mean alpha_S": weights}


def _unit(run: Run, task: str, metric: str) -> str:
    """Of a metric; "" where nothing is known of it."""
    known = Quantities.of(run.curves).get(task, {})
    return known[metric].unit if metric in known else ""


def _at(curve: Curve, step: int) -> float:
    """The curve's value at a step, between its points where it has none there."""
    return float(np.interp(step, curve.steps, curve.values))


def _apart(heights: Sequence[float], gap: float = 13) -> list[float]:
    """Labels at these heights, moved down where they would touch."""
    moved, below = list(heights), -np.inf
    for i in sorted(range(len(heights)), key=lambda i: heights[i]):
        below = moved[i] = max(heights[i], below + gap)
    return moved
