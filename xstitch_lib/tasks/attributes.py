"""Attributes of objects: any number of yes-or-no questions about what a region shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from xstitch_lib.data.ragged import Ragged
from xstitch_lib.tasks.boxes import Mark, check_regions, check_rows, of_objects
from xstitch_lib.tasks.labels import class_names, required
from xstitch_lib.tasks.quantities import Quantity

Batch = Mapping[str, Any]


@dataclass(frozen=True)
class Attributes:
    """Tell which of A attributes each object has: a sigmoid for each, on the regions that stand for an object.

    Args:
        attributes: A ≥ 2.
        names: what they are called; their numbers where not given.
        loss_scale: the loss is multiplied by it.

    A batch has "regions", "object" and "boxes" as for `Detection`, and "attributes", a `Ragged` of (K, A), 1 yes, 0 no,
    NaN unknown, for each object. The network's output is (R, A).

    The loss is the mean over all answers that are known, so an object's has the weight 1/A, as in the paper. Its labels
    are few: of the regions that are sampled at most a quarter stand for an object.

    Raises:
        ValueError: for fewer than two attributes or names that do not fit; from `losses`, if the output has another
            shape; from `check`, if attributes are missing or are none.

    >>> Attributes(64).outputs
    64

    Source: section 6.1.
    """

    attributes: int
    names: Sequence[str] | None = None
    loss_scale: float = 1.0
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "mAP": Quantity("mean average precision, attributes", "%"),
        "AP": Quantity("average precision", "%"),
        "objects": Quantity("objects that have it", digits=0),
    }

    def __post_init__(self):
        object.__setattr__(self, "names", class_names("attributes", self.attributes, self.names))

    @property
    def outputs(self) -> int:
        """A, the size of the head."""
        return self.attributes

    def check(self, name: str, tensors: Batch) -> None:
        """Refuse a data set's ``tensors`` without fitting attributes; ``name`` is the task's, for the message."""
        check_regions(name, tensors)
        found = required(name, "attributes", tensors)
        check_rows(name, "attributes", found, tensors["boxes"], (self.attributes,))
        wrong = ~((found.values == 0) | (found.values == 1) | found.values.isnan())
        if wrong.any():
            raise ValueError(
                f"task {name!r} needs attributes that are 1, 0, or NaN where unknown; got {int(wrong.sum())} others, "
                f"the first {found.values[wrong][0].item():g}"
            )

    def losses(self, output: Tensor, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """Cross-entropy of the known attributes of all regions that stand for an object, and their number."""
        self._check_output(output, batch)
        rows, objects = of_objects(batch)
        wanted = batch["attributes"].values[objects].to(output.dtype)
        known = ~wanted.isnan()
        each = F.binary_cross_entropy_with_logits(output[rows], wanted.nan_to_num(), reduction="none")
        return {"loss": (self.loss_scale * (each * known).sum(), known.sum())}

    def label_counts(self, batch: Batch) -> dict[str, int]:
        """``{name: objects labelled with it}``."""
        counts = (batch["attributes"].values == 1).sum(0)
        return dict(zip(self.names, counts.tolist(), strict=True))

    def metric(self) -> "AttributePrecision":
        """A fresh `AttributePrecision`."""
        return AttributePrecision(self)

    def average(self, outputs: Sequence[Tensor]) -> Tensor:
        """One output from several networks': the mean of their probabilities."""
        return torch.stack(list(outputs)).sigmoid().mean(0).logit(eps=1e-6)

    def predict(self, output: Tensor, batch: Batch) -> Ragged:
        """(R, A) → a `Ragged` of (K, 4 + A): each object's box, then the probability of each attribute."""
        self._check_output(output, batch)
        rows, objects = of_objects(batch)
        return self._of_objects(output[rows].sigmoid(), rows, objects, batch)

    def truth(self, batch: Batch) -> Ragged:
        """The true attributes of a batch's objects as `predict` gives its answers."""
        boxes = batch["boxes"]
        return Ragged(torch.cat([boxes.values, batch["attributes"].values], 1), boxes.counts)

    def draw(self, answer: Ragged) -> list[list[Mark]]:
        """Objects as marks on their pictures, with the attributes whose probability is above one half."""
        return [[self._mark(row[:4].tolist(), row[4:]) for row in rows] for rows in answer]

    def _mark(self, box: list[float], chances: Tensor) -> Mark:
        return Mark(tuple(box), ", ".join([self.names[i] for i in (chances > 0.5).nonzero().flatten().tolist()]))

    def _of_objects(self, chances: Tensor, rows: Tensor, objects: Tensor, batch: Batch) -> Ragged:
        counts = torch.bincount(batch["object"].sample[rows], minlength=len(batch["boxes"]))
        return Ragged(torch.cat([batch["boxes"].values[objects], chances], 1), counts)

    def _check_output(self, output: Tensor, batch: Batch) -> None:
        expected = (len(batch["regions"].values), self.attributes)
        if output.shape != expected:
            raise ValueError(f"the attributes need an output of shape {expected}; got {tuple(output.shape)}")


class AttributePrecision:
    """How well each attribute is told, over the true boxes of a data set: scikit-learn's average precision."""

    def __init__(self, task: Attributes):
        self.task, self.scores, self.wanted = task, [], []

    def update(self, output: Tensor, batch: Batch) -> None:
        """Count one batch, as it is stored: a true box is a region, and the one that stands for its object."""
        self.task._check_output(output, batch)
        rows, objects = of_objects(batch)
        self.scores.append(output[rows].float().cpu().numpy())
        self.wanted.append(batch["attributes"].values[objects].cpu().numpy())

    def compute(self) -> dict[str, float]:
        """{"mAP": percent}, the mean over the attributes that some object has; NaN if none has any."""
        found = [one["AP"] for one in self.per_class().values()]
        return {"mAP": float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")}

    def per_class(self) -> dict[str, dict[str, float]]:
        """``{name: {"AP": percent, "objects": that have it}}``; unknown answers are left out, NaN if none is yes.

        Needs scikit-learn.
        """
        from sklearn.metrics import average_precision_score

        empty = np.empty((0, self.task.attributes))
        scores, wanted = [np.concatenate([empty, *parts]) for parts in (self.scores, self.wanted)]
        found = {}
        for name, score, answer in zip(self.task.names, scores.T, wanted.T, strict=True):
            known = ~np.isnan(answer)
            yes = int((answer == 1).sum())
            precision = average_precision_score(answer[known] == 1, score[known]) if yes else np.nan
            found[name] = {"AP": 100 * float(precision), "objects": yes}
        return found
