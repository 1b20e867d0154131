"""What training, evaluation and tables ask of a task."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from xstitch_lib.data.source import Batch
from xstitch_lib.tasks.quantities import Quantity


class Metric(Protocol):
    """Counts over a whole data set; nothing is averaged over batches."""

    def update(self, output: Any, batch: Batch) -> None:
        """Count one batch."""

    def compute(self) -> dict[str, float]:
        """Metric → value over everything counted so far; NaN where nothing was labelled."""

    def per_class(self) -> dict[str, dict[str, float]]:
        """Class → {its metric: value, what was counted: how many labels it has}; empty without classes."""


class Task(Protocol):
    """What `fit` and `evaluate` ask of a task; chapter "Write your own" makes one.

    Attributes:
        outputs: size of the head a tower needs: its last dimension, or a map's channels.
        quantities: metric → what its numbers are, of a data set and of a class; the main one first.
    """

    outputs: int
    quantities: Mapping[str, Quantity]

    def check(self, name: str, tensors: Batch) -> None:
        """Raise a ValueError if samples' ``tensors`` lack what the task, called ``name``, is trained for.

        Once a sample and call of `fit` or `evaluate`, so that `losses` need not look at values and wait for the device.
        """

    def losses(self, output: Any, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """Loss → its sum over everything labelled in a batch, and what to divide it by; two 0-d tensors.

        That is how many labels there were, or the sum of their weights, which may be below 1; 0 if there was none.
        Apart, so that the mean is right over several processes and uneven batches. The names stand in the history: one
        loss is called "loss", of several each ends in it, "class loss" and "box loss".

        Args:
            output: what the network says of the task, float32.
            batch: as `Source.draw` gives it, on the output's device.
        """

    def metric(self) -> Metric:
        """A fresh counter."""

    def predict(self, output: Any, batch: Batch | None = None) -> Any:
        """The network's output as the answer a reader understands: labels, one a sample.

        Args:
            batch: what was given to the network; maps are brought to the size of its "image", where it is there.
        """

    def draw(self, answer: Any) -> Any:
        """Labels or predictions of a batch for the eye.

        Maps as colours (B, H, W, 3) in [0, 1], classes as words, boxes as a list of `Mark` a picture.
        """
