"""Modules under any name, dots and Python's own words included."""

import keyword
from collections.abc import Iterator, Mapping

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
        return super().__getitem__(self._names[name])

    def __setitem__(self, name: str, module: nn.Module) -> None:
        self._names[name] = self.key(name)
        super().__setitem__(self._names[name], module)

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
