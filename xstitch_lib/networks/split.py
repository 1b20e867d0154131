"""Split networks: a shared trunk, then one branch a task; what the paper compares stitching with (section 3.1)."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from torch import nn

from xstitch_lib.networks.factory import TowerFactory, make_towers
from xstitch_lib.networks.named import Named, did_you_mean


def split(tower_factory: TowerFactory, tasks: Iterable[str], at: str) -> "Split":
    """Share one tower's layers up to the one before ``at``; from ``at`` on every task has its own.

    Args:
        tower_factory: task name → that task's tower, an nn.Sequential with named layers; called once a task, in
            order. The trunk is the first task's, the other towers give their branches only.
        tasks: T ≥ 2 names.
        at: the first layer that is not shared; at the last layer all but the heads is shared.

    Raises:
        ValueError: for fewer than two tasks, a name given twice, a tower that is no nn.Sequential, an unknown
            layer, the first layer (nothing would be shared), or towers whose shared layers have different names.

    >>> from xstitch_lib.networks.towers import fashion_cnn
    >>> outputs = {"article": 10, "group": 3}
    >>> net = split(lambda task: fashion_cnn(outputs[task], width=8), outputs, at="fc3")
    >>> list(dict(net.trunk.named_children()))
    ['conv1', 'pool1', 'conv2', 'pool2', 'flatten']

    Source: section 3.1 and figure 2.
    """
    towers = make_towers(tower_factory, tasks, "split")
    layers = {task: _layers(task, tower, at) for task, tower in towers.items()}
    tasks = list(towers)
    start = list(layers[tasks[0]]).index(at)
    trunk = list(layers[tasks[0]].items())[:start]
    shared = [name for name, _ in trunk]
    for task, named in layers.items():
        if list(named)[: list(named).index(at)] != shared:
            found = ", ".join(list(named)[: list(named).index(at)])
            raise ValueError(f"tower {task!r} begins with {found}, the trunk is {', '.join(shared)}")
    branches = {task: nn.Sequential(OrderedDict(list(named.items())[start:])) for task, named in layers.items()}
    return Split(nn.Sequential(OrderedDict(trunk)), branches)


def _layers(task: str, tower: nn.Sequential, at: str) -> dict[str, nn.Module]:
    layers = dict(tower._modules)  # named_children() would leave out a module's second use
    if at not in layers:
        raise ValueError(f"tower {task!r} has no layer {at!r} to split at{did_you_mean(at, layers)}")
    if next(iter(layers)) == at:
        later = ", ".join(list(layers)[1:])
        raise ValueError(f"a split at {at!r}, the first layer, shares nothing: split at one of {later}")
    return layers


class Split(nn.Module):
    """One trunk, then one branch a task; made by `split`.

    Attributes:
        trunk: the shared layers, an nn.Sequential.
        branches: task → its own layers, an nn.Sequential.

    Shape:
        what the trunk takes → ``{task: what that branch returns}``.
    """

    def __init__(self, trunk: nn.Module, branches: dict[str, nn.Module]):
        super().__init__()
        self.trunk, self.branches = trunk, Named(branches)

    def forward(self, x) -> dict[str, Any]:
        shared = self.trunk(x)
        # a copy each: a branch may begin with an in-place layer
        return {task: branch(shared.clone()) for task, branch in self.branches.items()}
