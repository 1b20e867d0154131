"""One label a picture: softmax, cross-entropy, accuracy."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from xstitch_lib.data.tensors import IGNORE

INTEGERS = (torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.int8, torch.int16, torch.int32, torch.int64)


@dataclass(frozen=True)
class Classification:
    """Tell K classes apart.

    Args:
        target: the name of the labels in a batch: (B,) integers 0…K-1, or `IGNORE` (-1) where unknown.
        classes: K ≥ 2.

    Raises:
        ValueError: for fewer than two classes; from `loss`, if the output is not (B, K) or the labels are not
            (B,) integers; from `check`, if labels are missing or out of range.

    >>> article = Classification("article", classes=10)
    >>> article.outputs
    10
    """

    target: str
    classes: int

    def __post_init__(self):
        if self.classes < 2:
            raise ValueError(f"classification of {self.target!r} needs at least 2 classes; got {self.classes}")

    @property
    def outputs(self) -> int:
        """K, the size of the head."""
        return self.classes

    def check(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        """Refuse a data set's ``tensors`` without fitting labels; ``name`` is the task's, for the message."""
        if self.target not in tensors:
            raise ValueError(
                f"task {name!r} needs the labels {self.target!r}; got a data set with {list(tensors)}: add them to it, "
                "or name one of these as the task's target"
            )
        labels = self._integers(tensors[self.target])
        wrong = labels[(labels != IGNORE) & ((labels < 0) | (labels >= self.classes))]
        if len(wrong):
            raise ValueError(
                f"task {name!r} needs labels {self.target!r} from 0 to {self.classes - 1}, or {IGNORE} where unknown; "
                f"got {len(wrong)} others, the first {wrong[0].item()}: renumber them or give the task more classes"
            )

    def loss(self, output: Tensor, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Cross-entropy of ``output`` (B, K), summed over the labelled samples, and their number."""
        labels = self._labels(output, batch)
        return F.cross_entropy(output, labels, ignore_index=IGNORE, reduction="sum"), (labels != IGNORE).sum()

    def metric(self) -> "Accuracy":
        """A fresh `Accuracy`."""
        return Accuracy(self)

    def predict(self, output: Tensor) -> Tensor:
        """(B, K) scores → (B,) classes."""
        return output.argmax(dim=1)

    def _labels(self, output: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        labels = self._integers(batch[self.target])
        if output.shape != (len(labels), self.classes):
            found = tuple(output.shape)
            raise ValueError(f"{self.target!r} needs an output of shape {(len(labels), self.classes)}; got {found}")
        return labels

    def _integers(self, labels: Tensor) -> Tensor:
        if labels.ndim != 1 or labels.dtype not in INTEGERS:
            found = f"{labels.dtype} of shape {tuple(labels.shape)}"
            raise ValueError(f"labels {self.target!r} must be integers of shape (B,), one a sample; got {found}")
        return labels.long()


class Accuracy:
    """How many of the labelled samples are classified right, in percent."""

    def __init__(self, task: Classification):
        self.task = task
        self.right, self.labelled = torch.tensor(0), torch.tensor(0)

    def update(self, output: Tensor, batch: Mapping[str, Tensor]) -> None:
        """Count one batch; a sample labelled `IGNORE` does not count."""
        labels = self.task._labels(output, batch)
        self.right = self.right.to(labels) + (self.task.predict(output) == labels).sum()
        self.labelled = self.labelled.to(labels) + (labels != IGNORE).sum()

    def compute(self) -> dict[str, float]:
        """{"accuracy": percent}; NaN if no sample was labelled."""
        return {"accuracy": (100 * self.right / self.labelled).item()}
