"""What a training run leaves behind: loss curves and the alphas on their way."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from xstitch_lib.tasks.quantities import Quantities
from xstitch_lib.unit_base import Unit


class History:
    """Loss and metric curves of a run, and its units' alphas at evenly spaced steps.

    Attributes:
        table: tidy DataFrame with the columns step, task, metric, value. ``metric`` is a loss of the task, "loss" or
            "… loss", the mean over all labelled samples since the row before, or a metric of `evaluate` on the
            validation data; what those are the table tells (`Quantities.of`).
        alphas: layer → (S, C or 1, T, T) float32 array. Dense units are left out: theirs are as large as towers.
        alpha_steps: the S steps these were taken at, from 0 to the last.
        seconds: wall time of the run, over all processes that worked on it.
        seconds_before: the part of it that went before this process took the run up where it was left.

    A step counts what has been done: step 0 is before training.

    >>> history = History(["seg"])
    >>> history.add_losses({("seg", "loss"): (6.0, 4)})
    >>> history.close_interval(step=10)
    {'seg loss': 1.5}
    >>> history.table
       step task metric  value
    0    10  seg   loss    1.5
    >>> history
    History(steps=10, tasks=['seg'], layers=[])
    """

    def __init__(self, tasks: Sequence[str], quantities: Quantities | None = None):
        self.alpha_steps: list[int] = []
        self.seconds = self.seconds_before = 0.0
        self.quantities = Quantities() if quantities is None else quantities
        self._tasks, self._rows, self._alphas = list(tasks), [], {}
        self._sums: dict[tuple[str, str], list[float]] = {}  # loss and labels since the last row

    def __repr__(self) -> str:
        steps = max([row[0] for row in self._rows] + self.alpha_steps, default=0)
        return f"History(steps={steps}, tasks={self._tasks}, layers={list(self._alphas)})"

    @property
    def table(self) -> pd.DataFrame:
        return self.quantities.attach(pd.DataFrame(self._rows, columns=["step", "task", "metric", "value"]))

    @property
    def alphas(self) -> dict[str, np.ndarray]:
        return {layer: torch.stack(shots).numpy() for layer, shots in self._alphas.items()}

    def add_losses(self, losses: Mapping[tuple[str, str], tuple[float, float]]) -> None:
        """Count one step: task and loss → its sum, and what that is divided by."""
        for loss, (total, count) in losses.items():
            sums = self._sums.setdefault(loss, [0.0, 0.0])
            sums[0] += total
            sums[1] += count

    def close_interval(self, step: int) -> dict[str, float]:
        """Write, and return, the mean of every loss that had a label since the last call."""
        means = {loss: total / count for loss, (total, count) in self._sums.items() if count}
        self._rows += [(step, task, name, mean) for (task, name), mean in means.items()]
        self._sums = {}
        return {f"{task} {name}": mean for (task, name), mean in means.items()}

    def add_metrics(self, step: int, results: Mapping[str, Mapping[str, float]]) -> None:
        """Write what `evaluate` found.

        Raises:
            ValueError: for a metric with a loss's name.
        """
        for task, row in results.items():
            if losses := [metric for metric in row if is_loss(metric)]:
                raise ValueError(f"{losses[0]!r} of {task!r} is the name of a training loss: call the metric otherwise")
            self._rows += [(step, task, metric, float(value)) for metric, value in row.items()]

    def add_alphas(self, step: int, units: Mapping[str, Unit]) -> None:
        """Keep a copy of what each unit wants followed, by layer; see `Unit.followed`."""
        self.alpha_steps.append(step)
        for layer, unit in units.items():
            if (alpha := unit.followed()) is not None:
                self._alphas.setdefault(layer, []).append(alpha.detach().to("cpu", torch.float32, copy=True))

    def state_dict(self) -> dict[str, Any]:
        kept = {"rows": self._rows, "sums": self._sums, "alpha_steps": self.alpha_steps, "alphas": self._alphas}
        return kept | {"seconds": self.seconds}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._rows, self._sums, self._alphas = state["rows"], state["sums"], state["alphas"]
        self.alpha_steps, self.seconds = state["alpha_steps"], state["seconds"]


def is_loss(metric: str) -> bool:
    """Whether a curve of a history is a training loss; all others are metrics of validation data."""
    return metric == "loss" or metric.endswith(" loss")
