"""What other people's code calls a cross-stitch unit, and does otherwise than the paper: to be compared with."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from xstitch_lib.unit import CrossStitchUnit, cross_stitch
from xstitch_lib.unit_base import Unit


class OneRowUnit(Unit):
    """One row of T weights for all tasks: every task reads the same mix.

    Args:
        tasks: T ≥ 2.

    Attributes:
        alpha: Parameter (1, 1, T), ones at the start.

    Shape:
        a sequence of T maps (B, C, ...) → a tuple of T equal maps.

    Source: MTAN's code of a cross-stitch baseline, which CAGrad's shares.
    """

    def __init__(self, tasks: int):
        super().__init__()
        self.tasks, self.alpha = tasks, nn.Parameter(torch.ones(1, 1, tasks))

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return cross_stitch(self.matrices(), maps)

    def matrices(self) -> Tensor:
        return self.alpha.expand(1, self.tasks, self.tasks)

    def multiplies(self, mixed: Sequence[Tensor]) -> int:
        return self.tasks * mixed[0].numel()


def one_row(maps: Sequence[Tensor]) -> OneRowUnit:
    """For ``stitch(…, per=one_row)``."""
    return OneRowUnit(len(maps))


def all_ones(maps: Sequence[Tensor]) -> CrossStitchUnit:
    """For ``stitch(…, per=all_ones)``: a T×T matrix of ones a layer, as LibMTL starts; it adds the tasks' maps up."""
    unit = CrossStitchUnit(len(maps))
    with torch.no_grad():
        unit.alpha.fill_(1.0)
    return unit
