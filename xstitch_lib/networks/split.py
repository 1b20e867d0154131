"""Split networks: shared first layers, then one branch a task; what the paper compares stitching with (section 3.1)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import fx, nn

from xstitch_lib.networks.answers import outline
from xstitch_lib.networks.factory import TowerFactory, make_towers
from xstitch_lib.networks.graft import graft
from xstitch_lib.networks.joined import Joined
from xstitch_lib.networks.merge import Share, before
from xstitch_lib.networks.named import Named, did_you_mean
from xstitch_lib.networks.probe import inputs_for
from xstitch_lib.networks.trace import trace


def split(tower_factory: TowerFactory, tasks: Iterable[str], at: str, example: Any = None) -> "Split":
    """Share one tower's layers up to the one before ``at``; from ``at`` on every task has its own.

    Args:
        tower_factory: task name → that task's tower, any network that torch.fx follows around ``at``; called once a
            task, in order. What is shared is the first task's, the other towers give the rest only and stay
            themselves. A tower of several inputs, ``forward(self, image, boxes)``, makes a net of as many; parameters
            with a default keep it.
        tasks: T ≥ 2 names.
        at: the first layer that is not shared, as in ``tower.named_modules()``, dots included; at the last layer all
            but the heads is shared. All that runs before it is shared, be it a layer or not: a value that a task's own
            layers read again later (a residual) too.
        example: needed only where the towers' own code asks for sizes or kinds: one batch, or its shape, or of several
            inputs a tuple, as for `stitch`.

    Raises:
        ValueError: for fewer than two tasks, a name given twice, an unknown layer or one that runs twice, the first
            layer (nothing would be shared), towers that begin differently, or that torch.fx cannot follow.

    >>> from xstitch_lib.networks.towers import fashion_cnn
    >>> outputs = {"article": 10, "group": 3}
    >>> net = split(lambda task: fashion_cnn(outputs[task], width=8), outputs, at="fc3")
    >>> list(net.trunk)
    ['conv1', 'pool1', 'conv2', 'pool2', 'flatten']

    Source: section 3.1 and figure 2.
    """
    towers, inputs = make_towers(tower_factory, tasks, "split")
    for task, tower in towers.items():
        names = [name for name, _ in tower.named_modules(remove_duplicate=False) if name]
        if at not in names:
            raise ValueError(f"tower {task!r} has no layer {at!r} to split at{did_you_mean(at, names)}")
    given = None
    if example is not None:
        given = outline(inputs_for(next(iter(towers.values())), example))
        inputs = len(given)
    return Split(_with_one_beginning(towers, at, inputs, given), at, inputs, given)


class Split(Joined):
    """Towers that run their first layers once; made by `split`.

    Attributes:
        towers: task → its complete network. The shared modules and parameters are the same objects in all of them.
        at: the first layer that each has for itself.
        trunk: layer name → the shared layers, in the order they run.
        branches: task → layer name → its own layers.

    See `Joined` for the rest.
    """

    def __init__(self, towers: Mapping[str, nn.Module], at: str, inputs: int = 1, example: Sequence[Any] | None = None):
        super().__init__(towers, inputs, example)
        self.at = at
        self._write_programs()

    def joints(self) -> list[Share]:
        return [Share(dict.fromkeys(self.towers, self.at))]

    @property
    def trunk(self) -> Named:
        return self._layers()[0]

    @property
    def branches(self) -> dict[str, Named]:
        return self._layers()[1]

    def _layers(self) -> tuple[Named, dict[str, Named]]:
        graphs, points = _traced(self.towers, self.at, self.inputs, False, self.example)
        shared = before(graphs, points)
        called = {
            task: Named({_name(node): self.towers[task].get_submodule(_name(node)) for node in _calls(graph.nodes)})
            for task, graph in graphs.items()
        }
        first = next(iter(graphs))
        names = {task: [_name(node) for node in _calls(shared[task])] for task in graphs}
        trunk = Named({name: called[first][name] for name in names[first]})
        branches = {
            task: Named({name: layer for name, layer in layers.items() if name not in names[task]})
            for task, layers in called.items()
        }
        return trunk, branches


def _with_one_beginning(
    towers: Mapping[str, nn.Module], at: str, inputs: int, example: Sequence[Any] | None
) -> dict[str, nn.Module]:
    """The towers, the first one's parts before ``at`` in all of them."""
    first, *others = towers
    parts: dict[str, dict[Any, Any]] = {task: {} for task in others}
    for training in (False, True):  # what runs may differ
        graphs, points = _traced(towers, at, inputs, training, example)
        shared = before(graphs, points)
        if not [node for node in shared[first] if node.op in ("call_module", "get_attr")]:
            later = [_name(node) for node in _calls(graphs[first].nodes) if _name(node) != at]
            raise ValueError(
                f"a split at {at!r}, the first layer, shares nothing: split at one of {', '.join(later[:12])}"
            )
        for task in others:
            for ours, theirs in zip(shared[first], shared[task], strict=True):
                if ours.op in ("call_module", "get_attr"):
                    parts[task][_part(towers[task], theirs)] = _part(towers[first], ours)
    return {first: towers[first]} | {task: graft(towers[task], parts[task]) for task in others}


def _traced(
    towers: Mapping[str, nn.Module], at: str, inputs: int, training: bool, example: Sequence[Any] | None
) -> tuple[dict[str, fx.Graph], dict[str, fx.Node]]:
    traced = {task: trace(task, tower, [at], training, inputs, example=example) for task, tower in towers.items()}
    return {task: graph for task, (graph, _) in traced.items()}, {
        task: nodes[at] for task, (_, nodes) in traced.items()
    }


def _calls(nodes: Iterable[fx.Node]) -> list[fx.Node]:
    return [node for node in nodes if node.op == "call_module"]


def _name(node: fx.Node) -> str:
    return node.target.removeprefix("tower.")


def _part(tower: nn.Module, node: fx.Node) -> Any:
    """The module, parameter or buffer that a node names."""
    owner, _, name = _name(node).rpartition(".")
    return getattr(tower.get_submodule(owner), name)
