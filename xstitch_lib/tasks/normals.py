"""One surface normal a pixel: a choice among codewords, cross-entropy, angular error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from xstitch_lib.data.tensors import IGNORE, TensorData
from xstitch_lib.tasks.angles import angles, length, unit
from xstitch_lib.tasks.codebook import fit_codebook, sample_known
from xstitch_lib.tasks.labels import required
from xstitch_lib.tasks.pixels import check_scores, check_size, check_stride, cross_entropy, every, fine_size, upsample
from xstitch_lib.tasks.quantities import Quantity

TOLERANCE = 1e-2  # of a normal's length; half precision and 8 bits pass
WITHIN = ("11.25", "22.5", "30")  # degrees


@dataclass(frozen=True)
class SurfaceNormals:
    """Tell the direction of the surface at every pixel, as a choice among K codewords.

    Args:
        target: the name of the labels in a batch: (B, 3, H, W) unit normals in the camera's frame (x right, y down, z
            forward), all-zero where unknown.
        codebook: (K, 3) unit vectors, K ≥ 2; kept as a tuple of tuples. `from_data` makes one.
        loss_stride: s, the loss looks at one pixel in each s×s, which is faster; the metric looks at all.

    A pixel's label is the codeword nearest to its normal. The network's output is (B, K, h, w) of any resolution; it
    is brought to the labels' bilinearly.

    Raises:
        ValueError: for a codebook that is not as above, or a stride below 1; from `losses`, if the output or the labels
            have another shape; from `check`, if labels are missing, of another length than 0 or 1, or of another size
            than the images.

    >>> normals = SurfaceNormals("normals", codebook=[(0, 0, -1), (0, -1, 0)])
    >>> normals.predict(torch.zeros(1, 2, 1, 1)).flatten()  # undecided between a wall and a floor
    tensor([ 0.0000, -0.7071, -0.7071])

    Source: section 5; the codewords after Wang, Fouhey and Gupta, "Designing Deep Networks for Surface Normal
    Estimation" (CVPR 2015), who use triangles between them where this is a softmax.
    """

    target: str
    codebook: Sequence[Sequence[float]]
    loss_stride: int = 1
    quantities: ClassVar[Mapping[str, Quantity]] = {
        "mean": Quantity("mean angular error", "°", higher_is_better=False),
        "median": Quantity("median angular error", "°", higher_is_better=False),
        **{limit: Quantity(f"pixels less than {limit}° off", "%") for limit in WITHIN},
    }

    def __post_init__(self):
        words = torch.as_tensor(self.codebook, dtype=torch.float64)
        if words.ndim != 2 or words.shape[1] != 3 or len(words) < 2 or not _is_unit(length(words)).all():
            raise ValueError(
                f"the codebook of {self.target!r} must be at least 2 unit vectors (K, 3); got shape "
                f"{tuple(words.shape)} with lengths {words.norm(dim=-1).tolist()}: normalise them"
            )
        object.__setattr__(self, "codebook", tuple([tuple(word) for word in words.tolist()]))
        check_stride(self.target, self.loss_stride)

    @classmethod
    def from_data(
        cls, data: TensorData, target: str = "normals", codewords: int = 20, seed: int = 0, loss_stride: int = 1
    ) -> "SurfaceNormals":
        """The task with a codebook made by k-means of a data set's normals, most common direction first.

        One seed gives one codebook. Needs scikit-learn.

        Raises:
            ValueError: if the data have no such normals, or fewer different ones than codewords.
        """
        known = sample_known(required("surface normals", target, data.tensors), seed)
        return cls(target, fit_codebook(data.decode({target: known})[target], codewords, seed), loss_stride)

    @property
    def outputs(self) -> int:
        """K, the size of the head."""
        return len(self.codebook)

    def check(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        """Refuse a data set's ``tensors`` without fitting labels; ``name`` is the task's, for the message."""
        normals = self._check_shape(required(name, self.target, tensors))
        check_size(name, self.target, normals, required(name, "image", tensors), self.loss_stride)
        lengths = length(normals)
        wrong = lengths[(lengths != 0) & ~_is_unit(lengths)]
        if len(wrong):
            raise ValueError(
                f"task {name!r} needs unit normals {self.target!r}, or all-zero ones where unknown; got {len(wrong)} "
                f"others, the first of length {wrong[0].item():g}: normalise them"
            )

    def losses(self, output: Tensor, batch: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
        """Cross-entropy of ``output`` (B, K, h, w), summed over the pixels with a normal, and their number."""
        normals = self._normals(output, batch)
        pixels = every(self.loss_stride)
        nearest = self.nearest(normals[..., pixels, pixels])
        return {"loss": cross_entropy(output, nearest, normals.shape[2:], self.loss_stride)}

    def nearest(self, normals: Tensor) -> Tensor:
        """(B, 3, H, W) normals → (B, H, W) the number of the nearest codeword; `IGNORE` where unknown."""
        flat = normals.flatten(2).float()
        codeword = (self._words(flat) @ flat).max(1).indices  # max: argmax takes five times as long here
        return codeword.masked_fill(~flat.any(1), IGNORE).unflatten(1, normals.shape[2:])

    def metric(self) -> "AngularError":
        """A fresh `AngularError`."""
        return AngularError(self)

    def predict(self, output: Tensor, batch: Mapping[str, Tensor] | None = None) -> Tensor:
        """(B, K, h, w) scores → (B, 3, H, W) unit normals, of the size of the labels or images, or the output's own.

        The mean of the codewords, each weighed by its softmax probability. All-zero where they cancel out.
        """
        size = fine_size(self.target, output, batch)
        chances = upsample(output, size).softmax(3).flatten(1, 2)
        return unit(self._words(output).T @ chances.mT).unflatten(2, size)

    def draw(self, answer: Tensor) -> Tensor:
        """(B, 3, H, W) normals → (B, H, W, 3) colours in [0, 1].

        More red the more a surface faces right, green up, blue the camera, as is usual; grey where unknown.
        """
        seen = answer * answer.new_tensor([1, -1, -1]).view(3, 1, 1)
        return ((seen + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1)

    def floor(self, data: TensorData) -> dict[str, float]:
        """The metrics of the codebook itself: those that are left if every pixel gets its nearest codeword.

        A softmax between codewords may come below.
        """
        error = self.metric()
        required("surface normals", self.target, data.tensors)
        for batch in data.batches():
            some = self._check_shape(batch[self.target])
            error.add(self._words(some)[self.nearest(some)].permute(0, 3, 1, 2), some)
        return error.compute()

    def _words(self, like: Tensor) -> Tensor:
        return torch.tensor(self.codebook, dtype=like.dtype, device=like.device)

    def _normals(self, output: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        normals = self._check_shape(batch[self.target])
        check_scores(self.target, output, normals, self.outputs)
        return normals

    def _check_shape(self, normals: Tensor) -> Tensor:
        if normals.ndim != 4 or normals.shape[1] != 3 or not normals.is_floating_point():
            found = f"{normals.dtype} of shape {tuple(normals.shape)}"
            raise ValueError(f"labels {self.target!r} must be floating-point normals (B, 3, H, W); got {found}")
        return normals


class AngularError:
    """The angle between predicted and labelled normals, over all labelled pixels of a data set."""

    def __init__(self, task: SurfaceNormals):
        self.task, self.angles = task, []

    def update(self, output: Tensor, batch: Mapping[str, Tensor]) -> None:
        """Count one batch, at the labels' size; unknown normals do not count."""
        normals = self.task._normals(output, batch)
        self.add(self.task.predict(output, batch), normals)

    def add(self, predicted: Tensor, normals: Tensor) -> None:
        """Count predicted normals (B, 3, H, W)."""
        self.angles.append(angles(predicted, normals)[normals.any(1)].cpu().numpy())

    def compute(self) -> dict[str, float]:
        """In degrees: "mean", "median"; in percent: "11.25", "22.5", "30", the pixels less than so many degrees off.

        Exact: every pixel's angle is kept, in 4 bytes. NaN if no pixel was labelled.
        """
        found = np.concatenate([np.empty(0, np.float32), *self.angles])
        if len(found) == 0:
            return dict.fromkeys(["mean", "median", *WITHIN], float("nan"))
        self.angles = [found]
        within = {limit: 100 * int(np.count_nonzero(found < float(limit))) / len(found) for limit in WITHIN}
        return {"mean": float(found.mean(dtype=np.float64)), "median": float(np.median(found)), **within}

    def per_class(self) -> dict[str, dict[str, float]]:
        """Nothing: normals have no classes."""
        return {}


def _is_unit(lengths: Tensor) -> Tensor:
    return (lengths - 1).abs() <= TOLERANCE  # False for NaN
