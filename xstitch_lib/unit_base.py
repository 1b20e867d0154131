"""What training and measuring ask of a unit, whatever it computes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn


class Unit(nn.Module, ABC):
    """A module that joins towers; a subclass, in any file, is trained, counted and recorded as the paper's unit is.

    Shape:
        a sequence of T maps, one a task → T maps of the same shapes.

    >>> class Mean(Unit):
    ...     def forward(self, maps):
    ...         return [sum(maps) / len(maps)] * len(maps)
    ...
    ...     def multiplies(self, mixed):
    ...         return mixed[0].numel()
    >>> unit = Mean()
    >>> unit.alphas(), unit.matrices(), unit.followed()
    ([], None, None)
    """

    channel_dim = 1  # where the maps have their channels

    def alphas(self) -> list[nn.Parameter]:
        """Those that learn at ``lr * unit_lr_scale`` and do not decay; here all of its parameters."""
        return list(self.parameters())

    @abstractmethod
    def multiplies(self, mixed: Any) -> int:
        """The multiply-adds of one call, all samples together; ``mixed`` is what the call returned."""

    def matrices(self) -> Tensor | None:
        """Of a unit that is ``out[i] = sum over j of alpha[:, i, j] * maps[j]``, alpha (C or 1, T, T); else None."""
        return None

    def followed(self) -> Tensor | None:
        """What a run's history keeps at each of its steps, or None for what is too large to keep so often."""
        return self.matrices()


def check_equal(kind: str, maps: Sequence[Tensor]) -> None:
    """A ValueError if the towers' maps, from which a unit is made, differ in shape; ``kind`` is the unit's name."""
    if len({tuple(x.shape) for x in maps}) > 1:
        found = ", ".join([f"{tuple(x.shape)}" for x in maps])
        raise ValueError(f"{kind} joins maps of one shape; got {found}: choose another layer")
