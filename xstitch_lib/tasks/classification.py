"""One label a picture: softmax, cross-entropy, accuracy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from xstitch_lib.data.tensors import IGNORE
from xstitch_lib.tasks.confusion import Confusion, percent
from xstitch_lib.tasks.labels import (
    check_range,
    class_names,
    class_weights,
    integers,
    required,
    weighted_cross_entropy,
)
from xstitch_lib.tasks.quantities import Quantity


@dataclass(frozen=True)
class Classification:
    """Tell K classes apart.

    Args:
        target: the name of the labels in a batch: (B,) integers 0…K-1, or `IGNORE` (-1) where unknown.
        classes: K ≥ 2.
        names: what the classes are called; their numbers where not given.
        weights: of the classes in the loss, which is then a weighted mean; their scale does not matter.
        ignore_index: what stands for unknown in the labels, 255 in many data sets.

    Raises:
        ValueError: for fewer than two classes, or names that do not fit; from `losses`, if the output is not (B, K) or
            the labels are not (B,) integers; from `check`, if labels are missing or out of range.

    >>> article = Classification("article", classes=10)
    >>> article.outputs
    10
    """

    target: str
    classes: int
    names: Sequence[str] | None = None
    weights: Sequence[float] | None = None
    ignore_index: int = IGNORE
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "accuracy": Quantity("accuracy", "%"),
        "recall": Quantity("recall", "%"),
        "samples": Quantity("labelled samples", digits=0),
    }

    def __post_init__(self):
        object.__setattr__(self, "names", class_names(self.target, self.classes, self.names))
        object.__setattr__(self, "weights", class_weights(self.target, self.classes, self.weights))

    @property
    def outputs(self) -> int:
        """K, the size of the head."""
        return self.classes

    def check(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        """Refuse a data set's ``tensors`` without fitting labels; ``name`` is the task's, for the message."""
        given = required(name, self.target, tensors)
        labels = integers(self.target, given, 1, self.ignore_index)
        check_range(name, self.target, labels, self.classes, given.dtype)

    def losses(self, output: Tensor, batch: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
        """Cross-entropy of ``output`` (B, K), summed over the labelled samples, and their number or weight."""
        return {"loss": weighted_cross_entropy(output, self._labels(output, batch), self.weights)}

    def metric(self) -> "Accuracy":
        """A fresh `Accuracy`."""
        return Accuracy(self)

    def predict(self, output: Tensor, batch: Mapping[str, Tensor] | None = None) -> Tensor:
        """(B, K) scores → (B,) classes."""
        return output.argmax(dim=1)

    def draw(self, answer: Tensor) -> list[str]:
        """(B,) classes → their names; "unknown" for what stands for it."""
        return [
            "unknown" if number in (IGNORE, self.ignore_index) else self.names[number] for number in answer.tolist()
        ]

    def _labels(self, output: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        labels = integers(self.target, batch[self.target], 1, self.ignore_index)
        if output.shape != (len(labels), self.classes):
            found = tuple(output.shape)
            raise ValueError(f"{self.target!r} needs an output of shape {(len(labels), self.classes)}; got {found}")
        return labels


class Accuracy:
    """How many of the labelled samples are classified right, in percent."""

    def __init__(self, task: Classification):
        self.task, self.confusion = task, Confusion(task.classes)

    def update(self, output: Tensor, batch: Mapping[str, Tensor]) -> None:
        """Count one batch; a sample labelled `IGNORE` does not count."""
        self.confusion.add(self.task._labels(output, batch), self.task.predict(output))

    def compute(self) -> dict[str, float]:
        """{"accuracy": percent}; NaN if no sample was labelled."""
        right, labels = self.confusion.right, self.confusion.labels
        return {"accuracy": percent(right.sum(), labels.sum()).item()}

    def per_class(self) -> dict[str, dict[str, float]]:
        """``{name: {"recall": percent of the class's samples that are found, "samples": their number}}``."""
        labels = self.confusion.labels
        columns = zip(percent(self.confusion.right, labels).tolist(), labels.tolist(), strict=True)
        return {
            name: {"recall": recall, "samples": n} for name, (recall, n) in zip(self.task.names, columns, strict=True)
        }
