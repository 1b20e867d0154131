"""Ensembles: several networks of one task, their probabilities averaged (the paper's second baseline, section 6.1)."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def ensemble(nets: Iterable[nn.Module]) -> "Ensemble":
    """Average the softmax of several networks of one task.

    Raises:
        ValueError: for fewer than two networks.

    >>> net = ensemble([nn.Linear(4, 3), nn.Linear(4, 3)])
    >>> torch.allclose(net(torch.randn(5, 4)).sum(1), torch.ones(5))
    True

    Source: section 6.1.
    """
    return Ensemble(nets)


class Ensemble(nn.Module):
    """Networks whose class scores (B, C, ...) become one set of probabilities (B, C, ...); see `ensemble`."""

    def __init__(self, nets: Iterable[nn.Module]):
        super().__init__()
        self.nets = nn.ModuleList(nets)
        if len(self.nets) < 2:
            raise ValueError(f"an ensemble averages at least 2 networks; got {len(self.nets)}")

    def forward(self, x) -> Tensor:
        return torch.stack([net(x).softmax(1) for net in self.nets]).mean(0)
