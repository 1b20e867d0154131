"""Several yes-or-no questions a sample: a sigmoid for each, cross-entropy, average precision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from xstitch_lib.tasks.labels import class_names, required
from xstitch_lib.tasks.quantities import Quantity


@dataclass(frozen=True)
class MultiLabel:
    """Tell which of K labels each sample has; it may have several, or none.

    Args:
        target: the name of the labels in a batch: (B, K) floating-point numbers, 1 yes, 0 no, NaN where unknown.
        classes: K ≥ 2.
        names: what they are called; their numbers where not given.

    The network's output is (B, K). The loss is the mean over all answers that are known.

    Raises:
        ValueError: for fewer than two classes or names that do not fit; from `losses`, if output or labels have another
            shape; from `check`, if labels are missing or are none of these numbers.

    >>> import torch
    >>> MultiLabel("seen", classes=3, names=["cat", "dog", "bird"]).draw(torch.tensor([[0.9, 0.6, 0.1]]))
    ['cat, dog']
    """

    target: str
    classes: int
    names: Sequence[str] | None = None
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "mAP": Quantity("mean average precision", "%"),
        "right": Quantity("answers that are right", "%"),
        "AP": Quantity("average precision", "%"),
        "samples": Quantity("samples that have it", digits=0),
    }

    def __post_init__(self):
        object.__setattr__(self, "names", class_names(self.target, self.classes, self.names))

    @property
    def outputs(self) -> int:
        """K, the size of the head."""
        return self.classes

    def check(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        """Refuse a data set's ``tensors`` without fitting labels; ``name`` is the task's, for the message."""
        labels = self._answers(required(name, self.target, tensors))
        wrong = labels[~((labels == 0) | (labels == 1) | labels.isnan())]
        if len(wrong):
            raise ValueError(
                f"task {name!r} needs labels {self.target!r} that are 1, 0, or NaN where unknown; got {len(wrong)} "
                f"others, the first {wrong[0].item():g}"
            )

    def losses(self, output: Tensor, batch: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
        """Cross-entropy of ``output`` (B, K), summed over the known answers, and their number."""
        labels = self._labels(output, batch)
        known = ~labels.isnan()
        each = F.binary_cross_entropy_with_logits(output, labels.nan_to_num().to(output.dtype), reduction="none")
        return {"loss": ((each * known).sum(), known.sum())}

    def metric(self) -> "LabelPrecision":
        """A fresh `LabelPrecision`."""
        return LabelPrecision(self)

    def predict(self, output: Tensor, batch: Mapping[str, Tensor] | None = None) -> Tensor:
        """(B, K) → the probability of each label."""
        return output.sigmoid()

    def draw(self, answer: Tensor) -> list[str]:
        """(B, K) labels or probabilities → the names of those above one half."""
        return [", ".join([self.names[i] for i in (row > 0.5).nonzero().flatten().tolist()]) for row in answer]

    def _labels(self, output: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        labels = self._answers(batch[self.target])
        if output.shape != labels.shape:
            found, wanted = tuple(output.shape), tuple(labels.shape)
            raise ValueError(f"{self.target!r} needs an output of shape {wanted}; got {found}")
        return labels

    def _answers(self, labels: Tensor) -> Tensor:
        if labels.ndim != 2 or labels.shape[1] != self.classes or not labels.is_floating_point():
            raise ValueError(
                f"labels {self.target!r} must be floating-point numbers (B, {self.classes}), 1, 0, or NaN where "
                f"unknown; got {labels.dtype} of shape {tuple(labels.shape)}"
            )
        return labels


class LabelPrecision:
    """How well each label is told, over a data set: scikit-learn's average precision."""

    def __init__(self, task: MultiLabel):
        empty = np.empty((0, task.classes))
        self.task, self.scores, self.wanted = task, [empty], [empty]

    def update(self, output: Tensor, batch: Mapping[str, Tensor]) -> None:
        """Count one batch; an answer that is NaN does not count."""
        labels = self.task._labels(output, batch)
        self.scores.append(output.double().cpu().numpy())
        self.wanted.append(labels.double().cpu().numpy())

    def compute(self) -> dict[str, float]:
        """In percent: "mAP", the mean over the labels that some sample has; "right", of all known answers at 0.5."""
        scores, wanted = np.concatenate(self.scores), np.concatenate(self.wanted)
        known = ~np.isnan(wanted)
        right = (scores > 0)[known] == (wanted == 1)[known]
        precisions = [one["AP"] for one in self.per_class().values() if one["samples"]]
        return {
            "mAP": float(np.mean(precisions)) if precisions else np.nan,
            "right": 100 * float(right.mean()) if len(right) else np.nan,
        }

    def per_class(self) -> dict[str, dict[str, float]]:
        """``{name: {"AP": percent, "samples": that have it}}``; unknown answers are left out, NaN if none is yes.

        Raises:
            ImportError: without scikit-learn.
        """
        try:
            from sklearn.metrics import average_precision_score
        except ImportError as error:
            raise ImportError('average precision needs scikit-learn: pip install "xstitch_lib[notebooks]"') from error
        found = {}
        columns = zip(self.task.names, np.concatenate(self.scores).T, np.concatenate(self.wanted).T, strict=True)
        for name, score, answer in columns:
            known, yes = ~np.isnan(answer), int((answer == 1).sum())
            precision = average_precision_score(answer[known] == 1, score[known]) if yes else np.nan
            found[name] = {"AP": 100 * float(precision), "samples": yes}
        return found
