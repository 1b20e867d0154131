"""MTL-shared: a network a task, joined by one linear map before the heads; the paper's last baseline (section 6.1)."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from xstitch_lib.networks.answers import outline
from xstitch_lib.networks.factory import TowerFactory, make_towers
from xstitch_lib.networks.graft import graft
from xstitch_lib.networks.joined import Joined
from xstitch_lib.networks.merge import Mix
from xstitch_lib.networks.named import Named
from xstitch_lib.networks.probe import inputs_for
from xstitch_lib.networks.trace import trace


def mtl_shared(tower_factory: TowerFactory, tasks: Iterable[str], example: Any = None) -> "MTLShared":
    """Give every task its own tower, and let all of their heads read one shared linear map of the last features.

    ``scores_t = S_t L features_t``, where features_t is what tower t passes to its head (fc7's map): the head's weights
    are factorised into L, shared, and S_t, the task's own.

    Args:
        tower_factory: task name → that task's tower, any network that torch.fx follows and whose last layer that runs,
            its head (fc8), is an nn.Linear or a 1×1 nn.Conv2d; called once a task, in order. In the head's own
            nn.Sequential batch norm and the like may follow. A tower of several inputs makes a net of as many.
        tasks: T ≥ 2 names.
        example: needed only where the towers' own code asks for sizes or kinds; as for `stitch`.

    L is square, has no bias and no nonlinearity, and starts as the identity, S is the head: the net starts as
    its towers.

    This is an interpretation: the paper only says that it adapts [1, 62] to two tasks, trained end to end. There every
    attribute has a network, the classifiers' weights are W = L S with the columns of L as latent tasks, and S is made
    sparse. Left out are that penalty and the grouping of attributes (two tasks need neither), and the alternating
    optimisation, which the paper left out as well. A network that shares all but the heads is another arm:
    ``split(tower_factory, tasks, at="fc8")``.

    Raises:
        ValueError: for fewer than two tasks, a name given twice, a tower that ends in another layer or that torch.fx
            cannot follow, or towers whose features differ in width.

    >>> from xstitch_lib.networks.towers import small_alexnet_fcn
    >>> outputs = {"seg": 19, "normals": 20}
    >>> net = mtl_shared(lambda task: small_alexnet_fcn(outputs[task]), outputs)
    >>> net.latent
    Conv2d(96, 96, kernel_size=(1, 1), stride=(1, 1), bias=False)
    >>> net(torch.zeros(1, 3, 48, 64))["normals"].shape
    torch.Size([1, 20, 6, 8])

    Source: section 6.1; Abdulnabi et al., "Multi-task CNN model for attribute prediction", 2015, its reference [1].
    """
    towers, inputs = make_towers(tower_factory, tasks, "MTL-shared")
    given = None
    if example is not None:
        given = outline(inputs_for(next(iter(towers.values())), example))
        inputs = len(given)
    linear = {task: _last_linear(task, tower, inputs, given) for task, tower in towers.items()}
    maps = {task: tower.get_submodule(linear[task]) for task, tower in towers.items()}
    if len({(isinstance(one, nn.Linear), _width(one)) for one in maps.values()}) > 1:
        raise ValueError(f"the shared map needs heads of one kind with equally many inputs; got {maps}")
    places = {task: _head(tower, linear[task]) for task, tower in towers.items()}
    heads = {task: tower.get_submodule(places[task]) for task, tower in towers.items()}
    bodies = {task: graft(tower, {heads[task]: nn.Identity()}) for task, tower in towers.items()}
    first = next(iter(maps.values()))
    return MTLShared(bodies, places, SharedMap(_identity_like(first), heads), inputs, given)


class SharedMap(nn.Module):
    """One linear map of every task's features, then each task's head.

    Shape:
        a sequence of T features (B, D, ...) → a list of T scores, as the heads give them.
    """

    def __init__(self, latent: nn.Module, heads: Mapping[str, nn.Module]):
        super().__init__()
        self.latent, self.heads = latent, Named(heads)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        return [head(self.latent(x)) for (_, head), x in zip(self.heads.items(), features, strict=True)]


class MTLShared(Joined):
    """Towers, the shared linear map before their heads, and the heads; made by `mtl_shared`.

    Attributes:
        towers: task → tower, an nn.Identity in the place of its head.
        places: task → that place, a layer name.
        latent: L, an nn.Linear or a 1×1 nn.Conv2d without bias.
        heads: task → S, of the same kind, with the head's bias, and what the tower's head does after it.

    See `Joined` for the rest.
    """

    def __init__(
        self,
        towers: Mapping[str, nn.Module],
        places: Mapping[str, str],
        shared: SharedMap,
        inputs: int = 1,
        example: Sequence[Any] | None = None,
    ):
        super().__init__(towers, inputs, example)
        self.places, self.shared = dict(places), shared
        self._write_programs()

    def joints(self) -> list[Mix]:
        return [Mix(self.places, "shared")]

    @property
    def latent(self) -> nn.Linear | nn.Conv2d:
        return self.shared.latent

    @property
    def heads(self) -> Named:
        return self.shared.heads

    def alone(self, task: str) -> nn.Module:
        """That task's tower with the map before its head, a copy of its own: the same answers, nothing shared."""
        tower = self.towers[task]
        head = nn.Sequential(deepcopy(self.latent), self.heads[task])
        return graft(tower, {tower.get_submodule(self.places[task]): head})


def _last_linear(
    task: str, tower: nn.Module, inputs: int, example: Sequence[Any] | None, opened: Sequence[str] = ("",)
) -> str:
    """The name of the last linear layer that runs; modules are opened from the end until it is found.

    Batch norm and the like may follow it, not as a child of the tower's own.
    """
    graph, _ = trace(task, tower, [], inputs=inputs, opened=opened, example=example)
    called = [node.target.removeprefix("tower.") for node in graph.nodes if node.op == "call_module"]
    ending = f"an MTL-shared tower must end in an nn.Linear or a 1×1 nn.Conv2d; {task!r}"
    if not called:
        raise ValueError(f"{ending} runs no layer of its own: {tower}")
    for name in reversed(called):
        layer = tower.get_submodule(name)
        if isinstance(layer, nn.Linear | nn.Conv2d) and layer.weight[0, 0].numel() == 1:
            return name
        if list(layer.children()):
            return _last_linear(task, tower, inputs, example, (*opened, name))
        if "." not in name or any([weights.ndim > 1 for weights in layer.parameters()]):
            break
    raise ValueError(f"{ending} ends in {layer}")


def _head(tower: nn.Module, name: str) -> str:
    """The nn.Sequential that begins with the linear layer of this name, where there is one, else that layer."""
    while (parent := name.rpartition(".")[0]) and isinstance(around := tower.get_submodule(parent), nn.Sequential):
        if around[0] is not tower.get_submodule(name):
            break
        name = parent
    return name


def _width(layer: nn.Linear | nn.Conv2d) -> int:
    return layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels


def _identity_like(head: nn.Linear | nn.Conv2d) -> nn.Linear | nn.Conv2d:
    """A square map of the head's inputs, of the head's kind."""
    width, size = _width(head), [] if isinstance(head, nn.Linear) else [1]
    kind = nn.Linear if isinstance(head, nn.Linear) else nn.Conv2d
    made = skip_init(kind, width, width, *size, bias=False, device=head.weight.device, dtype=head.weight.dtype)
    with torch.no_grad():
        made.weight.copy_(torch.eye(width).view_as(made.weight))
    return made
