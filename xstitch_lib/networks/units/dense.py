"""The TensorFlow re-implementation's unit: one matrix over everything the towers say at a layer.

Not the paper's unit; it is here to be compared with (erratum 10).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xstitch_lib.unit_base import Unit


class DenseUnit(Unit):
    """Mix every value of every task's map with every other: ``[y_A; y_B] = alpha [x_A; x_B]``, maps flattened.

    Args:
        sizes: D of each task, the number of values in one sample's map; T ≥ 2 of them.

    Attributes:
        alpha: Parameter (sum of D, sum of D), the identity at the start: nothing is shared. Two 28×28 maps of
            16 channels already make 630 million weights.

    Shape:
        a sequence of T maps (B, ...) with D values a sample → a list of T maps of the same shapes.

    Raises:
        ValueError: for fewer than 2 sizes, or maps of other sizes.

    >>> unit = DenseUnit([8, 12])
    >>> a, b = unit([torch.randn(5, 2, 2, 2), torch.randn(5, 3, 2, 2)])
    >>> b.shape, unit.alpha.shape
    (torch.Size([5, 3, 2, 2]), torch.Size([20, 20]))
    """

    def __init__(self, sizes: Sequence[int]):
        super().__init__()
        if len(sizes) < 2:
            raise ValueError(f"a dense unit joins at least 2 tasks; got sizes={list(sizes)}")
        self.sizes = list(sizes)
        self.alpha = nn.Parameter(torch.empty(sum(sizes), sum(sizes)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set alpha to the identity."""
        nn.init.eye_(self.alpha)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        flat = [x.flatten(1) for x in maps]
        if [x.shape[1] for x in flat] != self.sizes:
            found = [tuple(x.shape) for x in maps]
            raise ValueError(f"this dense unit needs maps with {self.sizes} values a sample; got {found}")
        everything = torch.cat(flat, 1)
        # one product a task, not one split afterwards: an in-place ReLU may follow, which views of one tensor forbid
        rows = self.alpha.split(self.sizes)
        mixed = [F.linear(everything, row.to(everything.dtype)) for row in rows]
        return [y.reshape(x.shape) for y, x in zip(mixed, maps, strict=True)]

    def multiplies(self, mixed: Sequence[Tensor]) -> int:
        return len(mixed[0]) * self.alpha.numel()

    def extra_repr(self) -> str:
        return f"sizes={self.sizes}"


class DenseLayer(Unit):
    """What a `DenseUnit` adds to one tower, without the other: a control (see `fashion_cnn`).

    Args:
        size: D, the number of values in one sample's map.

    Attributes:
        alpha: Parameter (D, D), the identity at the start. It is trained as the alphas of units are.

    Shape:
        (B, D) → (B, D).
    """

    def __init__(self, size: int):
        super().__init__()
        self.alpha = nn.Parameter(torch.eye(size))  # draws no random numbers: all else starts as without it

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.alpha)

    def multiplies(self, mixed: Tensor) -> int:
        return len(mixed) * self.alpha.numel()
