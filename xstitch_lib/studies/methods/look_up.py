"""The baseline that knows people: what a leak between training and test is worth."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from xstitch_lib.data.source import Batch
from xstitch_lib.studies.methods.scikit_learn import Baseline, Estimator, needs
from xstitch_lib.tasks import Classification


@dataclass(frozen=True, kw_only=True)
class LookUp(Baseline):
    """The label of the nearest group of training samples, by the groups' means.

    Attributes:
        by: labels that make a group: of each person the samples of one age. A group's answer is its commonest label.
    """

    name: ClassVar[str] = "look-up"
    by: tuple[str, ...] = ("person", "age")

    def fitted(self, x: np.ndarray, task: Classification, batch: Batch) -> Estimator:
        if lacking := [name for name in self.by if name not in batch]:
            raise ValueError(
                f"a look-up by {', '.join(self.by)} needs labels that tell {lacking[0]!r}; got {list(batch)}"
            )
        try:
            from sklearn.neighbors import NearestCentroid
        except ModuleNotFoundError as error:
            raise needs("scikit-learn") from error
        groups, group = torch.stack([batch[name] for name in self.by], 1).unique(dim=0, return_inverse=True)
        labels = [batch[task.target][group == number].mode().values for number in range(len(groups))]
        return _Named(NearestCentroid().fit(x, group.numpy()), torch.stack(labels).numpy())


class _Named:
    """An estimator of groups, whose answer is a group's label."""

    def __init__(self, groups: Estimator, labels: np.ndarray):
        self.groups, self.labels = groups, labels

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.labels[self.groups.predict(x)]
