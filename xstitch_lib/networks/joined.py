"""Several towers as one network: what stitched, split and MTL-shared networks have in common."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from xstitch_lib.networks.answers import outline
from xstitch_lib.networks.merge import Mix, Share, merge
from xstitch_lib.networks.named import Named
from xstitch_lib.networks.trace import CHECKPOINTED

LEFT_OUT = {
    "hooks": ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"),
    "gradient checkpointing": ("gradient_checkpointing", "grad_checkpointing"),  # Hugging Face's, timm's
}


class Joined(nn.Module):
    """Towers that run as one program; a subclass says where they are joined.

    Attributes:
        towers: task → tower. Layers are looked up at every call, so one may be replaced.
        inputs: how many the net and every tower take, by position.
        out: which part of what the towers return is the output, a key, an attribute or a place; None, all of it.
        example: such inputs, without their values; it answers what the towers' own code asks of sizes and kinds.

    Shape:
        what a tower takes → ``{task: what that tower returns}``, or of that the part called ``out``.

    A copy, a pickle and a checkpoint work as for any module.

    In the modules around a joined layer (the tower's own forward, for one) ``self.training`` means the net's flag,
    ``net.train()`` and ``net.eval()``; all other modules ask for their own. Those modules' gradient checkpointing does
    not run, nor do their hooks, which a warning says once; numbers, flags and the list of layers that they read from
    themselves are those at joining, so after changing one join again.
    """

    modes = (False, True)  # of training, that there are programs for
    inputs, example, out = 1, None, None  # of nets pickled before there could be more
    _counted = ", as many as its towers' forward requires"

    def __init__(self, towers: Mapping[str, nn.Module], inputs: int = 1, example: Sequence[Any] | None = None):
        super().__init__()
        self.towers, self.inputs = Named(towers), inputs
        self.example = None if example is None else outline(example)
        self._warned: set[tuple[str, str]] = set()
        self.training = any([tower.training for tower in towers.values()])

    def joints(self) -> Sequence[Mix | Share]:
        """Where the towers are joined; see `merge`."""
        raise NotImplementedError(f"{type(self).__name__} must say where its towers are joined")

    def forward(self, x, *more) -> dict[str, Any]:
        if 1 + len(more) != self.inputs:
            raise ValueError(f"this net takes {self.inputs} inputs{self._counted}; got {1 + len(more)}")
        if not torch.compiler.is_compiling():
            self._warn()
        found = self._programs[self.training](self, x, *more)
        return found if self.out is None else {task: chosen(y, self.out) for task, y in found.items()}

    def _warn(self) -> None:
        """Name, once, each opened module that has what does not run."""
        if self._forgets and ("", CHECKPOINTED) not in self._warned:
            self._warned.add(("", CHECKPOINTED))
            warnings.warn(
                "a tower's own forward uses torch.utils.checkpoint, which does not run in a joined net: checkpoint "
                "inside a child module without a joined layer",
                stacklevel=3,
            )
        for task, name, module in self._opened():
            has = [kind for kind, names in LEFT_OUT.items() if any([getattr(module, one, None) for one in names])]
            if has and (task, name) not in self._warned:
                self._warned.add((task, name))
                where = f"module {name!r} of tower {task!r}" if name else f"tower {task!r}"
                warnings.warn(
                    f"{where} has {' and '.join(has)}, which do not run: the net calls the modules in it, for "
                    "joined layers are among them; use a module without any",
                    stacklevel=3,
                )

    def _opened(self) -> Iterator[tuple[str, str, nn.Module]]:
        for task, tower in self.towers.items():
            paths = [joint.layers[task].split(".")[:-1] for joint in self.joints()]
            for name in sorted({".".join(path[:i]) for path in paths for i in range(len(path) + 1)}):
                yield task, name, tower.get_submodule(name)

    def program(self) -> str:
        """The forward pass that joining wrote, in eval mode, as Python source."""
        return self._graph(training=False).python_code("self").src.strip()

    def _graph(self, training: bool) -> fx.Graph:
        return merge(self.towers, self.joints(), training, self.inputs, self.example)

    def _write_programs(self) -> None:
        graphs = {training: self._graph(training) for training in self.modes}
        self._forgets = any([node.meta.get(CHECKPOINTED) for graph in graphs.values() for node in graph.nodes])
        # plain functions of this module, so that parameters and state are in one place only
        self._programs = {training: fx.GraphModule(self, graph).forward.__func__ for training, graph in graphs.items()}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name not in ("_programs", "_forgets")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._warned = set()
        super().__setstate__(state)
        self._write_programs()


def chosen(output: Any, out: str | int) -> Any:
    """The part of a tower's output with this key, attribute or place.

    A tensor is whole: torchvision's GoogLeNet returns parts in training mode alone.
    """
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping) or not isinstance(out, str):
        return output[out]
    part = getattr(output, out)
    if callable(part):  # a method, as the "count" of every tuple
        raise AttributeError(out)
    return part
