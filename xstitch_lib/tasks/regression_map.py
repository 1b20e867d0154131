"""One number a pixel, such as depth: the losses of `Regression`, its errors over all pixels, and ratios."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from xstitch_lib.tasks.labels import required
from xstitch_lib.tasks.pixels import check_scores, check_size, fine_size, upsample
from xstitch_lib.tasks.quantities import Quantity
from xstitch_lib.tasks.regression import LOSSES, Regression

FACTOR = 1.25


@dataclass(frozen=True)
class RegressionMap(Regression):
    """Tell a number for every pixel.

    Args:
        target: the name of the labels in a batch: (B, H, W) floating-point numbers, NaN where unknown.
        unit, loss, centre, spread: as of `Regression`.
        ratios: also tell how many answers lie within a factor of 1.25, its square and its cube of their label (δ1 to
            δ3), for labels above 0, as depths are.

    The network's output is (B, 1, h, w) of any resolution; it is brought to the labels' bilinearly.

    Raises:
        ValueError: as `Regression`; from `check`, also if labels and images differ in size, or with ``ratios`` if one
            is not above 0.

    >>> depth = RegressionMap("depth", "m", loss="L1", centre=3.0, spread=1.5, ratios=True)
    >>> depth.predict(torch.zeros(1, 1, 1, 1), {"image": torch.zeros(1, 3, 1, 2)})
    tensor([[[3., 3.]]])

    Source: Eigen, Puhrsch and Fergus, "Depth map prediction from a single image", NIPS 2014, for the ratios.
    """

    ratios: bool = False

    @property
    def quantities(self) -> Mapping[str, Quantity]:
        names = {f"δ{power}": f"pixels within {FACTOR**power:.3g} times the label" for power in (1, 2, 3)}
        ratios = {name: Quantity(title, "%") for name, title in names.items()} if self.ratios else {}
        return super().quantities | ratios

    def check(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        """Refuse a data set's ``tensors`` without fitting labels; ``name`` is the task's, for the message."""
        super().check(name, tensors)
        labels = tensors[self.target]
        check_size(name, self.target, labels, required(name, "image", tensors), stride=1)
        if self.ratios and (wrong := int((labels <= 0).sum())):
            raise ValueError(
                f"task {name!r} needs labels {self.target!r} above 0, or NaN where unknown, for ratios; got {wrong} "
                "others: make them NaN, or leave ratios out"
            )

    def losses(self, output: Tensor, batch: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
        """The loss of ``output`` (B, 1, h, w), summed over the labelled pixels, and their number."""
        labels = self._labels(output, batch)
        known, found = ~labels.isnan(), upsample(output, labels.shape[1:])[..., 0]
        wanted = ((labels - self.centre) / self.spread).to(output.dtype)
        distances = LOSSES[self.loss](found, wanted.where(known, found.detach()), reduction="none")
        return {"loss": (distances.where(known, 0).sum(), known.sum())}

    def metric(self) -> "MapError":
        """A fresh `MapError`."""
        return MapError(self)

    def predict(self, output: Tensor, batch: Mapping[str, Tensor] | None = None) -> Tensor:
        """(B, 1, h, w) outputs → (B, H, W) numbers, of the size of the batch's labels or images, or their own."""
        return self.centre + self.spread * upsample(output, fine_size(self.target, output, batch))[..., 0]

    def draw(self, answer: Tensor) -> Tensor:
        """(B, H, W) numbers → greys (B, H, W, 3), black two spreads below the centre or unknown, white two above."""
        grey = ((answer - self.centre) / (4 * self.spread) + 0.5).clamp(0, 1).nan_to_num(0.0)
        return grey[..., None].expand(*grey.shape, 3)

    def _labels(self, output: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        labels = self._numbers(batch[self.target])
        check_scores(self.target, output, labels, 1)
        return labels

    def _numbers(self, labels: Tensor) -> Tensor:
        if labels.ndim != 3 or not labels.is_floating_point():
            found = f"{labels.dtype} of shape {tuple(labels.shape)}"
            raise ValueError(
                f"labels {self.target!r} must be floating-point numbers (B, H, W), one a pixel; got {found}"
            )
        return labels


class MapError:
    """How far answers are from the labels, over all labelled pixels of a data set."""

    def __init__(self, task: RegressionMap):
        self.task, self.sums = task, torch.zeros(6, dtype=torch.float64)

    def update(self, output: Tensor, batch: Mapping[str, Tensor]) -> None:
        """Count one batch; a pixel labelled NaN does not count."""
        labels = self.task._labels(output, batch)
        known = ~labels.isnan()
        wanted, found = labels[known].double(), self.task.predict(output, batch)[known].double()
        off = (found - wanted).abs()
        worse = torch.maximum(found / wanted, wanted / found).where(found > 0, math.inf)
        within = [(worse < FACTOR**power).sum() for power in (1, 2, 3)]
        self.sums += torch.stack([known.sum(), off.sum(), off.square().sum(), *within]).double().cpu()

    def compute(self) -> dict[str, float]:
        """{"MAE": …, "RMSE": …} in the task's unit, and "δ1", "δ2", "δ3" in percent; NaN if no pixel was labelled."""
        count, *sums = self.sums.tolist()
        mean, square, *within = [total / count if count else math.nan for total in sums]
        found = {"MAE": mean, "RMSE": math.sqrt(square) if count else math.nan}
        ratios = {f"δ{power}": 100 * part for power, part in enumerate(within, start=1)}
        return found | (ratios if self.task.ratios else {})

    def per_class(self) -> dict[str, dict[str, float]]:
        """Nothing: numbers have no classes."""
        return {}
