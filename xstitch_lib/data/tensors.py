"""Data sets that live in memory: a batch is an index_select, nothing waits for Python."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from typing import Self

import torch
from torch import Tensor
from torch.utils.data import Dataset

from xstitch_lib.data.ragged import Ragged
from xstitch_lib.data.source import FIRST, IGNORE, Batch, Source

__all__ = ["IGNORE", "TensorData", "fingerprint"]


class TensorData(Source, Dataset):
    """Samples as a dict of tensors that share their first dimension.

    Args:
        tensors: name → (N, ...) tensor, for instance ``{"image": (N, 1, 28, 28), "article": (N,)}``; labels of which a
            sample has a different number each are a `Ragged` of N samples.
        inputs: names of those that the network takes, in its order; the others are labels. What tasks on pixels and
            augmentations take for the picture is called "image".
        beside: what else there is to tell of each sample, as numbers of photographs: it is sliced with the samples and
            stands in no batch.

    Raises:
        ValueError: if there is no tensor, one is something else, or their first dimensions differ.

    ``data[3]`` is one sample, ``data[tensor_of_indices]`` and ``data[slice]`` are batches; all are dicts. A subclass
    may store its samples in a smaller form than it hands out: see `decode`.

    >>> TensorData({"image": torch.zeros(5, 1, 28, 28), "article": torch.zeros(5)})
    TensorData(5 samples: image (1, 28, 28), article ())
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor | Ragged],
        inputs: Sequence[str] = Source.inputs,
        beside: Mapping[str, Tensor | Ragged] | None = None,
    ):
        if not isinstance(tensors, Mapping) or not all([isinstance(x, Tensor | Ragged) for x in tensors.values()]):
            named = isinstance(tensors, Mapping)
            found = {k: type(x).__name__ for k, x in tensors.items()} if named else type(tensors).__name__
            raise ValueError(
                'a data set is a dict of tensors, {"image": (N, ...), "label": (N,)}; '
                f"got {found}: make tensors of them with torch.as_tensor"
            )
        if isinstance(inputs, str):
            raise ValueError(f"inputs is a list of names, [{inputs!r}]; got the word {inputs!r}")
        self.tensors, self.inputs, self.beside = dict(tensors), tuple(inputs), dict(beside or {})
        lengths = {name: len(tensor) for name, tensor in {**self.tensors, **self.beside}.items()}
        if not tensors or len(set(lengths.values())) != 1:
            raise ValueError(f"every tensor of a data set needs one entry a sample; got lengths {lengths}")
        self._fingerprint: tuple[list[int], str] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __repr__(self) -> str:
        shapes = [
            f"{name} {('K', *x.values.shape[1:]) if isinstance(x, Ragged) else tuple(x.shape[1:])}"
            for name, x in self.tensors.items()
        ]
        return f"TensorData({len(self)} samples: {', '.join(shapes)})"

    def __getitem__(self, index: int | slice | Tensor) -> Batch:
        return self.decode({name: tensor[index] for name, tensor in self.tensors.items()})

    @property
    def device(self) -> torch.device:
        return next(iter(self.tensors.values())).device

    def draw(self, rows: Tensor) -> Batch:
        return self.decode({name: tensor.index_select(0, rows) for name, tensor in self.tensors.items()})

    def decode(self, batch: Batch) -> Batch:
        """Stored samples as the tasks want them; here they are stored as they are wanted.

        Args:
            batch: a batch or one sample, with all of the names or some. It is decoded on its device, after it was
                picked: what lies in memory, is moved and is fingerprinted are the stored tensors.
        """
        return batch

    def batches(self, size: int = 32, device: torch.device | str | None = None) -> Iterator[Batch]:
        """All samples in their order, decoded, at most ``size`` at a time, on ``device`` or where they lie."""
        for start in range(0, len(self), size):
            some = {name: tensor[start : start + size].to(device) for name, tensor in self.tensors.items()}
            yield self.decode(some)

    def check(self, look: Callable[[Batch], None], device: torch.device | str | None = None) -> Self:
        """`Source.check`; of samples that a subclass decodes, inputs are decoded for the first alone.

        A decoder may read files. One that needs the inputs for the labels has these looked at in the first alone, too.
        """
        if type(self).decode is TensorData.decode:
            return super().check(look, device)
        look(next(self.batches(FIRST, device)))
        for start in range(0, len(self), 100):
            stored = {name: tensor[start : start + 100].to(device) for name, tensor in self.tensors.items()}
            inputs = {name: stored.pop(name) for name in self.inputs}
            try:
                labels = self.decode(stored)
            except KeyError:
                return self
            look(inputs | labels)
        return self

    def take(self, rows: slice | Tensor) -> Self:
        """A data set of these samples, with what stands beside them."""
        return self._like(*[{name: x[rows] for name, x in part.items()} for part in (self.tensors, self.beside)])

    def with_tensors(self, tensors: Mapping[str, Tensor | Ragged]) -> Self:
        """A data set of the same kind, which decodes in the same way, with other stored ``tensors`` of its samples."""
        return self._like(tensors, self.beside)

    def to(self, device: torch.device | str) -> Self:
        """The same samples on another device."""
        return self._like({name: tensor.to(device) for name, tensor in self.tensors.items()}, self.beside)

    def fingerprint(self) -> str:
        """The first 16 digits of the SHA-256 of the stored tensors; computed once, until one of them changes."""
        state = [x._version for tensor in self.tensors.values() for x in _parts(tensor).values()]
        if self._fingerprint is None or self._fingerprint[0] != state:
            self._fingerprint = state, fingerprint(self.tensors)
        return self._fingerprint[1]

    def _like(self, tensors: Mapping[str, Tensor | Ragged], beside: Mapping[str, Tensor | Ragged]) -> Self:
        other = copy(self)
        TensorData.__init__(other, tensors, self.inputs, beside)
        return other


def fingerprint(tensors: Mapping[str, Tensor | Ragged]) -> str:
    """The first 16 digits of the SHA-256 of tensors' names, shapes, types and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        for part, x in _parts(tensor).items():
            digest.update(f"{name}{part} {tuple(x.shape)} {x.dtype}".encode())
            digest.update(x.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def _parts(tensor: Tensor | Ragged) -> dict[str, Tensor]:
    return {" values": tensor.values, " counts": tensor.counts} if isinstance(tensor, Ragged) else {"": tensor}
