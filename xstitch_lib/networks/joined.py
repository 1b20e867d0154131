"""Several towers as one network: what stitched, split and MTL-shared networks have in common."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import fx, nn

from xstitch_lib.networks.answers import outline
from xstitch_lib.networks.merge import Mix, Share, merge
from xstitch_lib.networks.named import Named


class Joined(nn.Module):
    """Towers that run as one program; a subclass says where they are joined.

    Attributes:
        towers: task → tower. Layers are looked up at every call, so one may be replaced.
        inputs: how many the net and every tower take, by position.
        example: such inputs, without their values; it answers what the towers' own code asks of sizes and kinds.

    Shape:
        what a tower takes → ``{task: what that tower returns}``.

    A copy, a pickle and a checkpoint work as for any module.

    In the modules around a joined layer (the tower's own forward, for one) ``self.training`` means the net's flag,
    ``net.train()`` and ``net.eval()``; all other modules ask for their own. Of those modules gradient checkpointing is
    forgotten, as is all that hooks do but to tensors; numbers, flags and the list of layers that they read from
    themselves are those at joining, so after changing one join again.
    """

    modes = (False, True)  # of training, that there are programs for
    inputs, example = 1, None  # of nets pickled before there could be more
    _counted = ", as many as its towers' forward requires"

    def __init__(self, towers: Mapping[str, nn.Module], inputs: int = 1, example: Sequence[Any] | None = None):
        super().__init__()
        self.towers, self.inputs = Named(towers), inputs
        self.example = None if example is None else outline(example)
        self.training = any([tower.training for tower in towers.values()])

    def joints(self) -> Sequence[Mix | Share]:
        """Where the towers are joined; see `merge`."""
        raise NotImplementedError(f"{type(self).__name__} must say where its towers are joined")

    def forward(self, x, *more) -> dict[str, Any]:
        if 1 + len(more) != self.inputs:
            raise ValueError(f"this net takes {self.inputs} inputs{self._counted}; got {1 + len(more)}")
        return self._programs[self.training](self, x, *more)

    def program(self) -> str:
        """The forward pass that joining wrote, in eval mode, as Python source."""
        return self._graph(training=False).python_code("self").src.strip()

    def _graph(self, training: bool) -> fx.Graph:
        return merge(self.towers, self.joints(), training, self.inputs, self.example)

    def _write_programs(self) -> None:
        graphs = {training: self._graph(training) for training in self.modes}
        # plain functions of this module, so that parameters and state are in one place only
        self._programs = {training: fx.GraphModule(self, graph).forward.__func__ for training, graph in graphs.items()}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_programs"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._write_programs()
