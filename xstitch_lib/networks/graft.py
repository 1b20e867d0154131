"""A network with other parts in some places."""

import copy
from collections.abc import Mapping
from typing import Any

from torch import nn

SLOTS = ("_parameters", "_buffers", "_modules")


def graft(net: nn.Module, parts: Mapping[Any, Any]) -> nn.Module:
    """``net`` with other modules, parameters or buffers in the place of some of its own, wherever these stand.

    Args:
        parts: its own part → the other. Of ``net`` nothing changes: modules around a part are copied, with their
            other parts the very same objects.

    >>> net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    >>> other = graft(net, {net[1]: nn.Tanh()})
    >>> other[1], net[1], other[0] is net[0]
    (Tanh(), ReLU(), True)
    """
    return _grafted(net, {id(part): other for part, other in parts.items()}, {})


def _grafted(module: nn.Module, parts: Mapping[int, Any], done: dict[int, nn.Module]) -> nn.Module:
    if id(module) in parts:
        return parts[id(module)]
    if id(module) not in done:
        old = {slot: vars(module)[slot] for slot in SLOTS}
        new = {slot: {name: parts.get(id(part), part) for name, part in old[slot].items()} for slot in SLOTS[:2]}
        children = old["_modules"].items()
        new["_modules"] = {name: None if child is None else _grafted(child, parts, done) for name, child in children}
        if all([new[slot][name] is part for slot in SLOTS for name, part in old[slot].items()]):
            done[id(module)] = module
        else:
            done[id(module)] = copy.copy(module)
            vars(done[id(module)]).update(new)
    return done[id(module)]
