"""The baseline without hidden layers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xstitch_lib.data.source import Batch
from xstitch_lib.studies.methods.scikit_learn import Baseline, Estimator, needs
from xstitch_lib.tasks import Classification


@dataclass(frozen=True, kw_only=True)
class LogisticRegression(Baseline):
    """A linear classifier a task, scikit-learn's.

    Attributes:
        c: how weak its L2 is; 1 is scikit-learn's own.
    """

    name: ClassVar[str] = "logistic regression"
    c: float = 1.0

    def fitted(self, x: np.ndarray, task: Classification, batch: Batch) -> Estimator:
        try:
            from sklearn import linear_model
        except ModuleNotFoundError as error:
            raise needs("scikit-learn") from error
        return linear_model.LogisticRegression(C=self.c, max_iter=2000).fit(x, batch[task.target].numpy())
