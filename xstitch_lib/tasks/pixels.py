"""Scores for every pixel: brought to the labels' size, and their loss."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from xstitch_lib.tasks.labels import weighted_cross_entropy


def every(stride: int) -> slice:
    """Which rows or columns a loss looks at: one of each ``stride``, the one in the middle."""
    return slice(stride // 2, None, stride)


def upsample(scores: Tensor, size: tuple[int, int], stride: int = 1) -> Tensor:
    """Interpolate a coarse map bilinearly at the pixels of a fine one.

    Args:
        scores: (B, K, h, w).
        size: (H, W) of the fine map; both maps cover the same picture (``align_corners=False``), which is the fixed
            bilinear deconvolution of FCN-32s.
        stride: above 1, only the pixels in ``every`` stride-th row and column are computed.

    Returns:
        ``(B, H', W', K)``, K last: that is how convolutions in channels_last leave it, and how softmax is fastest.

    Two small matrix products: on a CPU they take half the time of torch's ``interpolate``.

    >>> upsample(torch.tensor([[[[0.0, 4.0]]]]), size=(1, 4)).flatten()
    tensor([0., 1., 3., 4.])

    Source: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section 3.3.
    """
    *_, height, width = scores.shape
    if (height, width) == tuple(size):
        return scores.permute(0, 2, 3, 1)[:, every(stride), every(stride)]
    rows, columns = [_weights(n, to, stride, scores) for n, to in zip((height, width), size, strict=True)]
    tall = rows @ scores.permute(0, 2, 3, 1).flatten(2)
    return columns @ tall.unflatten(2, (width, -1))


def _weights(size: int, to: int, stride: int, like: Tensor) -> Tensor:
    unit = torch.eye(size, dtype=like.dtype, device=like.device)
    weights = F.interpolate(unit[None], size=to, mode="linear")[0, :, every(stride)]
    return weights.T.contiguous()  # with a view the products take twice as long


def cross_entropy(
    scores: Tensor, labels: Tensor, size: tuple[int, int], stride: int, weights: Sequence[float] | None = None
) -> tuple[Tensor, Tensor]:
    """The loss summed over all labelled pixels in ``every`` stride-th row and column, and how many these are.

    Args:
        scores: (B, K, h, w).
        labels: ``(B, H', W')`` classes at these pixels, or `IGNORE`.
        size: (H, W) of all the labels.
        stride: s ≥ 1.
        weights: one a class; then the second number is the sum of the pixels' weights.
    """
    return weighted_cross_entropy(upsample(scores, size, stride).flatten(0, 2), labels.flatten(), weights)


def fine_size(target: str, output: Tensor, batch: Mapping[str, Tensor] | None) -> tuple[int, int]:
    """(H, W) of a batch's labels ``target``, else of its images, else of the output itself."""
    named = batch or {}
    fine = named.get(target, named.get("image", output))
    return tuple(fine.shape[-2:])


def check_size(name: str, target: str, labels: Tensor, images: Tensor, stride: int) -> None:
    """A ValueError if labels (..., H, W) are not of the images' size, or have no pixel in ``every`` stride-th row."""
    size = tuple(labels.shape[-2:])
    if images.shape[-2:] != size:
        raise ValueError(
            f"task {name!r} needs labels {target!r} of the images' size {tuple(images.shape[-2:])}; got {size}: "
            "bring both to one size"
        )
    if stride // 2 >= min(size):
        raise ValueError(f"loss_stride={stride} of task {name!r} skips all of its labels {size}: choose a smaller one")


def check_scores(target: str, scores: Tensor, labels: Tensor, classes: int) -> None:
    """A ValueError if a network's output does not score each class on a map for each sample."""
    if scores.ndim != 4 or scores.shape[:2] != (len(labels), classes):
        found = tuple(scores.shape)
        raise ValueError(f"{target!r} needs an output of shape ({len(labels)}, {classes}, h, w); got {found}")


def check_stride(target: str, stride: int) -> None:
    """A ValueError if a loss_stride is not a whole number of pixels."""
    if not isinstance(stride, int) or stride < 1:
        raise ValueError(f"loss_stride of {target!r} must be a whole number of pixels, at least 1; got {stride}")
