"""NDDR-CNN's layer: a 1×1 convolution of all tasks' maps for each task, then batch norm and ReLU."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xstitch_lib.unit_base import Unit, check_equal

NORMS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


class NDDRUnit(Unit):
    """``out[i] = ReLU of batch norm of sum over j of W_ij maps[j]``, each W_ij a C×C matrix over the channels.

    Args:
        tasks: T ≥ 2.
        channels: C.
        dims: of the maps, 4 for (B, C, H, W).
        alpha_same: W_ii starts as alpha_same times the identity, the others as ``(1 - alpha_same) / (T - 1)`` times it.

    Attributes:
        weight: Parameter (T, C, T * C).

    Shape:
        a sequence of T maps (B, C, ...) → a list of T maps of the same shapes.

    ReLU is what the authors' code ends a layer with. The paper decays these weights, which this harness does not do
    with units, and the code has them learn a hundred times as fast as the towers.

    >>> unit = NDDRUnit(tasks=2, channels=8)
    >>> [y.shape for y in unit([torch.randn(4, 8, 5, 5), torch.randn(4, 8, 5, 5)])]
    [torch.Size([4, 8, 5, 5]), torch.Size([4, 8, 5, 5])]

    Source: Gao et al., "NDDR-CNN", CVPR 2019, section 3; its initialisation in section 3.3.
    """

    def __init__(self, tasks: int, channels: int, dims: int = 4, alpha_same: float = 0.9):
        super().__init__()
        if tasks < 2 or dims not in NORMS or not 0 <= alpha_same <= 1:
            raise ValueError(
                f"an NDDR layer joins at least 2 tasks' maps of 2 to 5 dimensions, with alpha_same "
                f"in [0, 1]; got tasks={tasks}, dims={dims}, alpha_same={alpha_same}"
            )
        mix = torch.full((tasks, tasks), (1 - alpha_same) / (tasks - 1)).fill_diagonal_(alpha_same)
        self.weight = nn.Parameter(torch.kron(mix, torch.eye(channels)).view(tasks, channels, tasks * channels))
        self.norms = nn.ModuleList([NORMS[dims](channels) for _ in range(tasks)])

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        everything = torch.cat(list(maps), 1)
        flat = everything.flatten(2) if everything.ndim > 2 else everything[..., None]
        mixed = [F.conv1d(flat, w[..., None].to(flat.dtype)).view_as(maps[0]) for w in self.weight]
        return [norm(y).relu() for norm, y in zip(self.norms, mixed, strict=True)]

    def multiplies(self, mixed: Sequence[Tensor]) -> int:
        return self.weight.numel() * (mixed[0].numel() // mixed[0].shape[1])


def nddr(maps: Sequence[Tensor]) -> NDDRUnit:
    """For ``stitch(…, per=nddr)``.

    Raises:
        ValueError: if the towers' maps differ in shape.
    """
    check_equal("an NDDR layer", maps)
    return NDDRUnit(len(maps), maps[0].shape[1], maps[0].ndim)
