"""What baselines have in common that scikit-learn fits: no network, no steps, no seed."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xstitch_lib.data.source import IGNORE, Batch
from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.methods.method import Method, Trained
from xstitch_lib.tasks import Classification


class Estimator(Protocol):
    """What is asked of a fitted estimator of scikit-learn."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """(B, D) → (B,) labels."""


@dataclass(frozen=True, kw_only=True)
class Baseline(Method):
    """An estimator a task, fitted to the flattened inputs of all labelled training samples; classification alone."""

    @abstractmethod
    def fitted(self, x: np.ndarray, task: Classification, batch: Batch) -> Estimator:
        """The estimator of one task.

        Args:
            x: (N, D) inputs.
            batch: all else that is known of these samples.
        """

    def train(self, bench: Bench) -> Trained:
        train = bench.world.train
        everything = train.draw(torch.arange(len(train), device=train.device))
        estimators = {}
        for name, task in bench.world.tasks.items():
            if not isinstance(task, Classification):
                raise ValueError(f"{self.name} is for classification; task {name!r} is a {type(task).__name__}")
            known = (everything[task.target] != IGNORE).cpu()
            batch = {key: value.cpu()[known] for key, value in everything.items()}
            estimators[name] = self.fitted(_flat(batch[train.inputs[0]]), task, batch)
        classes = {name: task.classes for name, task in bench.world.tasks.items()}
        return Trained(Fitted(estimators, classes), {})


class Fitted(nn.Module):
    """Estimators as a network: of each task (B, K) scores, 1 for the label that is predicted."""

    def __init__(self, estimators: Mapping[str, Any], classes: Mapping[str, int]):
        super().__init__()
        self.estimators, self.classes = dict(estimators), dict(classes)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        answers = {name: found.predict(_flat(x)) for name, found in self.estimators.items()}
        return {
            name: F.one_hot(torch.as_tensor(answer).long(), self.classes[name]).float().to(x.device)
            for name, answer in answers.items()
        }


def _flat(x: Tensor) -> np.ndarray:
    return x.flatten(1).float().cpu().numpy()


def needs(package: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"baselines need {package}: `pip install xstitch_lib[notebooks]`")
