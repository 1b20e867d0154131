"""The baseline that remembers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xstitch_lib.data.source import Batch
from xstitch_lib.studies.methods.scikit_learn import Baseline, Estimator, needs
from xstitch_lib.tasks import Classification


@dataclass(frozen=True, kw_only=True)
class NearestNeighbour(Baseline):
    """The label of the nearest training sample."""

    name: ClassVar[str] = "nearest neighbour"

    def fitted(self, x: np.ndarray, task: Classification, batch: Batch) -> Estimator:
        try:
            from sklearn.neighbors import KNeighborsClassifier
        except ModuleNotFoundError as error:
            raise needs("scikit-learn") from error
        return KNeighborsClassifier(1, algorithm="brute").fit(x, batch[task.target].numpy())
