"""The sluice network's unit: every task's channels in subspaces, which are mixed with each other."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from xstitch_lib.unit import cross_stitch
from xstitch_lib.unit_base import Unit, check_equal


class SluiceUnit(Unit):
    """Each task's map is cut into G subspaces of channels; all T * G of them are mixed by one matrix.

    Args:
        tasks: T ≥ 2.
        subspaces: G, which must divide the maps' channels; 2 in the paper.
        alpha_same: the matrix starts with it on the diagonal, and ``(1 - alpha_same) / (T * G - 1)`` elsewhere.

    Attributes:
        alpha: Parameter (1, T * G, T * G); row and column i * G + g are task i's subspace g.

    Shape:
        a sequence of T maps (B, C, ...) → a list of T maps of the same shapes.

    The paper's alphas alone. The penalty that keeps subspaces orthogonal is an objective,
    `xstitch_lib.weighting.Orthogonality`; its layer mixture (beta) adds layers of equal size, which towers with pooling
    have not.

    >>> unit = SluiceUnit(tasks=2)
    >>> a, b = unit([torch.ones(1, 4), torch.zeros(1, 4)])
    >>> unit.alpha.shape, a.shape
    (torch.Size([1, 4, 4]), torch.Size([1, 4]))

    Source: Ruder, Bingel, Augenstein and Søgaard, "Latent multi-task architecture learning", AAAI 2019, equation 2.
    """

    def __init__(self, tasks: int, subspaces: int = 2, alpha_same: float = 0.9):
        super().__init__()
        if tasks < 2 or subspaces < 1 or not 0 <= alpha_same <= 1:
            raise ValueError(
                "a sluice unit joins at least 2 tasks in at least 1 subspace each, with alpha_same in [0, 1]; got "
                f"tasks={tasks}, subspaces={subspaces}, alpha_same={alpha_same}"
            )
        size = tasks * subspaces
        start = torch.full((1, size, size), (1 - alpha_same) / (size - 1))
        start.diagonal(dim1=1, dim2=2).fill_(alpha_same)
        self.tasks, self.subspaces, self.alpha = tasks, subspaces, nn.Parameter(start)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        if maps[0].shape[1] % self.subspaces:
            raise ValueError(f"{maps[0].shape[1]} channels cannot be cut into {self.subspaces} equal subspaces")
        parts = [part for x in maps for part in x.chunk(self.subspaces, 1)]
        mixed, each = cross_stitch(self.alpha, parts), self.subspaces
        return [torch.cat(mixed[i * each : (i + 1) * each], 1) for i in range(self.tasks)]

    def multiplies(self, mixed: Sequence[Tensor]) -> int:
        return self.tasks**2 * self.subspaces * mixed[0].numel()


def sluice(maps: Sequence[Tensor]) -> SluiceUnit:
    """For ``stitch(…, per=sluice)``.

    Raises:
        ValueError: if the towers' maps differ in shape.
    """
    check_equal("a sluice unit", maps)
    return SluiceUnit(len(maps))
