"""Object detection on regions: which class a region shows, and where the object's box is (Fast R-CNN)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from xstitch_lib.data.ragged import Ragged
from xstitch_lib.data.source import IGNORE
from xstitch_lib.tasks.average_precision import average_precision, hits
from xstitch_lib.tasks.boxes import BACKGROUND, Mark, check_regions, check_rows, moved, of_objects, offsets
from xstitch_lib.tasks.labels import check_range, class_names, integers, required
from xstitch_lib.tasks.quantities import Quantity

Batch = Mapping[str, Any]


@dataclass(frozen=True)
class Detection:
    """Find the objects of C classes: softmax over the classes and background, and a box for each class.

    Args:
        classes: C ≥ 2.
        names: what the classes are called; their numbers where not given.
        told: names of the classes whose mean is told; None, of all that have boxes.
        least, overlap, most: of a picture's detections those with a score above ``least`` are kept, of one class those
            that do not overlap a surer one by more than ``overlap``, and the ``most`` surest of them.

    A batch has these, all `Ragged`, with as many rows a picture as it has regions or objects:

    - "regions" (R, 4): where the network looks, left, top, right and bottom edge in pixels.
    - "object" (R,) int64: which of its picture's objects a region stands for, -1 for none, the background. In training
      `sample_regions` says so; as stored the true boxes stand behind the proposals, and only these have one. Proposals
      alone can be detections.
    - "boxes" (K, 4), "labels" (K,) integers 0…C-1, or `IGNORE` where the class is unknown: the objects. A picture may
      have none.
    - "difficult" (K,) bool, if there is one: objects that need not be found.

    The network's output is (R, 5·C + 1): C scores, that of the background, then for each class how far its box is from
    the region (`boxes.offsets`).

    Raises:
        ValueError: for fewer than two classes or names that do not fit; from `losses`, if the output has another shape;
            from `check`, if boxes or labels are missing or are none.

    >>> Detection(20).outputs
    101

    Source: section 6.1; Girshick, "Fast R-CNN", ICCV 2015, section 2.3.
    """

    classes: int
    names: Sequence[str] | None = None
    told: Sequence[str] | None = None
    least: float = 0.02
    overlap: float = 0.3
    most: int = 100
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "mAP": Quantity("mean average precision, detection", "%"),
        "mAP area": Quantity("mean area under precision and recall, detection", "%"),
        "AP": Quantity("average precision", "%"),
        "AP area": Quantity("area under precision and recall", "%"),
        "objects": Quantity("labelled objects", digits=0),
    }

    def __post_init__(self):
        object.__setattr__(self, "names", class_names("detection", self.classes, self.names))
        if unknown := [name for name in self.told or () if name not in self.names]:
            raise ValueError(f"told are classes of this detection; got {unknown[0]!r}, not one of {self.names}")

    @property
    def outputs(self) -> int:
        """5·C + 1, the size of the head."""
        return self.scores + 4 * self.classes

    @property
    def scores(self) -> int:
        """C + 1: how many of the outputs are scores."""
        return self.classes + 1

    def check(self, name: str, tensors: Batch) -> None:
        """Refuse a data set's ``tensors`` without fitting boxes and labels; ``name`` is the task's, for the message."""
        check_regions(name, tensors)
        check_rows(name, "labels", required(name, "labels", tensors), tensors["boxes"], ())
        check_range(name, "labels", integers("labels", tensors["labels"].values, dims=1), self.classes)

    def losses(self, output: Tensor, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """Cross-entropy of all regions' scores, and smooth L1 of the boxes of those that stand for an object.

        Both are divided by the number of regions whose class is known, as in Fast R-CNN.
        """
        scores, by = self._parts(output, batch)
        rows, objects = of_objects(batch)
        labels = torch.full((len(scores),), self.classes, device=scores.device)
        labels[rows] = batch["labels"].values[objects].long()
        known, count = labels[rows] != IGNORE, (labels != IGNORE).sum()
        rows, objects = rows[known], objects[known]
        wanted = offsets(batch["regions"].values[rows].float(), batch["boxes"].values[objects].float())
        own = by[rows, labels[rows]]
        return {
            "class loss": (F.cross_entropy(scores, labels, ignore_index=IGNORE, reduction="sum"), count),
            "box loss": (F.smooth_l1_loss(own, wanted, reduction="sum"), count),
        }

    def label_counts(self, batch: Batch) -> dict[str, int]:
        """``{name: objects labelled as it}``."""
        labels = batch["labels"].values
        counts = torch.bincount(labels[labels != IGNORE], minlength=self.classes)
        return dict(zip(self.names, counts.tolist(), strict=True))

    def metric(self) -> "AveragePrecision":
        """A fresh `AveragePrecision`."""
        return AveragePrecision(self)

    def average(self, outputs: Sequence[Tensor]) -> Tensor:
        """One output from several networks': the mean of their probabilities, and of their boxes."""
        scores, by = zip(*[x.tensor_split([self.scores], 1) for x in outputs], strict=True)
        chances = torch.stack([x.log_softmax(1) for x in scores]).logsumexp(0)  # but for a constant
        return torch.cat([chances, torch.stack(by).mean(0)], 1)

    def predict(self, output: Tensor, batch: Batch) -> Ragged:
        """(R, 5·C + 1) → a `Ragged` of (D, 6) detections: a box's four edges, its score in [0, 1], its class.

        The surest first. Needs torchvision, for non-maximum suppression.
        """
        from torchvision.ops import batched_nms

        scores, by = self._parts(output, batch)
        regions = batch["regions"]
        free = torch.ones(len(scores), dtype=torch.bool, device=scores.device)
        if "object" in batch:  # the true boxes stand there for other tasks
            free = batch["object"].values == BACKGROUND
        chances = scores.softmax(1)[:, :-1] * free[:, None]
        rows, classes = (chances > self.least).nonzero().unbind(1)
        chances, picture = chances[rows, classes], regions.sample[rows]
        boxes = moved(regions.values[rows].float(), by[rows, classes][:, None])[:, 0]
        height, width = batch["image"].shape[2:]
        boxes = boxes.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height]))
        kept = batched_nms(boxes, chances, picture * self.classes + classes, self.overlap)  # the surest first
        kept = kept[torch.argsort(picture[kept], stable=True)]
        counts = torch.bincount(picture[kept], minlength=len(regions))
        place = torch.arange(len(kept), device=kept.device) - (counts.cumsum(0) - counts)[picture[kept]]
        kept = kept[place < self.most]
        found = torch.cat([boxes, chances[:, None], classes[:, None].to(boxes)], 1)[kept]
        return Ragged(found, counts.clamp(max=self.most))

    def truth(self, batch: Batch) -> Ragged:
        """The true boxes of a batch as `predict` gives its answers; scores are NaN."""
        boxes, labels = batch["boxes"], batch["labels"].values[:, None]
        return Ragged(
            torch.cat([boxes.values, torch.full_like(labels, torch.nan, dtype=torch.float), labels], 1), boxes.counts
        )

    def draw(self, answer: Ragged) -> list[list[Mark]]:
        """Detections as marks on their pictures: "chair 0.93"."""
        return [[self._mark(*row) for row in rows.tolist()] for rows in answer]

    def _mark(self, left: float, top: float, right: float, bottom: float, score: float, label: float) -> Mark:
        name = "unknown" if label == IGNORE else self.names[int(label)]
        return Mark((left, top, right, bottom), name if score != score else f"{name} {score:.2f}")

    def _parts(self, output: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Scores (R, C + 1) and offsets (R, C, 4)."""
        if output.shape != (len(batch["regions"].values), self.outputs):
            expected = (len(batch["regions"].values), self.outputs)
            raise ValueError(
                f"detection of {self.classes} classes needs an output of shape {expected}; got {tuple(output.shape)}"
            )
        scores, by = output.tensor_split([self.scores], 1)
        return scores, by.view(-1, self.classes, 4)


class AveragePrecision:
    """How well the objects of a data set are found, class by class; see `average_precision`."""

    def __init__(self, task: Detection):
        self.task = task
        self.boxes = np.zeros(task.classes, int)  # that should be found
        self.scores, self.hit = [[[] for _ in range(task.classes)] for _ in range(2)]

    def update(self, output: Tensor, batch: Batch) -> None:
        """Count one batch: all of a picture's detections are in it."""
        self.add(self.task.predict(output, batch), batch)

    def add(self, detections: Ragged, batch: Batch) -> None:
        """Count detections (D, 6) of a batch's pictures, whose "boxes", "labels" and perhaps "difficult" it has."""
        easy = Ragged(torch.zeros_like(batch["labels"].values, dtype=torch.bool), batch["labels"].counts)
        parts = (detections, batch["boxes"], batch["labels"], batch.get("difficult", easy))
        for found, boxes, labels, difficult in zip(*[part.to("cpu") for part in parts], strict=True):
            for c in {*found[:, 5].long().tolist(), *labels[labels != IGNORE].tolist()}:
                own, true = found[found[:, 5] == c], labels == c
                self.boxes[c] += int((true & ~difficult).sum())
                self.scores[c] += own[:, 4].tolist()
                self.hit[c] += hits(own[:, :4], own[:, 4], boxes[true], difficult[true]).tolist()

    def compute(self) -> dict[str, float]:
        """In percent, the mean over ``told`` classes that have boxes: "mAP" as in 2008, "mAP area" as since 2010."""
        told = [i for i, name in enumerate(self.task.names) if name in (self.task.told or self.task.names)]
        found, any_ = np.array(self._each())[told], self.boxes[told].any()
        means = [100 * float(np.nanmean(part)) if any_ else float("nan") for part in found.T]
        return dict(zip(("mAP", "mAP area"), means, strict=True))

    def per_class(self) -> dict[str, dict[str, float]]:
        """``{name: {"AP": percent, "AP area": percent, "objects": that should be found}}``; NaN for a class without."""
        return {
            name: {"AP": 100 * points, "AP area": 100 * area, "objects": int(n)}
            for name, (points, area), n in zip(self.task.names, self._each(), self.boxes, strict=True)
        }

    def _each(self) -> list[tuple[float, float]]:
        return [average_precision(*one) for one in zip(self.scores, self.hit, self.boxes, strict=True)]
