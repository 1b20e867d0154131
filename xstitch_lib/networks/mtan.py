"""MTAN: one shared network, and for every task masks that say which of its features the task reads."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xstitch_lib.networks.factory import TowerFactory, make_towers
from xstitch_lib.networks.named import Named, did_you_mean
from xstitch_lib.networks.probe import inputs_for, untouched

Block = tuple[str, str]


def mtan(tower_factory: TowerFactory, tasks: Iterable[str], blocks: Sequence[Block], example: Any) -> "MTAN":
    """Share one tower's layers up to the last block, and give every task its own attention to them and its own rest.

    Args:
        tower_factory: task name → that task's tower, an nn.Sequential; called once a task, in order. The first gives
            the shared layers, and each one its layers after the last block.
        tasks: T ≥ 2 names.
        blocks: the layers after which block j's u and p are read, in the order they run. In the paper's VGG these are
            a block's first convolution and its last before the pooling; a block of one layer has both there.
        example: one batch, or its shape, from which the maps' channels are learned.

    Raises:
        ValueError: for towers that are no nn.Sequential, an unknown layer, blocks in another order, or a block whose
            maps differ in size.

    >>> from xstitch_lib.networks.towers import fashion_cnn
    >>> outputs = {"article": 10, "group": 3}
    >>> blocks = [("conv1", "conv1"), ("conv2", "conv2")]
    >>> net = mtan(lambda task: fashion_cnn(outputs[task], width=8), outputs, blocks, (1, 1, 28, 28))
    >>> net(torch.zeros(5, 1, 28, 28))["group"].shape
    torch.Size([5, 3])

    Source: Liu, Johns and Davison, "End-to-end multi-task learning with attention", CVPR 2019, section 3.
    """
    towers, _ = make_towers(tower_factory, tasks, "MTAN")
    shared = next(iter(towers.values()))
    if others := [type(tower).__name__ for tower in towers.values() if not isinstance(tower, nn.Sequential)]:
        raise ValueError(f"an MTAN network is made of nn.Sequential towers, layer after layer; got {others}")
    names = [name for name, _ in shared.named_children()]
    read = [name for block in blocks for name in block]
    for name in read:
        if name not in names:
            raise ValueError(f"the towers have no layer {name!r} to attend to{did_you_mean(name, names)}")
    if not blocks or sorted(read, key=names.index) != read or len({p for _, p in blocks}) < len(blocks):
        raise ValueError(f"blocks are pairs of layers in the order they run, {', '.join(names)}; got {list(blocks)}")
    end = names.index(read[-1]) + 1
    trunk = Named(dict(list(shared.named_children())[:end]))
    rests = {task: tower[end:] for task, tower in towers.items()}
    with torch.no_grad(), untouched(shared):
        maps = _features(trunk, *inputs_for(shared, example))
    for u, p in blocks:
        if maps[u].shape[2:] != maps[p].shape[2:]:
            raise ValueError(
                f"the mask of block {(u, p)} is made from a map as large as the one it masks; {u!r} gives "
                f"{tuple(maps[u].shape)}, {p!r} {tuple(maps[p].shape)}: name the layer before the pooling"
            )
    return MTAN(trunk, rests, blocks, [(maps[u].shape[1], maps[p].shape[1]) for u, p in blocks])


class MTAN(nn.Module):
    """A shared network with a path of attention for each task; made by `mtan`.

    Attributes:
        trunk: layer name → the shared layers.
        masks: task → ``h_j(g_j(.))`` of each block: 1×1 convolution, batch norm and ReLU, then the same with a sigmoid.
        passing: ``f_j`` between two blocks, one for all tasks: 3×3 convolution, batch norm and ReLU.
        rests: task → the layers after the last block.

    Shape:
        pictures (B, 3, H, W) → ``{task: what its tower returns}``.
    """

    def __init__(
        self,
        trunk: Mapping[str, nn.Module],
        rests: Mapping[str, nn.Module],
        blocks: Sequence[Block],
        channels: Sequence[tuple[int, int]],
    ):
        super().__init__()
        self.trunk, self.rests, self.blocks = trunk, Named(rests), [tuple(block) for block in blocks]
        own = [p for _, p in channels]
        self.passing = nn.ModuleList([_layer(a, b, 3, nn.ReLU()) for a, b in pairwise(own)])
        widths = [u + (p if j else 0) for j, (u, p) in enumerate(channels)]
        self.masks = Named(
            {task: nn.ModuleList([_mask(w, p) for w, p in zip(widths, own, strict=True)]) for task in rests}
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = _features(self.trunk, x)
        return {task: rest(self._attended(task, maps)) for task, rest in self.rests.items()}

    def _attended(self, task: str, maps: Mapping[str, Tensor]) -> Tensor:
        """Eq. 1 and 2: a_j = h_j(g_j([u_j; f_j(â_{j-1})])), and â_j = a_j * p_j, to the last block."""
        attended = None
        for j, (u, p) in enumerate(self.blocks):
            given = maps[u]
            if attended is not None:
                passed = F.adaptive_max_pool2d(self.passing[j - 1](attended), given.shape[2:])
                given = torch.cat([given, passed], 1)
            attended = self.masks[task][j](given) * maps[p]
        return attended


def _features(layers: Mapping[str, nn.Module], x: Tensor) -> dict[str, Tensor]:
    found = {}
    for name, layer in layers.items():
        x = found[name] = layer(x)
    return found


def _layer(inputs: int, outputs: int, size: int, last: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, size, padding=size // 2), nn.BatchNorm2d(outputs), last)


def _mask(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_layer(inputs, outputs, 1, nn.ReLU()), _layer(outputs, outputs, 1, nn.Sigmoid()))
