"""How towers become one program: their torch.fx graphs, copied side by side and joined at the stitched layers."""

import operator
import random
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from xstitch_lib.networks.named import Named
from xstitch_lib.networks.probe import untouched


def merge(towers: Named, units: Named, training: bool, inputs: int = 1) -> fx.Graph:
    """One graph ``inputs → {task: output}`` that calls every tower, with a unit after each stitched layer.

    Each tower's nodes are copied up to the next stitched layer, then its unit's output takes the place of the
    layer's in everything copied later. So a value that lives across a stitch point (a residual, a
    squeeze-excite gate) needs no special care, and what ran before the unit is left alone.

    Args:
        towers: task → tower; the graph calls its layers as ``towers.<task>.<layer>``.
        units: layer name → the unit that stands after it, called as ``units.<layer>``.
        training: what ``self.training`` means in the towers' own forward.
        inputs: how many every tower takes.

    Raises:
        ValueError: naming tower and layer, where a tower cannot be traced or its layers cannot be stitched.
    """
    graphs, points = {}, {}
    for task, tower in towers.items():
        graphs[task], points[task] = _trace(task, tower, list(units), training, inputs)
    merged = fx.Graph()
    own = [merged.placeholder("x" if inputs == 1 else f"x{i}") for i in range(inputs)]
    values = {task: _given(graph, own) for task, graph in graphs.items()}
    rest = {task: iter([node for node in graph.nodes if node not in values[task]]) for task, graph in graphs.items()}

    for name in _order(graphs, points):
        for task in towers:
            _copy(merged, towers.key(task), rest[task], values[task], until=points[task][name])
        mixed = merged.call_module(f"units.{units.key(name)}", ([values[task][points[task][name]] for task in towers],))
        for i, task in enumerate(towers):
            values[task][points[task][name]] = merged.call_function(operator.getitem, (mixed, i))
    merged.output({task: _copy(merged, towers.key(task), rest[task], values[task]) for task in towers})
    return merged


def _given(graph: fx.Graph, inputs: list[fx.Node]) -> dict[fx.Node, Any]:
    """What a tower's graph starts from: its one placeholder stands for all inputs, its next nodes take them out."""
    placeholder, *nodes = graph.nodes
    return {placeholder: tuple(inputs), **dict(zip(nodes, inputs, strict=False))}


def _copy(merged: fx.Graph, tower: str, rest: Iterator[fx.Node], values: dict, until: fx.Node | None = None) -> Any:
    for node in rest:
        if node.op == "output":
            return fx.node.map_arg(node.args[0], values.__getitem__)
        values[node] = merged.node_copy(node, values.__getitem__)
        if node.op in ("call_module", "get_attr"):
            values[node].target = f"towers.{tower}" + node.target.removeprefix("tower")
        if node is until:
            return None


def _order(graphs: Mapping[str, fx.Graph], points: Mapping[str, Mapping[str, fx.Node]]) -> list[str]:
    orders = {}
    for task, graph in graphs.items():
        names = {}
        for name, node in points[task].items():
            if node in names:
                raise ValueError(
                    f"layers {names[node]!r} and {name!r} of tower {task!r} end in the same place: keep one of them"
                )
            names[node] = name
        orders[task] = [names[node] for node in graph.nodes if node in names]
    first = next(iter(orders.values()))
    if any([order != first for order in orders.values()]):
        found = "; ".join([f"{task!r} runs {', '.join(order)}" for task, order in orders.items()])
        raise ValueError(f"every tower must run the stitched layers in one order; tower {found}")
    return first


def only_output(task: str, name: str, outputs: list, kind: type) -> Any:
    """The one value that layer ``name`` returned in one pass, which must be one ``kind``."""
    if len(outputs) != 1:
        raise ValueError(
            f"layer {name!r} of tower {task!r} runs {len(outputs)} times in one pass; a unit stands after a layer that "
            "runs once as a module of its own: choose the block around it, or another layer"
        )
    if not isinstance(outputs[0], kind):
        raise ValueError(
            f"layer {name!r} of tower {task!r} returns a {type(outputs[0]).__name__}, not one tensor: choose a layer "
            "inside it or after it, or put an nn.Identity behind it in the tower's forward and name that"
        )
    return outputs[0]


class _Tracer(fx.Tracer):
    """Opens the modules that hold a stitched layer and no others.

    All other modules stay calls of themselves. So dropout, batch norm, stochastic depth and whatever else asks for
    its own ``training`` flag keep asking, and only the opened modules have to be traceable.
    """

    proxy_buffer_attributes = True

    def __init__(self, tower: nn.Module, after: list[str]):
        super().__init__()
        parts = [name.split(".") for name in after]
        self.opened = {tower.get_submodule(".".join(path[:i])) for path in parts for i in range(len(path))}
        self.outputs: dict[nn.Module, list] = {tower.get_submodule(name): [] for name in after}
        self.surroundings = _surroundings()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return m not in self.opened

    def call_module(self, m: nn.Module, *args, **kwargs) -> Any:
        output = super().call_module(m, *args, **kwargs)
        if m in self.outputs:
            self.outputs[m].append(output)
        return output

    def create_node(self, *args, **kwargs) -> fx.Node:
        if _surroundings() != self.surroundings:
            raise ValueError("it switches gradients or autocast on or off, which a trace forgets")
        return super().create_node(*args, **kwargs)


def _surroundings() -> tuple[bool, ...]:
    return torch.is_grad_enabled(), torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled("cuda")


class _Inputs(nn.Module):
    """Gives a tower so many inputs, optional further ones their defaults, and keeps off it what a tracer leaves."""

    def __init__(self, tower: nn.Module, count: int):
        super().__init__()
        self.tower, self.count = tower, count

    def forward(self, inputs):
        return self.tower(*[inputs[i] for i in range(self.count)])


def _trace(
    task: str, tower: nn.Module, after: list[str], training: bool, inputs: int
) -> tuple[fx.Graph, dict[str, fx.Node]]:
    with torch.enable_grad(), untouched(tower, training):
        tracer, rngs = _Tracer(tower, after), _rngs()
        try:
            with _stateless(tracer.opened):
                graph = tracer.trace(_Inputs(tower, inputs))
            if _rngs() != rngs:
                raise ValueError("it draws a random number, which a trace freezes: use torch.rand_like or F.dropout")
            if any([node.op == "get_attr" and not node.target.startswith("tower.") for node in graph.nodes]):
                raise ValueError("it makes a tensor, which a trace freezes: register it as a buffer")
        except Exception as error:
            opened = ", ".join(sorted({type(module).__name__ for module in tracer.opened}))
            raise ValueError(
                f"tower {task!r} ({type(tower).__name__}) cannot be stitched after {', '.join(after)}: torch.fx cannot "
                f"trace the forward of a module around these layers ({opened}): {error}{_line(error)}. Such a forward "
                "must do the same for every input: move code that does not into a child module without a stitched layer"
            ) from error
    return graph, {
        name: only_output(task, name, tracer.outputs[tower.get_submodule(name)], fx.Proxy).node for name in after
    }


def _rngs() -> tuple[Any, ...]:
    """Those on the CPU."""
    _, keys, *place = np.random.get_state()
    return random.getstate(), keys.tobytes(), place, torch.get_rng_state().numpy().tobytes()


def _line(error: Exception) -> str:
    """Where in the user's own code the error arose: the last line that is neither torch's nor this library's."""
    others = (str(Path(torch.__file__).parent), str(Path(__file__).parent), "<")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(others)]
    frames = [f for f in frames if "contextlib" not in f.filename]
    return f", at {Path(frames[-1].filename).name}:{frames[-1].lineno}: {frames[-1].line}" if frames else ""


@contextmanager
def _stateless(modules: set[nn.Module]) -> Iterator[None]:
    """Raise if a forward leaves anything on its module, and take it off again."""
    before = [(attributes, dict(attributes)) for module in modules for attributes in (vars(module), module._buffers)]
    changed = set()
    try:
        yield
    finally:
        for now, then in before:
            changed |= {name for name, value in now.items() if name not in then or then[name] is not value}
            now.clear()
            now.update(then)
    if changed:
        raise ValueError(f"it sets {', '.join(sorted(changed))} on itself, which a trace does only once")
