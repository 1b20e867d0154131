"""One number a sample: squared, absolute or Huber loss, mean and root mean square error."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from xstitch_lib.data.tensors import TensorData
from xstitch_lib.tasks.labels import required
from xstitch_lib.tasks.quantities import Quantity

LOSSES = {"L2": F.mse_loss, "L1": F.l1_loss, "Huber": F.huber_loss}


@dataclass(frozen=True)
class Regression:
    """Tell a number.

    Args:
        target: the name of the labels in a batch: (B,) floating-point numbers, NaN where unknown.
        unit: what they are in, "years".
        loss: "L2", "L1" or "Huber", of the output's distance to the label in spreads: towers learn best what is about
            as large as 1. Huber is L2 up to one spread, and goes on as a line.
        centre, spread: the answer is ``centre + spread · output``; `from_data` takes the labels' mean and deviation.

    The network's output is (B, 1).

    Raises:
        ValueError: for an unknown loss, a spread that is not above 0, or a centre that is not finite; from `losses`, if
            the output is not (B, 1) or the labels are not (B,) numbers; from `check`, if labels lack or are infinite.

    >>> import torch
    >>> age = Regression("years", "years", centre=33.0, spread=20.0)
    >>> age.predict(torch.tensor([[0.0], [-1.0]]))
    tensor([33., 13.])
    """

    target: str
    unit: str = ""
    loss: str = "L2"
    centre: float = 0.0
    spread: float = 1.0

    def __post_init__(self):
        if self.loss not in LOSSES:
            raise ValueError(f"the loss of {self.target!r} must be {', '.join(LOSSES)}; got {self.loss!r}")
        if not (math.isfinite(self.centre) and math.isfinite(self.spread) and self.spread > 0):
            raise ValueError(
                f"{self.target!r} needs a finite centre and a spread above 0; got {self.centre} and {self.spread}: "
                "give the labels' mean and deviation"
            )

    @classmethod
    def from_data(cls, data: TensorData | Tensor, target: str, unit: str = "", loss: str = "L2") -> "Regression":
        """The task with the mean and the deviation of a data set's known labels.

        Args:
            data: the samples, or the labels alone, (N,) with NaN where unknown: of data that are read while training
                goes, `torch.tensor` of a column of their table.

        Raises:
            ValueError: for other data, or if there are fewer than two different labels.
        """
        if not isinstance(data, TensorData | Tensor):
            raise ValueError(
                f"the mean and deviation of {target!r} are taken of a TensorData, or of the labels as a tensor; got a "
                f"{type(data).__name__}: give torch.tensor(…) of its labels"
            )
        labels = (data if isinstance(data, Tensor) else required(target, target, data.tensors)).double()
        known = labels[~labels.isnan()]
        if len(known.unique()) < 2:
            raise ValueError(
                f"regression of {target!r} needs two different labels or more; got {known.unique().tolist()}"
            )
        return cls(target, unit, loss, known.mean().item(), known.std(correction=0).item())

    @property
    def outputs(self) -> int:
        """1, the size of the head."""
        return 1

    @property
    def quantities(self) -> Mapping[str, Quantity]:
        return {
            "MAE": Quantity("mean absolute error", self.unit, higher_is_better=False),
            "RMSE": Quantity("root mean square error", self.unit, higher_is_better=False),
        }

    def check(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        """Refuse a data set's ``tensors`` without fitting labels; ``name`` is the task's, for the message."""
        labels = self._numbers(required(name, self.target, tensors))
        if wrong := int(labels.isinf().sum()):
            raise ValueError(
                f"task {name!r} needs finite labels {self.target!r}, or NaN where unknown; got {wrong} infinite ones"
            )

    def losses(self, output: Tensor, batch: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
        """The loss of ``output`` (B, 1), summed over the labelled samples, and their number."""
        labels = self._labels(output, batch)
        known = ~labels.isnan()
        wanted = ((labels - self.centre) / self.spread).to(output.dtype)
        # what is unknown is replaced, not left out: a batch keeps its shape, and NaN reaches no gradient
        distances = LOSSES[self.loss](output[:, 0], wanted.where(known, output[:, 0].detach()), reduction="none")
        return {"loss": (distances.where(known, 0).sum(), known.sum())}

    def metric(self) -> "NumberError":
        """A fresh `NumberError`."""
        return NumberError(self)

    def predict(self, output: Tensor, batch: Mapping[str, Tensor] | None = None) -> Tensor:
        """(B, 1) outputs → (B,) numbers."""
        return self.centre + self.spread * output[:, 0]

    def draw(self, answer: Tensor) -> list[str]:
        """(B,) numbers → words with the unit; "unknown" for NaN."""
        return ["unknown" if math.isnan(x) else f"{x:.1f} {self.unit}".rstrip() for x in answer.tolist()]

    def _labels(self, output: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        labels = self._numbers(batch[self.target])
        if output.shape != (len(labels), 1):
            found = tuple(output.shape)
            raise ValueError(f"{self.target!r} needs an output of shape {(len(labels), 1)}; got {found}")
        return labels

    def _numbers(self, labels: Tensor) -> Tensor:
        if labels.ndim != 1 or not labels.is_floating_point():
            found = f"{labels.dtype} of shape {tuple(labels.shape)}"
            fix = "" if labels.is_floating_point() else ": take labels.float(), with NaN where unknown"
            raise ValueError(
                f"labels {self.target!r} must be floating-point numbers (B,), one a sample; got {found}{fix}"
            )
        return labels


class NumberError:
    """How far answers are from the labels, over all labelled samples of a data set."""

    def __init__(self, task: Regression):
        self.task, self.off = task, []

    def update(self, output: Tensor, batch: Mapping[str, Tensor]) -> None:
        """Count one batch; a sample labelled NaN does not count."""
        labels = self.task._labels(output, batch)
        off = (self.task.predict(output) - labels)[~labels.isnan()]
        self.off.append(off.double().cpu().numpy())

    def compute(self) -> dict[str, float]:
        """{"MAE": …, "RMSE": …} in the task's unit; NaN if no sample was labelled."""
        off = np.concatenate([np.empty(0), *self.off])
        if len(off) == 0:
            return {"MAE": math.nan, "RMSE": math.nan}
        return {"MAE": float(np.abs(off).mean()), "RMSE": float(np.sqrt(np.square(off).mean()))}

    def per_class(self) -> dict[str, dict[str, float]]:
        """Nothing: numbers have no classes."""
        return {}
