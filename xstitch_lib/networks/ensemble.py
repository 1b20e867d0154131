"""Ensembles: several networks of one task, their answers averaged (the paper's second baseline, section 6.1)."""

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

Average = Callable[[Sequence[Tensor]], Tensor]


def mean_softmax(outputs: Sequence[Tensor]) -> Tensor:
    """Scores (B, C, ...) whose softmax is the average of that of several networks' scores."""
    logs = torch.stack([scores.log_softmax(1) for scores in outputs])
    return logs.logsumexp(0) - math.log(len(logs))


def ensemble(nets: Iterable[nn.Module], average: Average = mean_softmax) -> "Ensemble":
    """Average the answers of several networks of one task.

    Args:
        nets: at least two.
        average: their outputs → one. By default that has scores, as each of the networks gives, whose softmax is the
            average; ``task.average`` of tasks whose outputs are something else, `Detection` and `Attributes`.

    Raises:
        ValueError: for fewer than two networks.

    >>> first, second, x = nn.Linear(4, 3), nn.Linear(4, 3), torch.randn(5, 4)
    >>> average = (first(x).softmax(1) + second(x).softmax(1)) / 2
    >>> torch.allclose(ensemble([first, second])(x).softmax(1), average)
    True

    Source: section 6.1.
    """
    return Ensemble(nets, average)


class Ensemble(nn.Module):
    """Networks whose outputs become one; see `ensemble`."""

    def __init__(self, nets: Iterable[nn.Module], average: Average = mean_softmax):
        super().__init__()
        self.nets, self.average = nn.ModuleList(nets), average
        if len(self.nets) < 2:
            raise ValueError(f"an ensemble averages at least 2 networks; got {len(self.nets)}")

    def forward(self, x, *more) -> Tensor:
        return self.average([net(x, *more) for net in self.nets])
