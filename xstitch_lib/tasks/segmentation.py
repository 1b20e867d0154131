"""One class a pixel: softmax, cross-entropy, intersection over union."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from xstitch_lib.data.tensors import IGNORE
from xstitch_lib.tasks.confusion import Confusion, percent
from xstitch_lib.tasks.labels import check_range, class_names, class_weights, integers, required
from xstitch_lib.tasks.pixels import check_scores, check_size, check_stride, cross_entropy, every, fine_size, upsample
from xstitch_lib.tasks.quantities import Quantity

# A light grey, the seven colours of Okabe and Ito, then always the one farthest from all before and from black, in
# OKLab, as seen by people with normal vision, protanopia or deuteranopia, whichever of the three tells least.
PALETTE = bytes.fromhex("""
    D9D4C7 E69F00 56B4E9 009E73 F0E442 0072B2 D55E00 CC79A7 5A1818 181886 1818FF A7184F 9C70FF 5A18BD
    91BD86 444486 444F18 A7FFFF 39234F A7FFA7 18DEFF D318C8 914F86 23E986 FF4465 A74F39 FF7BD3 FFBD5A
    235A5A FF9CBD 2365E9 917091 7B9CFF FF6539 5A2E65 BD70D3 FFB2F4 183939 6544A7 9C1818
""")


@dataclass(frozen=True)
class SemanticSegmentation:
    """Tell the class of every pixel.

    Args:
        target: the name of the labels in a batch: (B, H, W) integers 0…K-1, or `IGNORE` (-1) where unknown.
        classes: K ≥ 2.
        names: what the classes are called; their numbers where not given.
        loss_stride: s, the loss looks at one pixel in each s×s, which is faster; the metric looks at all.
        weights: of the classes in the loss, which is then a weighted mean; their scale does not matter.
        ignore_index: what stands for unknown in the labels, 255 in many data sets.

    The network's output is (B, K, h, w) of any resolution; it is brought to the labels' bilinearly.

    Raises:
        ValueError: for fewer than two classes, names that do not fit, or a stride below 1; from `losses`, if the output
            or the labels have another shape; from `check`, if labels are missing, out of range or of another size
            than the images.

    >>> seg = SemanticSegmentation("seg", classes=2, names=["wall", "floor"])
    >>> seg.predict(torch.tensor([[[[9.0, 0.0]], [[0.0, 9.0]]]]), {"image": torch.rand(1, 3, 1, 4)})
    tensor([[[0, 0, 1, 1]]])

    Source: section 5, after Long, Shelhamer and Darrell (CVPR 2015).
    """

    target: str
    classes: int
    names: Sequence[str] | None = None
    loss_stride: int = 1
    weights: Sequence[float] | None = None
    ignore_index: int = IGNORE
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "mIU": Quantity("mean intersection over union", "%"),
        "pixacc": Quantity("pixel accuracy", "%"),
        "fwIU": Quantity("frequency-weighted intersection over union", "%"),
        "IU": Quantity("intersection over union", "%"),
        "pixels": Quantity("labelled pixels", digits=0),
    }

    def __post_init__(self):
        object.__setattr__(self, "names", class_names(self.target, self.classes, self.names))
        object.__setattr__(self, "weights", class_weights(self.target, self.classes, self.weights))
        check_stride(self.target, self.loss_stride)

    @property
    def outputs(self) -> int:
        """K, the size of the head."""
        return self.classes

    def check(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        """Refuse a data set's ``tensors`` without fitting labels; ``name`` is the task's, for the message."""
        given = required(name, self.target, tensors)
        labels = integers(self.target, given, 3, self.ignore_index)
        check_size(name, self.target, labels, required(name, "image", tensors), self.loss_stride)
        check_range(name, self.target, labels, self.classes, given.dtype)

    def losses(self, output: Tensor, batch: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
        """Cross-entropy of ``output`` (B, K, h, w), summed over the labelled pixels, and their number or weight."""
        labels = self._labels(output, batch)
        pixels = every(self.loss_stride)
        few, size = labels[:, pixels, pixels], labels.shape[1:]
        return {"loss": cross_entropy(output, few, size, self.loss_stride, self.weights)}

    def metric(self) -> "IntersectionOverUnion":
        """A fresh `IntersectionOverUnion`."""
        return IntersectionOverUnion(self)

    def label_counts(self, batch: Mapping[str, Tensor]) -> dict[str, int]:
        """``{name: pixels labelled as it}``."""
        labels = integers(self.target, batch[self.target], 3, self.ignore_index)
        counts = torch.bincount(labels[labels != IGNORE].flatten(), minlength=self.classes)
        return dict(zip(self.names, counts.tolist(), strict=True))

    def predict(self, output: Tensor, batch: Mapping[str, Tensor] | None = None) -> Tensor:
        """(B, K, h, w) scores → (B, H, W) classes, of the size of the batch's labels or images, or the output's own."""
        return upsample(output, fine_size(self.target, output, batch)).argmax(3)

    def draw(self, answer: Tensor) -> Tensor:
        """(B, H, W) classes → (B, H, W, 3) colours in [0, 1], black where unknown; 40 colours, then they repeat."""
        colours = torch.tensor([*PALETTE, 0, 0, 0], device=answer.device).view(-1, 3) / 255
        last, answer = len(colours) - 1, answer.long()
        return colours[torch.where((answer == IGNORE) | (answer == self.ignore_index), last, answer % last)]

    def _labels(self, output: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        labels = integers(self.target, batch[self.target], 3, self.ignore_index)
        check_scores(self.target, output, labels, self.classes)
        return labels


class IntersectionOverUnion:
    """How well predicted regions cover the labelled ones, over all pixels of a data set.

    A class's intersection over union (IU) is, of all pixels that have its label or its prediction, the share that have
    both. Pixels labelled `IGNORE` do not count, whatever is predicted there.
    """

    def __init__(self, task: SemanticSegmentation):
        self.task, self.confusion = task, Confusion(task.classes)

    def update(self, output: Tensor, batch: Mapping[str, Tensor]) -> None:
        """Count one batch, at the labels' size."""
        labels = self.task._labels(output, batch)
        self.confusion.add(labels, self.task.predict(output, batch))

    def compute(self) -> dict[str, float]:
        """In percent: "pixacc", pixels that are right; "mIU", the mean IU; "fwIU", each class weighed by its labels.

        The mean is over the classes that occur, in the labels or the predictions: a class that is predicted but never
        labelled counts with IU 0, one that is neither does not count. That is what Long et al.'s own code does, and
        torchmetrics' ``MulticlassJaccardIndex``. NaN if no pixel was labelled.
        """
        labels, iu = self.confusion.labels, self._iu()
        return {
            "pixacc": percent(self.confusion.right.sum(), labels.sum()).item(),
            "mIU": iu.nanmean().item(),
            "fwIU": ((labels * iu.nan_to_num()).sum() / labels.sum()).item(),
        }

    def per_class(self) -> dict[str, dict[str, float]]:
        """``{name: {"IU": percent, "pixels": labelled as it}}``; NaN for a class neither labelled nor predicted."""
        columns = zip(self._iu().tolist(), self.confusion.labels.tolist(), strict=True)
        return {name: {"IU": iu, "pixels": n} for name, (iu, n) in zip(self.task.names, columns, strict=True)}

    def _iu(self) -> Tensor:
        return percent(self.confusion.right, self.confusion.union)
