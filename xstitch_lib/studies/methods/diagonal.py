"""The control of mixing: units that may only rescale a tower's own channels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.methods.cross_stitch import CrossStitch


@dataclass(frozen=True, kw_only=True)
class Diagonal(CrossStitch):
    """Cross-stitch whose alpha_D are 0 and stay so: nothing is mixed, alpha_S learn as they do elsewhere."""

    name: ClassVar[str] = "diagonal"
    alpha_same: float = 1.0  # and so alpha_D are 0

    def stitched(self, bench: Bench, towers: Mapping[str, nn.Module]) -> nn.Module:
        net = super().stitched(bench, towers)
        for alpha in net.units.parameters():
            alpha.register_hook(_on_the_diagonal)
        return net


def _on_the_diagonal(gradient: Tensor) -> Tensor:
    return gradient * torch.eye(gradient.shape[-1], device=gradient.device)
