"""MTL-shared: a network a task, joined by one linear map before the heads; the paper's last baseline (section 6.1)."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn.utils import skip_init

from xstitch_lib.networks.factory import TowerFactory, make_towers
from xstitch_lib.networks.named import Named


def mtl_shared(tower_factory: TowerFactory, tasks: Iterable[str]) -> "MTLShared":
    """Give every task its own tower, and let all of their heads read one shared linear map of the last features.

    ``scores_t = S_t L features_t``, where features_t is what tower t passes to its head (fc7's map): the head's weights
    are factorised into L, shared, and S_t, the task's own.

    Args:
        tower_factory: task name → that task's tower, an nn.Sequential that ends in its head (fc8), an nn.Linear or a
            1×1 nn.Conv2d; called once a task, in order.
        tasks: T ≥ 2 names.

    L is square, has no bias and no nonlinearity, and starts as the identity, S is the head: the net starts as
    its towers.

    This is an interpretation: the paper only says that it adapts [1, 62] to two tasks, trained end to end. There every
    attribute has a network, the classifiers' weights are W = L S with the columns of L as latent tasks, and S is made
    sparse. Left out are that penalty and the grouping of attributes (two tasks need neither), and the alternating
    optimisation, which the paper left out as well. A network that shares all but the heads is another arm:
    ``split(tower_factory, tasks, at="fc8")``.

    Raises:
        ValueError: for fewer than two tasks, a name given twice, a tower that is no nn.Sequential or ends in another
            layer, or towers whose features differ in width.

    >>> from xstitch_lib.networks.towers import small_alexnet_fcn
    >>> outputs = {"seg": 19, "normals": 20}
    >>> net = mtl_shared(lambda task: small_alexnet_fcn(outputs[task]), outputs)
    >>> net.latent
    Conv2d(96, 96, kernel_size=(1, 1), stride=(1, 1), bias=False)
    >>> net(torch.zeros(1, 3, 48, 64))["normals"].shape
    torch.Size([1, 20, 6, 8])

    Source: section 6.1; Abdulnabi et al., "Multi-task CNN model for attribute prediction", 2015, its reference [1].
    """
    towers = make_towers(tower_factory, tasks, "MTL-shared")
    heads, after = zip(*[_head(task, tower) for task, tower in towers.items()], strict=True)
    heads = dict(zip(towers, heads, strict=True))
    first = next(iter(heads.values()))
    if len({(type(head), head.weight.shape[1]) for head in heads.values()}) > 1:
        raise ValueError(f"the shared map needs heads of one kind with equally many inputs; got {heads}")
    bodies = {task: nn.Sequential(OrderedDict(list(tower._modules.items())[:-1])) for task, tower in towers.items()}
    ends = [nn.Sequential(head, *rest) if rest else head for head, rest in zip(heads.values(), after, strict=True)]
    return MTLShared(bodies, _identity_like(first), dict(zip(towers, ends, strict=True)))


class MTLShared(nn.Module):
    """Towers without their heads, the shared linear map, and the heads; made by `mtl_shared`.

    Attributes:
        towers: task → its own layers up to the head, an nn.Sequential.
        latent: L, an nn.Linear or a 1×1 nn.Conv2d without bias.
        heads: task → S, of the same kind, with the head's bias, and what the tower's head does after it.

    Shape:
        what a tower takes → ``{task: what its head returns}``.
    """

    def __init__(self, towers: dict[str, nn.Module], latent: nn.Module, heads: dict[str, nn.Module]):
        super().__init__()
        self.towers, self.latent, self.heads = Named(towers), latent, Named(heads)

    def forward(self, x) -> dict[str, Any]:
        return {task: self.heads[task](self.latent(tower(x))) for task, tower in self.towers.items()}


def _head(task: str, tower: nn.Sequential) -> tuple[nn.Linear | nn.Conv2d, list[nn.Module]]:
    """The linear part of the tower's last layer, and what comes after it there, such as batch norm."""
    head, *after = tower[-1] if isinstance(tower[-1], nn.Sequential) else [tower[-1]]
    if not isinstance(head, nn.Linear | nn.Conv2d) or head.weight[0, 0].numel() > 1:
        raise ValueError(f"an MTL-shared tower must end in an nn.Linear or a 1×1 nn.Conv2d; {task!r} ends in {head}")
    return head, after


def _identity_like(head: nn.Linear | nn.Conv2d) -> nn.Linear | nn.Conv2d:
    """A square map of the head's inputs, of the head's kind."""
    width, size = head.weight.shape[1], [] if isinstance(head, nn.Linear) else [1]
    made = skip_init(type(head), width, width, *size, bias=False, device=head.weight.device, dtype=head.weight.dtype)
    with torch.no_grad():
        made.weight.copy_(torch.eye(width).view_as(made.weight))
    return made
