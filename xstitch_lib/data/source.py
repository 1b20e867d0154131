"""What training and evaluation ask of data."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self

import torch
from torch import Tensor

from xstitch_lib.data.ragged import Ragged

IGNORE = -1  # the label of a sample or pixel whose class is unknown
FIRST = 8  # samples that are looked at of those that take time to read

Batch = dict[str, Tensor | Ragged]  # name → one entry a sample


class Source(ABC):
    """Samples that can be drawn by their places. `TensorData` is the fast one, `LazyData` reads while it goes.

    Attributes:
        inputs: names of what the network takes, in its order; all else in a batch are labels.
        device: where `draw` leaves its batches.

    A new kind of data has `__len__`, `draw`, `to` and `fingerprint`; the rest follows from them.
    """

    inputs: Sequence[str] = ("image",)
    device: torch.device = torch.device("cpu")

    @abstractmethod
    def __len__(self) -> int:
        """How many samples there are, N."""

    @abstractmethod
    def draw(self, rows: Tensor) -> Batch:
        """The samples at ``rows``, as the tasks want them.

        Args:
            rows: (B,) int64, 0…N-1, on `device`.

        Returns:
            name → (B, ...) tensor, or a `Ragged` of B samples, on `device`. "image" is (B, C, H, W) where tasks on
            pixels or augmentations read it; for labels see the tasks.
        """

    @abstractmethod
    def to(self, device: torch.device | str) -> Self:
        """The same samples, whose batches are left on another device."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A text that changes when the samples do: what a checkpoint is compared by. Called once a run."""

    def stream(self, rows: Iterable[Tensor]) -> Iterator[Batch]:
        """`draw` again and again; a source with workers reads ahead here."""
        return map(self.draw, rows)

    def batches(self, size: int = 32, device: torch.device | str | None = None) -> Iterator[Batch]:
        """All samples in their order, at most ``size`` at a time, on ``device`` or where `draw` leaves them."""
        for batch in self.stream(torch.arange(len(self), device=self.device).split(size)):
            yield {name: x.to(device or self.device) for name, x in batch.items()}

    def peek(self) -> Batch:
        """The first sample, as a batch of one."""
        return self.draw(torch.zeros(1, dtype=torch.long, device=self.device))

    def check(self, look: Callable[[Batch], None], device: torch.device | str | None = None) -> Self:
        """Let ``look`` see all samples, a batch at a time; it raises where something is wrong. Once a call of `fit`.

        Returns:
            these samples; where reading them takes time, such as look at each batch as it comes.
        """
        for batch in self.batches(100, device):  # all at once they may not fit into memory
            look(batch)
        return self
