"""A tower as a torch.fx graph, in which only the modules around the joined layers are opened."""

import inspect
import random
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.utils.checkpoint
from torch import fx, nn

from xstitch_lib.networks.answers import Answers, AskingTracer, line
from xstitch_lib.networks.probe import around, check_open, untouched

CHECKPOINTED = "checkpointed"  # in the meta of a node that torch.utils.checkpoint ran
checkpoint_file = torch.utils.checkpoint.__file__
MAKES_A_TENSOR = re.compile(r"\b(torch|np|numpy)\.\w+\(")


def trace(
    task: str,
    tower: nn.Module,
    layers: Sequence[str],
    training: bool = False,
    inputs: int = 1,
    opened: Sequence[str] | None = None,
    example: Sequence[Any] | None = None,
) -> tuple[fx.Graph, dict[str, fx.Node]]:
    """The tower's graph, and the node of each of ``layers`` in it.

    Its one placeholder stands for all inputs, the ``inputs`` nodes after it take them out; a layer is called
    "tower.<name>".

    Args:
        task: what the tower is called in messages.
        layers: names of modules that run once and return one value.
        training: what ``self.training`` means in the opened modules.
        inputs: how many the tower takes, by position.
        opened: names of the modules that are not left whole, "" the tower's own; by default those around ``layers``.
        example: such inputs, as `outline` keeps them; what the opened modules ask of sizes and kinds is then answered,
            and the answers are checked in the graph.

    Raises:
        ValueError: naming the tower, the layer and the line, where torch.fx cannot follow.
    """
    by_layers = opened is None
    opened = around(layers) if opened is None else opened
    check_open(task, tower, opened)
    with torch.enable_grad(), untouched(tower, training):
        root = _Inputs(tower, inputs)
        tracer, rngs = _Tracer(root, layers, opened, example), _rngs()
        try:
            with _stateless(tracer.opened), tracer.without_autocast():
                graph = tracer.trace(root)
            if _rngs() != rngs:
                raise ValueError("it draws a random number, which a trace freezes: use torch.rand_like or F.dropout")
            if any([node.op == "get_attr" and not node.target.startswith("tower.") for node in graph.nodes]):
                raise ValueError("it makes a tensor, which a trace freezes: register it as a buffer")
        except Exception as error:
            if _takes_lists(tower):
                raise ValueError(
                    f"tower {task!r} ({type(tower).__name__}) takes a list of pictures, as detectors do, and a joined "
                    f"net one batch{line(traceback.extract_tb(error.__traceback__))}: join its backbone, or take "
                    "towers of xs.towers such as small_fast_rcnn"
                ) from error
            kinds = ", ".join(sorted({type(module).__name__ for module in tracer.opened}))
            at, these = (f"at {', '.join(layers)}", "a joined layer") if by_layers else ("before its head", "the head")
            raise ValueError(
                f"tower {task!r} ({type(tower).__name__}) cannot be joined {at}: torch.fx cannot trace the forward of "
                f"a module around there ({kinds}): {error}{line(traceback.extract_tb(error.__traceback__))}. "
                f"{advice(error, these)}"
            ) from error
    return graph, {
        name: only_output(task, name, tracer.outputs[tower.get_submodule(name)], fx.Proxy).node for name in layers
    }


def _takes_lists(tower: nn.Module) -> bool:
    """Whether the first input of a tower is declared to be a list."""
    first = next(iter(inspect.signature(tower.forward).parameters.values()), None)
    return first is not None and str(first.annotation).lower().removeprefix("typing.").startswith("list")


def only_output(task: str, name: str, outputs: list, kind: type) -> Any:
    """The one value that layer ``name`` returned in one pass, which must be one ``kind``."""
    if len(outputs) != 1:
        raise ValueError(
            f"layer {name!r} of tower {task!r} runs {len(outputs)} times in one pass; towers are joined at a layer "
            "that runs once as a module of its own: choose the block around it, or another layer"
        )
    if not isinstance(outputs[0], kind):
        raise ValueError(
            f"layer {name!r} of tower {task!r} returns a {type(outputs[0]).__name__}, not one tensor: choose a layer "
            "inside it or after it, or put an nn.Identity behind it in the tower's forward and name that"
        )
    return outputs[0]


def advice(error: Exception, these: str) -> str:
    """What helps against what torch.fx cannot follow."""
    frames = traceback.extract_tb(error.__traceback__)
    foreign = [f for f in frames if "-packages" in f.filename]  # site- or, on Debian, dist-
    ours = tuple([f"{place}/" for place in (Path(torch.__file__).parent, Path(__file__).parents[1])])
    foreign = [f for f in foreign if not f.filename.startswith(ours)]
    said, makes = (
        str(error),
        (isinstance(error, TypeError) or "__array" in str(error)) and MAKES_A_TENSOR.search(line(frames)),
    )
    if makes or ("must be" in said and "Proxy" in said) or "makes a tensor" in said:
        return (
            "A tensor made from sizes is made by one that is there, as y.new_zeros(b, c), or in a child module without "
            f"{these}, or is a buffer; of numbers as np.sqrt takes them, math has the like"
        )
    where = "a child module" + (" of a subclass of it, for it is in an installed library," if foreign else "")
    return f"Such a forward must do the same for every input: move code that does not into {where} without {these}"


class _Tracer(AskingTracer):
    """Opens the modules that hold a joined layer and no others.

    All other modules stay calls of themselves. So dropout, batch norm, stochastic depth and whatever else asks for
    its own ``training`` flag keep asking, and only the opened modules have to be traceable.
    """

    proxy_buffer_attributes = True

    def __init__(
        self,
        root: "_Inputs",
        layers: Sequence[str],
        opened: Sequence[str],
        example: Sequence[Any] | None,
    ):
        super().__init__(type(root.tower).__name__, Answers(root, example))
        tower = root.tower
        self.opened = {tower.get_submodule(name) for name in opened}
        self.outputs: dict[nn.Module, list] = {tower.get_submodule(name): [] for name in layers}
        self.surroundings = _surroundings()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return m not in self.opened

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        return attr_val if self.answers.busy else super().getattr(attr, attr_val, parameter_proxy_cache)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        if self.answers.busy:
            return forward(*args, **kwargs)
        output = super().call_module(m, forward, args, kwargs)
        if m in self.outputs:
            self.outputs[m].append(output)
        return output

    def create_node(self, *args, **kwargs) -> fx.Node:
        if _surroundings() != self.surroundings:
            raise ValueError("it switches gradients or autocast on or off, which a trace forgets")
        node = super().create_node(*args, **kwargs)
        if _within(checkpoint_file):
            node.meta[CHECKPOINTED] = True
        return node

    @contextmanager
    def without_autocast(self) -> Iterator[None]:
        """Raise where an opened forward switches autocast on or off; it may be off already, and stay so."""
        entered, tracing = torch.autocast.__enter__, threading.get_ident()

        def enter(region):
            if threading.get_ident() == tracing and not self.answers.busy:
                raise ValueError("it switches autocast on or off, which a trace forgets")
            return entered(region)

        torch.autocast.__enter__ = enter
        try:
            yield
        finally:
            torch.autocast.__enter__ = entered


def _surroundings() -> tuple[bool, ...]:
    return torch.is_grad_enabled(), torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled("cuda")


def _within(file: str) -> bool:
    """Whether a function of this file is running."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename != file:
        frame = frame.f_back
    return frame is not None


class _Inputs(nn.Module):
    """Gives a tower so many inputs, optional further ones their defaults, and keeps off it what a tracer leaves."""

    def __init__(self, tower: nn.Module, count: int):
        super().__init__()
        self.tower, self.count = tower, count

    def forward(self, inputs):
        return self.tower(*[inputs[i] for i in range(self.count)])


def _rngs() -> tuple[Any, ...]:
    """Those on the CPU."""
    _, keys, *place = np.random.get_state()
    return random.getstate(), keys.tobytes(), place, torch.get_rng_state().numpy().tobytes()


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
