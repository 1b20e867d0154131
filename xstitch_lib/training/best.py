"""The weights that did best on validation data, and when to stop looking for better ones."""

import copy
import math
from collections.abc import Mapping
from typing import Any

from torch import nn

from xstitch_lib.tasks.quantities import Quantity


class Best:
    """Keeps the weights of the snapshot with the best validation metric; `fit` leaves the network with them.

    Args:
        task, metric: which; the task's ``quantities`` tell which way is better.
        patience: the run ends after so many snapshots in a row without a better one; None, it runs to its last step.

    Attributes:
        step, value: of the best snapshot so far, None and NaN before the first.

    A metric that is NaN is no better than any. One object is for one run.

    >>> best = Best("seg", "mIU", patience=1)
    >>> net = nn.Linear(1, 1)
    >>> miu = Quantity("mean IU", "%")
    >>> [best.look(step, net, {"seg": {"mIU": value}}, miu) for step, value in [(0, 10.0), (5, 12.0), (10, 11.0)]]
    [False, False, True]
    >>> best.step, best.value
    (5, 12.0)
    """

    def __init__(self, task: str, metric: str, patience: int | None = None):
        if patience is not None and patience < 1:
            raise ValueError(f"patience is at least 1 snapshot, or None; got {patience}")
        self.task, self.metric, self.patience = task, metric, patience
        self.step, self.value, self.waited, self.weights = None, math.nan, 0, None

    def look(self, step: int, net: nn.Module, found: Mapping[str, Mapping[str, float]], quantity: Quantity) -> bool:
        """Take one snapshot into account; whether it is time to stop.

        Raises:
            ValueError: if the metric is not among what was found.
        """
        if self.metric not in found.get(self.task, {}):
            known = [f"{task} {metric}" for task, own in found.items() for metric in own]
            raise ValueError(
                f"the best {self.metric!r} of {self.task!r} cannot be told; validation has: {', '.join(known)}"
            )
        value = float(found[self.task][self.metric])
        if self.step is None or quantity.gain(value, self.value) > 0 or (math.isnan(self.value) and value == value):
            self.step, self.value, self.waited = step, value, 0
            self.weights = copy.deepcopy(net.state_dict())
        else:
            self.waited += 1
        return self.over

    @property
    def over(self) -> bool:
        """Whether it is time to stop."""
        return self.patience is not None and self.waited >= self.patience

    def restore(self, net: nn.Module) -> None:
        """Give ``net`` the best weights."""
        if self.weights is not None:
            net.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "value": self.value, "waited": self.waited, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.step, self.value, self.waited, self.weights = [
            state[name] for name in ("step", "value", "waited", "weights")
        ]
