"""Shuffled batches of data that live on the device: an index_select, nothing waits for Python."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from xstitch_lib.data.tensors import TensorData


class Batches:
    """Batches without end; each epoch is a fresh permutation of the samples.

    Args:
        data: N samples on the device the batches are wanted on.
        size: samples a batch, of all processes together. An epoch's last, incomplete batch is dropped, unless
            N < size: then each batch is the whole set.
        seed: of the permutations, which have a generator of their own.
        rank, processes: which share of each batch is drawn here; shares differ by at most one sample.

    Raises:
        ValueError: if a batch is empty, or has fewer samples than there are processes.
    """

    def __init__(self, data: TensorData, size: int, seed: int = 0, rank: int = 0, processes: int = 1):
        self.data, self.size = data, min(size, len(data))
        if self.size < processes:
            raise ValueError(f"a batch of {self.size} samples cannot be shared by {processes} processes")
        self.rank, self.processes = rank, processes
        self.generator = torch.Generator().manual_seed(seed)
        self._start_epoch(torch.randperm(len(data), generator=self.generator), position=0)

    def draw(self) -> dict[str, Tensor]:
        """The next batch: name → (B, ...) tensor, decoded where the data lie."""
        if self.position + self.size > len(self.order):
            self._start_epoch(torch.randperm(len(self.order), generator=self.generator), position=0)
        rows = self.on_device[self.position : self.position + self.size][self.rank :: self.processes]
        self.position += self.size
        return self.data.decode({name: tensor.index_select(0, rows) for name, tensor in self.data.tensors.items()})

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self.generator.get_state(), "order": self.order, "position": self.position}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.generator.set_state(state["generator"])
        self._start_epoch(state["order"], state["position"])

    def _start_epoch(self, order: Tensor, position: int) -> None:
        self.order, self.position = order, position
        self.on_device = order.to(next(iter(self.data.tensors.values())).device)
