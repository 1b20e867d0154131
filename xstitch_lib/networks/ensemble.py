"""Ensembles: several networks of one task, their probabilities averaged (the paper's second baseline, section 6.1)."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn


def ensemble(nets: Iterable[nn.Module]) -> "Ensemble":
    """Average the softmax of several networks of one task.

    The result gives scores, as each of the networks does: their softmax is the average.

    Raises:
        ValueError: for fewer than two networks.

    >>> first, second, x = nn.Linear(4, 3), nn.Linear(4, 3), torch.randn(5, 4)
    >>> average = (first(x).softmax(1) + second(x).softmax(1)) / 2
    >>> torch.allclose(ensemble([first, second])(x).softmax(1), average)
    True

    Source: section 6.1.
    """
    return Ensemble(nets)


class Ensemble(nn.Module):
    """Networks whose class scores (B, C, ...) become one set of scores (B, C, ...); see `ensemble`."""

    def __init__(self, nets: Iterable[nn.Module]):
        super().__init__()
        self.nets = nn.ModuleList(nets)
        if len(self.nets) < 2:
            raise ValueError(f"an ensemble averages at least 2 networks; got {len(self.nets)}")

    def forward(self, x, *more) -> Tensor:
        """The logarithm of the averaged probabilities."""
        logs = torch.stack([net(x, *more).log_softmax(1) for net in self.nets])
        return logs.logsumexp(0) - math.log(len(logs))
