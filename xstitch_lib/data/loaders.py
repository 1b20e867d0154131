"""Data that are read while training goes: any torch Dataset or DataLoader whose samples are dicts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any, Self

import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    default_collate,
    default_convert,
)

from xstitch_lib.data.ragged import Ragged
from xstitch_lib.data.source import FIRST, Batch, Source

# of a DataLoader: how it reads; which samples, and in what order, is for `Batches` to say
READING = ("num_workers", "pin_memory", "timeout", "worker_init_fn", "multiprocessing_context", "prefetch_factor")


class LazyData(Source):
    """A map-style Dataset of dicts, one batch read a step.

    Args:
        dataset: ``dataset[i]`` is one sample, name → tensor or number.
        inputs: as of a `TensorData`.
        ragged: names of which samples have a different number of rows each; they are collated as a `Ragged`.
        collate: list of samples → batch, in place of that.
        reading: what a DataLoader is told of reading, such as ``num_workers=4``.

    Samples are read in the order that the seed tells, ahead of the training where there are workers; a resumed run goes
    on with the very samples that come next. The first samples are checked beforehand, the others as they are read. The
    first are read in this process before workers begin, so a dataset that opens a file at its first sample must open it
    anew in each process. Randomness inside the dataset is the caller's: a resumed run does not repeat it, as it does
    that of ``fit(augment=…)``.

    Raises:
        ValueError: for a dataset without a length, names that are no list, an unknown way of reading, or samples that
            are no dicts of tensors and numbers.

    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 10
    ...     def __getitem__(self, i):
    ...         return {"image": torch.full((1, 4, 4), float(i)), "label": i * i}
    >>> LazyData(Squares()).draw(torch.tensor([2, 3]))["label"]
    tensor([4, 9])
    """

    def __init__(
        self,
        dataset: Dataset,
        inputs: Sequence[str] = Source.inputs,
        ragged: Sequence[str] = (),
        collate: Callable[[list[Any]], Any] | None = None,
        **reading: Any,
    ):
        if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
            raise ValueError(
                f"lazy data must have a length and samples by their places, dataset[i]; {type(dataset).__name__} only "
                "iterates: give the map-style dataset behind it"
            )
        for name, given in (("inputs", inputs), ("ragged", ragged)):
            if isinstance(given, str):
                raise ValueError(f"{name} is a list of names, [{given!r}]; got the word {given!r}")
        if unknown := [name for name in reading if name not in READING]:
            raise ValueError(f"lazy data are read with {', '.join(READING)}; got {unknown[0]!r}")
        self.dataset, self.inputs, self.reading = dataset, tuple(inputs), reading
        self.ragged, self.collate = tuple(ragged), collate or self._collate
        self.look: Callable[[Batch], None] | None = None

    @classmethod
    def of(cls, data: "Dataset | DataLoader") -> "LazyData":
        """A dataset as it is, or that of a loader with its workers and collate function.

        A loader's batch size and order are not taken over: `Recipe` has the one, and its seed makes the other.

        Raises:
            ValueError: for a loader that chooses among the samples or draws some more often.
        """
        if not isinstance(data, DataLoader):
            return cls(data, getattr(data, "inputs", Source.inputs))
        plain = type(data.batch_sampler) in (BatchSampler, type(None))
        order = data.sampler if plain else data.batch_sampler
        if not _takes_each_once(order):
            raise ValueError(
                f"a DataLoader's order is not taken over, and its {type(order).__name__} is more than an order: choose "
                "samples with torch.utils.data.Subset, and give that"
            )
        own = None if data.collate_fn in (default_collate, default_convert) else data.collate_fn
        reading = {name: getattr(data, name) for name in READING}
        return cls(data.dataset, getattr(data.dataset, "inputs", Source.inputs), collate=own, **reading)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"look": None}  # of workers, which only read

    def __len__(self) -> int:
        return len(self.dataset)

    def __repr__(self) -> str:
        return f"LazyData({len(self)} samples of {type(self.dataset).__name__})"

    def draw(self, rows: Tensor) -> Batch:
        return self._moved(self.collate([self.dataset[i] for i in rows.tolist()]))

    def stream(self, rows: Iterable[Tensor]) -> Iterator[Batch]:
        own = torch.Generator().manual_seed(torch.initial_seed())  # of the workers' seeds; torch's own is left alone
        places = (some.tolist() for some in rows)
        loader = DataLoader(self.dataset, batch_sampler=places, collate_fn=self.collate, generator=own, **self.reading)
        yield from map(self._moved, loader)  # workers begin with the first batch that is asked for

    def check(self, look: Callable[[Batch], None], device: torch.device | str | None = None) -> Self:
        """`Source.check`, of the first samples; what comes back looks at the others when they are read."""
        look({name: x.to(device or self.device) for name, x in self.draw(torch.arange(min(FIRST, len(self)))).items()})
        return self._with(look=look, device=torch.device(device or self.device))

    def to(self, device: torch.device | str) -> Self:
        return self._with(device=torch.device(device))

    def _with(self, **changes: Any) -> Self:
        other = copy(self)
        vars(other).update(vars(self) | changes)
        return other

    def fingerprint(self) -> str:
        """The dataset's kind and length, and how its first sample looks: its values would have to be read."""
        first = {name: x.values if isinstance(x, Ragged) else x for name, x in self.peek().items()}
        shapes = {name: (tuple(x.shape[1:]), str(x.dtype)) for name, x in first.items()}
        return f"{type(self.dataset).__qualname__} of {len(self)}: {shapes}"

    def _moved(self, batch: Any) -> Batch:
        if not isinstance(batch, Mapping):
            raise ValueError(
                f'samples must be dicts, {{"image": …, "label": …}}; {type(self.dataset).__name__} gives a '
                f"{type(batch).__name__}: name its parts in a dataset around it, or in collate"
            )
        if others := [name for name, x in batch.items() if not isinstance(x, Tensor | Ragged)]:
            raise ValueError(
                f"samples must have tensors and numbers; {others[0]!r} of {type(self.dataset).__name__} becomes a "
                f"{type(batch[others[0]]).__name__}: leave it out, or make numbers of it"
            )
        batch = {name: x.to(self.device) for name, x in batch.items()}
        if self.look is not None:
            self.look(batch)
        return batch

    def _collate(self, samples: list[Any]) -> Any:
        if not isinstance(samples[0], Mapping):
            return default_collate(samples)
        ragged = {name: Ragged.of([torch.as_tensor(sample[name]) for sample in samples]) for name in self.ragged}
        plain = [{name: x for name, x in sample.items() if name not in ragged} for sample in samples]
        return default_collate(plain) | ragged


def _takes_each_once(order: Any) -> bool:
    if isinstance(order, RandomSampler):
        return not order.replacement and order.num_samples == len(order.data_source)
    return isinstance(order, SequentialSampler)


def as_source(user: str, data: Any) -> Source:
    """``data`` if it is a `Source`, else a torch Dataset or DataLoader as one; ``user`` is for the message.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(data, Source):
        return data
    if isinstance(data, Dataset | DataLoader):
        return LazyData.of(data)
    raise ValueError(
        f"{user} needs its samples as a TensorData, or as a torch Dataset or DataLoader of dicts; got a "
        f'{type(data).__name__}: put its tensors into one, TensorData({{"image": …, …}})'
    )
