"""Modules under any name, dots and Python's own words included."""

import difflib
import keyword
from collections.abc import Iterable, Iterator, Mapping

from torch import nn


class Named(nn.ModuleDict):
    """An nn.ModuleDict that takes every name; those the module tree refuses are stored under a near one.

    >>> units = Named({"layer1.0": nn.ReLU(), "class": nn.Tanh()})
    >>> units["layer1.0"], list(units)
    (ReLU(), ['layer1.0', 'class'])
    >>> units.key("layer1.0"), units.key("class")
    ('layer1/0', 'class_')
    """

    def __init__(self, modules: Mapping[str, nn.Module]):
        super().__init__()
        self._names: dict[str, str] = {}
        self.update(modules)

    def key(self, name: str) -> str:
        """The name in the module tree and in ``state_dict``."""
        key = name.replace(".", "/")
        taken = keyword.iskeyword(key) or (hasattr(self, key) and key not in self._modules)
        return key + "_" if taken else key

    def __getitem__(self, name: str) -> nn.Module:
        if name not in self._names:
            raise KeyError(f"there is no {name!r}{did_you_mean(name, self._names)}")
        return super().__getitem__(self._names[name])

    def __setitem__(self, name: str, module: nn.Module) -> None:
        key = self.key(name)
        for other, taken in self._names.items():
            if taken == key and other != name:
                raise ValueError(
                    f"the names {other!r} and {name!r} would both be stored as {key!r}: rename one of them"
                )
        self._names[name] = key
        super().__setitem__(key, module)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(self._names.pop(name))

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def keys(self):
        return self._names.keys()

    def items(self) -> list[tuple[str, nn.Module]]:
        return [(name, self[name]) for name in self]


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: those that look like it, or some that exist.

    >>> did_you_mean("pool3", ["conv1", "pool1", "pool2"])
    '; did you mean one of pool2, pool1?'
    """
    names = list(names)
    near = difflib.get_close_matches(name, names, n=4, cutoff=0.6) or names[:8]
    return f"; did you mean one of {', '.join(near)}?"
