"""Arithmetic intensity: how much each layer computes for what it moves, the abscissa of a roofline plot."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch
from torch import Size, Tensor, nn

from xstitch_lib.networks.probe import inputs_for, untouched
from xstitch_lib.unit_base import Unit

COUNTED = (nn.Conv2d, nn.Linear, nn.MaxPool2d, Unit)


def intensity(net: nn.Module, example: Tensor | Size | Sequence[int]) -> pd.DataFrame:
    """Floating-point operations and bytes of every convolution, linear layer, maximum pooling and unit, forward.

    Args:
        net: a tower, a stitched network, or any other whose layers are modules.
        example: one batch, or its shape, or a tuple of these, one an input. All of it counts: weights move once a
            batch, so the intensity of fully connected layers grows with it.

    Returns:
        One row a call of a layer, in the order they run: ``layer``, a name in ``net``; ``kind``, "conv", "fc", "pool"
        or "unit" (a convolution named fc… is "fc"); ``flops``, two for a multiply-add, one for a comparison;
        ``bytes``, of inputs, outputs and weights, each moved once, at 4 a value; ``intensity``, flops a byte.

    A layer with less intensity than its machine has flops for each byte of memory traffic waits for memory. A unit
    of T tasks has at most T / 4, whatever its maps.

    >>> from xstitch_lib.networks import stitch, towers
    >>> pair = {task: towers.small_alexnet_fcn(20) for task in ("seg", "normals")}
    >>> net = stitch(pair, after=["fc7"], example=(1, 3, 48, 64))
    >>> print(intensity(net, example=(16, 3, 48, 64)).tail(4).round(1).to_string(index=False))
                 layer kind    flops   bytes  intensity
    towers.normals.fc7   fc 14155776  627072       22.6
             units.fc7 unit   589824 1181184        0.5
        towers.seg.fc8   fc  2949120  364112        8.1
    towers.normals.fc8   fc  2949120  364112        8.1
    """
    inputs, rows = inputs_for(net, example), []
    in_units = {part for unit in net.modules() if isinstance(unit, Unit) for part in unit.modules() if part is not unit}
    layers = {name: m for name, m in net.named_modules() if isinstance(m, COUNTED) and m not in in_units}
    names = _names(layers, net)

    def note(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        name, flops = names[module], _flops(module, output)
        moved = 4 * (_values(args) + _values(output) + sum([weights.numel() for weights in module.parameters()]))
        rows.append((name, _kind(name, module), flops, moved, flops / moved))

    hooks = [module.register_forward_hook(note) for module in names]
    try:
        with torch.no_grad(), untouched(net):
            net(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return pd.DataFrame(rows, columns=["layer", "kind", "flops", "bytes", "intensity"])


def _names(layers: dict[str, nn.Module], net: nn.Module) -> dict[nn.Module, str]:
    """A layer that is the only one in a Sequential, as a convolution with its ReLU, goes by the Sequential's name."""
    alone = {parent for parent, n in Counter([name.rpartition(".")[0] for name in layers]).items() if n == 1 and parent}
    names = {}
    for name, module in layers.items():
        parent = name.rpartition(".")[0]
        names[module] = parent if parent in alone and type(net.get_submodule(parent)) is nn.Sequential else name
    return names


def _kind(name: str, module: nn.Module) -> str:
    if isinstance(module, Unit | nn.MaxPool2d):
        return "unit" if isinstance(module, Unit) else "pool"
    return "fc" if isinstance(module, nn.Linear) or name.rpartition(".")[2].startswith("fc") else "conv"


def _values(tensors: Any) -> int:
    if isinstance(tensors, Tensor):
        return tensors.numel()
    return sum([_values(tensor) for tensor in tensors])


def _flops(layer: nn.Module, output: Any) -> int:
    if isinstance(layer, nn.MaxPool2d):
        height, width = (layer.kernel_size,) * 2 if isinstance(layer.kernel_size, int) else layer.kernel_size
        return output.numel() * height * width
    if isinstance(layer, Unit):
        return 2 * layer.multiplies(output)
    return 2 * output.numel() * layer.weight[0].numel()
