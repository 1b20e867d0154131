"""A different number of rows a sample: boxes, their labels, their attributes."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

LONG = 200  # rows a sample, in the mean, from which on copying sample by sample is faster than by an index of all rows


class Ragged:
    """N samples of K_n rows each, in one tensor.

    Args:
        values: (sum of K_n, ...), the rows of the first sample, then those of the second, and so on.
        counts: (N,) int64, the K_n, on the device of ``values``; 0 is legal.

    Raises:
        ValueError: if the counts are not whole numbers whose sum is the number of rows.

    ``ragged[3]`` are one sample's rows (K, ...), ``ragged[tensor_of_indices]`` and ``ragged[slice]`` are ragged again;
    iterating gives sample after sample, as torchvision's detection operators want them.

    >>> boxes = Ragged.of([torch.zeros(2, 4), torch.zeros(0, 4), torch.ones(1, 4)])
    >>> boxes, boxes[torch.tensor([2, 0])].counts, boxes.sample
    (Ragged(3 samples: 3 rows of (4,)), tensor([1, 2]), tensor([0, 0, 2]))
    """

    def __init__(self, values: Tensor, counts: Tensor):
        if counts.ndim != 1 or counts.dtype != torch.long or counts.sum() != len(values) or (counts < 0).any():
            raise ValueError(
                f"a ragged tensor of {len(values)} rows needs counts (N,) int64 that add up to it, one a sample; got "
                f"{counts.dtype} of shape {tuple(counts.shape)} with sum {counts.sum().item()}"
            )
        self.values, self.counts = values, counts

    @classmethod
    def of(cls, samples: Sequence[Tensor]) -> "Ragged":
        """From one (K, ...) tensor a sample, at least one.

        Raises:
            ValueError: if their types or the shapes of their rows differ.
        """
        kinds = {(rows.dtype, tuple(rows.shape[1:])) for rows in samples}
        if len(kinds) > 1 or any([rows.ndim == 0 for rows in samples]):
            raise ValueError(
                "all samples of a ragged tensor need rows of one type and shape, a sample without rows too, such as "
                f"torch.zeros(0, 4); got {sorted(map(str, kinds))}"
            )
        counts = torch.tensor([len(rows) for rows in samples], device=samples[0].device)
        return cls(torch.cat(list(samples)), counts)

    @classmethod
    def cat(cls, parts: "Sequence[Ragged]") -> "Ragged":
        """The samples of several, one after the other."""
        return cls(torch.cat([part.values for part in parts]), torch.cat([part.counts for part in parts]))

    def __len__(self) -> int:
        return len(self.counts)

    def __repr__(self) -> str:
        return f"Ragged({len(self)} samples: {len(self.values)} rows of {tuple(self.values.shape[1:])})"

    def __getitem__(self, index: int | slice | Tensor) -> "Tensor | Ragged":
        if isinstance(index, slice):
            index = torch.arange(len(self), device=self.counts.device)[index]
        if isinstance(index, Tensor) and index.dtype == torch.bool and len(index) != len(self):
            raise IndexError(f"a mask needs one entry for each of {len(self)} samples; got {len(index)}")
        if isinstance(index, Tensor) and index.ndim:
            return self.index_select(0, index.nonzero().flatten() if index.dtype == torch.bool else index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} samples; got {index}")
        end = int(self.counts[: int(index) % len(self) + 1].sum())
        return self.values[end - int(self.counts[index]) : end]

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.values.split(self.counts.tolist()))

    @property
    def sample(self) -> Tensor:
        """Which sample each row belongs to, one int64 a row."""
        return torch.repeat_interleave(self.counts)

    @property
    def device(self) -> torch.device:
        return self.values.device

    def index_select(self, dim: int, rows: Tensor) -> "Ragged":
        """The samples at ``rows`` (B,), as of a tensor; ``dim`` is 0."""
        ends, counts = self.counts.cumsum(0)[rows], self.counts[rows]
        if len(self.values) > LONG * len(self):
            parts = [self.values[end - count : end] for end, count in zip(ends.tolist(), counts.tolist(), strict=True)]
            return Ragged(torch.cat(parts) if parts else self.values[:0], counts)
        places = torch.repeat_interleave(ends - counts.cumsum(0), counts)
        return Ragged(self.values[places + torch.arange(len(places), device=self.device)], counts)

    def split(self, size: int) -> "list[Ragged]":
        """The samples in their order, ``size`` at a time and the rest, as of a tensor."""
        return [self[start : start + size] for start in range(0, len(self), size)]

    def to(self, device: torch.device | str | None) -> "Ragged":
        return self if device is None else Ragged(self.values.to(device), self.counts.to(device))
