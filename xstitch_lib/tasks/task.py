"""What training, evaluation and tables ask of a task."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from xstitch_lib.quantities import Quantity


class Metric(Protocol):
    """Counts over a whole data set; nothing is averaged over batches."""

    def update(self, output: Any, batch: Mapping[str, Tensor]) -> None:
        """Count one batch."""

    def compute(self) -> dict[str, float]:
        """Metric → value over everything counted so far; NaN where nothing was labelled."""

    def per_class(self) -> dict[str, dict[str, float]]:
        """Class → {its metric: value, what was counted: how many labels it has}; empty without classes."""


class Task(Protocol):
    """What `fit` and `evaluate` ask of a task.

    Attributes:
        outputs: size of the head a tower needs: its last dimension, or a map's channels.
        quantities: metric → what its numbers are, of a data set and of a class; the main one first.
    """

    outputs: int
    quantities: Mapping[str, Quantity]

    def check(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        """Raise a ValueError if samples' ``tensors`` lack what the task, called ``name``, is trained for.

        Once a sample and call of `fit` or `evaluate`, so that `loss` need not look at values and wait for the device.
        """

    def loss(self, output: Any, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The sum of the loss over everything labelled in a batch, and what to divide it by; two scalars.

        That is how many labels there were, or the sum of their weights, which may be below 1; 0 if there was none.
        Apart, so that the mean is right over several processes and uneven batches.
        """

    def metric(self) -> Metric:
        """A fresh counter."""

    def predict(self, output: Any, size: tuple[int, int] | None = None) -> Any:
        """The network's output as the answer a reader understands: labels, of ``size`` (H, W) if they are maps."""

    def draw(self, answer: Any) -> Any:
        """Labels or predictions of a batch for the eye: maps as colours (B, H, W, 3) in [0, 1], classes as words."""
