"""Shuffled batches of a source, and which of them comes next."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from xstitch_lib.data.source import Batch, Source


class Batches:
    """Batches without end; each epoch is a fresh permutation of the samples.

    Args:
        data: N samples, which leave their batches on the device these are wanted on.
        size: samples a batch, of all processes together. An epoch's last, incomplete batch is dropped, unless
            N < size: then each batch is the whole set.
        seed: of the permutations, which have a generator of their own.
        rank, processes: which share of each batch is drawn here; shares differ by at most one sample.

    Raises:
        ValueError: if a batch is empty, or has fewer samples than there are processes.
    """

    def __init__(self, data: Source, size: int, seed: int = 0, rank: int = 0, processes: int = 1):
        self.data, self.size, self.seed = data, min(size, len(data)), seed
        if self.size < processes:
            raise ValueError(f"a batch of {self.size} samples cannot be shared by {processes} processes")
        self.rank, self.processes = rank, processes
        self.load_state_dict({"drawn": 0})

    def draw(self) -> Batch:
        """The next batch."""
        self.drawn += 1
        return next(self._coming)

    def state_dict(self) -> dict[str, int]:
        return {"drawn": self.drawn}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        self.drawn = state["drawn"]
        self._coming = self.data.stream(self._rows(self.drawn))

    def _rows(self, done: int) -> Iterator[Tensor]:
        """Which samples the batches hold, from the one after ``done`` on."""
        generator, an_epoch = torch.Generator().manual_seed(self.seed), len(self.data) // self.size
        for _ in range(done // an_epoch):
            torch.randperm(len(self.data), generator=generator)
        done %= an_epoch
        while True:
            order = torch.randperm(len(self.data), generator=generator).to(self.data.device)
            for start in range(done * self.size, an_epoch * self.size, self.size):
                yield order[start : start + self.size][self.rank :: self.processes]
            done = 0
