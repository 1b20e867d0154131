"""Data sets that live in memory: a batch is an index_select, nothing waits for Python."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Self

import torch
from torch import Tensor
from torch.utils.data import Dataset

IGNORE = -1  # the label of a sample or pixel whose class is unknown


class TensorData(Dataset):
    """Samples as a dict of tensors that share their first dimension.

    Args:
        tensors: name → (N, ...) tensor, for instance ``{"image": (N, 1, 28, 28), "article": (N,)}``.
        inputs: names of those that the network takes, in its order; the others are labels. What tasks on pixels and
            augmentations take for the picture is called "image".

    Raises:
        ValueError: if there is no tensor, one is something else, or their first dimensions differ.

    ``data[3]`` is one sample, ``data[tensor_of_indices]`` and ``data[slice]`` are batches; both are dicts. A subclass
    may store its samples in a smaller form than it hands out: see `decode`.

    >>> TensorData({"image": torch.zeros(5, 1, 28, 28), "article": torch.zeros(5)})
    TensorData(5 samples: image (1, 28, 28), article ())
    """

    inputs: Sequence[str] = ("image",)

    def __init__(self, tensors: Mapping[str, Tensor], inputs: Sequence[str] = ("image",)):
        if not isinstance(tensors, Mapping) or not all([isinstance(x, Tensor) for x in tensors.values()]):
            named = isinstance(tensors, Mapping)
            found = {k: type(x).__name__ for k, x in tensors.items()} if named else type(tensors).__name__
            raise ValueError(
                'a data set is a dict of tensors, {"image": (N, ...), "label": (N,)}; '
                f"got {found}: make tensors of them with torch.as_tensor"
            )
        if isinstance(inputs, str):
            raise ValueError(f"inputs is a list of names, [{inputs!r}]; got the word {inputs!r}")
        lengths = {name: len(tensor) for name, tensor in tensors.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"every tensor of a data set needs one entry a sample; got lengths {lengths}")
        self.tensors, self.inputs = dict(tensors), tuple(inputs)

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __repr__(self) -> str:
        shapes = ", ".join([f"{name} {tuple(tensor.shape[1:])}" for name, tensor in self.tensors.items()])
        return f"TensorData({len(self)} samples: {shapes})"

    def __getitem__(self, index: int | slice | Tensor) -> dict[str, Tensor]:
        return self.decode({name: tensor[index] for name, tensor in self.tensors.items()})

    def decode(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Stored samples as the tasks want them; here they are stored as they are wanted.

        Args:
            batch: a batch or one sample, with all of the names or some. It is decoded on its device, after it was
                picked: what lies in memory, is moved and is fingerprinted are the stored tensors.
        """
        return batch

    def batches(self, size: int = 32, device: torch.device | str | None = None) -> Iterator[dict[str, Tensor]]:
        """All samples in their order, decoded, at most ``size`` at a time, on ``device`` or where they lie."""
        for start in range(0, len(self), size):
            some = {name: tensor[start : start + size].to(device) for name, tensor in self.tensors.items()}
            yield self.decode(some)

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> Self:
        """A data set of the same kind, which decodes in the same way, with other stored ``tensors``."""
        other = copy(self)
        TensorData.__init__(other, tensors, self.inputs)
        return other

    def to(self, device: torch.device | str) -> Self:
        """The same samples on another device."""
        return self.with_tensors({name: tensor.to(device) for name, tensor in self.tensors.items()})
