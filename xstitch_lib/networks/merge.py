"""How towers become one program: their torch.fx graphs, copied side by side and joined at the layers you name."""

import operator
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils._pytree import tree_map_only

from xstitch_lib.networks.named import Named
from xstitch_lib.networks.trace import trace


@dataclass(frozen=True)
class Mix:
    """A unit stands on the towers' values: what it returns takes the place of what the layers returned.

    Attributes:
        layers: task → layer.
        unit: where the network has the unit, dotted; it is called with a list of one value a task.
    """

    layers: Mapping[str, str]
    unit: str


@dataclass(frozen=True)
class Share:
    """One tower's values stand for all: what runs before the layers runs once, in the first tower.

    Attributes:
        layers: task → the first layer that is not shared.
    """

    layers: Mapping[str, str]


def merge(
    towers: Named,
    joints: Sequence[Mix | Share],
    training: bool,
    inputs: int = 1,
    example: Sequence[Any] | None = None,
) -> fx.Graph:
    """One graph ``inputs → {task: output}`` that calls every tower, joined at its layers.

    Each tower's nodes are copied up to the next joint; there its value is replaced in everything copied later. So a
    value that lives across a joint (a residual, a squeeze-excite gate) needs no special care, and what ran before is
    left alone.

    Args:
        towers: task → tower; the graph calls its layers as ``towers.<task>.<layer>``.
        joints: where and how; every tower runs them in one order.
        training: what ``self.training`` means in the towers' own forward.
        inputs: how many every tower takes.
        example: such inputs, see `trace`.

    Raises:
        ValueError: naming tower and layer, where a tower cannot be traced or its layers cannot be joined.
    """
    merged = fx.Graph()
    own = [merged.placeholder("x" if inputs == 1 else f"x{i}") for i in range(inputs)]
    copies, points = {}, {}
    for task, tower in towers.items():
        graph, nodes = trace(task, tower, [joint.layers[task] for joint in joints], training, inputs, example=example)
        copies[task] = _Copy(merged, f"towers.{towers.key(task)}", graph, own)
        points[task] = [nodes[joint.layers[task]] for joint in joints]
    for i in _order(joints, points):
        at = {task: points[task][i] for task in towers}
        if isinstance(joints[i], Share):
            _share(merged, copies, at)
        else:
            _mix(merged, copies, at, joints[i].unit)
    merged.output({task: copy.rest() for task, copy in copies.items()})
    return merged


def before(graphs: Mapping[str, fx.Graph], at: Mapping[str, fx.Node]) -> dict[str, list[fx.Node]]:
    """Task → what runs before the node ``at``, inputs included; the same program in every tower.

    Raises:
        ValueError: naming the tower and where it differs from the first.
    """
    nodes = {task: list(graph.nodes) for task, graph in graphs.items()}
    until = {task: nodes[task][: nodes[task].index(at[task]) + 1] for task in graphs}
    (first, expected), *others = until.items()
    for task, found in others:
        for one, other in zip(_described(expected), _described(found), strict=False):
            if one != other:
                raise ValueError(
                    f"tower {task!r} begins otherwise than tower {first!r}, whose layers are to be shared: it runs "
                    f"{_told(other)} where that runs {_told(one)}"
                )
    return {task: found[:-1] for task, found in until.items()}


class _Copy:
    """A tower's graph on its way into the merged one."""

    def __init__(self, merged: fx.Graph, path: str, graph: fx.Graph, inputs: Sequence[fx.Node]):
        self.merged, self.path, self.graph = merged, path, graph
        placeholder, *nodes = graph.nodes
        self.values = {placeholder: tuple(inputs), **dict(zip(nodes, inputs, strict=False))}
        self.waiting = deque([node for node in graph.nodes if node not in self.values])

    def until(self, last: fx.Node) -> None:
        """Copy what has not been yet, up to ``last`` and with it."""
        while last not in self.values:
            node = self.waiting.popleft()
            copied = self.values[node] = self.merged.node_copy(node, self.values.__getitem__)
            if node.op in ("call_module", "get_attr"):
                copied.target = self.path + node.target.removeprefix("tower")

    def rest(self) -> Any:
        """Copy all that is left; the tower's output."""
        *_, output = self.graph.nodes
        while self.waiting[0] is not output:
            self.until(self.waiting[0])
        return fx.node.map_arg(output.args[0], self.values.__getitem__)


def _mix(merged: fx.Graph, copies: Mapping[str, _Copy], after: Mapping[str, fx.Node], unit: str) -> None:
    for task, copy in copies.items():
        copy.until(after[task])
    mixed = merged.call_module(unit, ([copy.values[after[task]] for task, copy in copies.items()],))
    for i, (task, copy) in enumerate(copies.items()):
        copy.values[after[task]] = merged.call_function(operator.getitem, (mixed, i))


def _share(merged: fx.Graph, copies: Mapping[str, _Copy], at: Mapping[str, fx.Node]) -> None:
    shared = before({task: copy.graph for task, copy in copies.items()}, at)
    first = next(iter(copies))
    for node in shared[first]:
        copies[first].until(node)
    values = [copies[first].values[node] for node in shared[first]]
    for task, copy in copies.items():
        copy.values.update(zip(shared[task], values, strict=True))
        copy.waiting = deque([node for node in copy.waiting if node not in copy.values])
        within = set(shared[task])
        for node in shared[task]:
            if node.op not in ("placeholder", "get_attr") and not all([user in within for user in node.users]):
                copy.values[node] = merged.call_function(own_copy, (copy.values[node],))


def own_copy(value: Any) -> Any:
    """A task's own copy of a shared value: the first of its own layers may work in place."""
    return tree_map_only(Tensor, torch.clone, value)


def _order(joints: Sequence[Mix | Share], points: Mapping[str, Sequence[fx.Node]]) -> list[int]:
    orders = {}
    for task, nodes in points.items():
        names = {}
        for i, node in enumerate(nodes):
            if node in names:
                one, other = [joints[j].layers[task] for j in (names[node], i)]
                raise ValueError(f"layers {one!r} and {other!r} of tower {task!r} end in the same place: keep one")
            names[node] = i
        graph = nodes[0].graph
        orders[task] = [names[node] for node in graph.nodes if node in names]
    first = next(iter(orders.values()))
    if any([order != first for order in orders.values()]):
        found = "; ".join(
            [f"{task!r} runs {', '.join([joints[i].layers[task] for i in order])}" for task, order in orders.items()]
        )
        raise ValueError(f"every tower must run the joined layers in one order; tower {found}")
    return first


def _described(nodes: Sequence[fx.Node]) -> list[tuple]:
    """Each node as what it does to which of those before it."""
    places = {node: ("node", i) for i, node in enumerate(nodes)}
    return [
        (node.op, node.target, fx.node.map_arg(node.args, places.get), fx.node.map_arg(node.kwargs, places.get))
        for node in nodes
    ]


def _told(described: tuple) -> str:
    op, target, args, _ = described
    if op in ("call_module", "get_attr"):
        return repr(target.removeprefix("tower."))
    name = getattr(target, "__name__", target)
    return f"{name}{tuple([arg for arg in args if not (isinstance(arg, tuple) and arg[:1] == ('node',))])}"
