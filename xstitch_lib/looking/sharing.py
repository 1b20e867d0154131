"""How much of a stitched map comes from which task: what alphas alone cannot tell."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from xstitch_lib.networks.probe import entries, untouched
from xstitch_lib.unit_base import Unit

AT_ONCE = 32  # images in a forward pass


def sharing(net: nn.Module, images: Tensor | tuple[Tensor, ...]) -> dict[str, Tensor]:
    """The share of each mixed map's variance that comes from each task's map, channel by channel.

    A unit's output is a sum, ``y_i = sum over j of alpha_ij x_j``. Task j's share of its variance is
    ``cov(alpha_ij x_j, y_i) / var(y_i)``, over all images and places; the shares of a row sum to 1. Make a channel of
    task j's tower, or of the mix, twice as large, and halve the weights that read it: the network computes the same,
    its alphas differ, and the shares stay. A share lies outside [0, 1] where one map works against another.

    Args:
        net: a network with units in ``net.units``, as `stitch` makes it; those count that are such a sum, which
            `Unit.matrices` tells.
        images: one batch of what ``net`` takes; of several inputs a tuple.

    Returns:
        layer → (C, T, T); NaN for a channel that never changes, so ``.nanmean(0)`` sums up a layer.

    Raises:
        ValueError: for a net without units.

    Source: chapter "Looking inside: the alphas"; the paper reads alphas alone (section 5.4).
    """
    found = {}
    for layer, (unit, moments) in _moments(net, images).items():
        alpha = unit.matrices().detach().cpu().expand(len(moments), -1, -1)
        parts = torch.einsum("cij,cik,cjk->cij", alpha, alpha, moments)  # cov(alpha_ij x_j, y_i)
        found[layer] = parts / parts.sum(-1, keepdim=True)
    return found


def correlation(net: nn.Module, images: Tensor | tuple[Tensor, ...]) -> dict[str, Tensor]:
    """How alike the tasks' maps are that a unit mixes: layer → (C, T, T), the correlation channel by channel.

    Args, Raises:
        as for `sharing`. NaN where a channel never changes.
    """
    found = {}
    for layer, (_, moments) in _moments(net, images).items():
        deviation = moments.diagonal(dim1=1, dim2=2).sqrt()
        found[layer] = moments / (deviation[:, :, None] * deviation[:, None, :])
    return found


def _moments(net: nn.Module, images: Tensor | tuple[Tensor, ...]) -> Mapping[str, tuple[Unit, Tensor]]:
    """Layer → the unit, and (C, T, T) covariances of the maps that it mixes."""
    units = {name: unit for name, unit in getattr(net, "units", {}).items() if isinstance(unit, Unit)}
    units = {name: unit for name, unit in units.items() if unit.matrices() is not None}
    if not units:
        kinds = sorted({type(unit).__name__ for unit in getattr(net, "units", {}).values()})
        found = f"has {', '.join(kinds)}, which weigh no map as a whole" if kinds else "has no units"
        raise ValueError(f"{type(net).__name__} {found}: give a network made by xs.stitch, with cross-stitch units")
    sums: dict[str, list[Tensor | float]] = {layer: [0.0, 0.0, 0.0] for layer in units}

    def look(layer: str, unit: Unit, maps: list[Tensor]) -> None:
        if maps[0].is_mps:  # it has no double precision
            maps = [m.cpu() for m in maps]
        x = torch.stack([m.movedim(unit.channel_dim, 0).flatten(1).double() for m in maps])  # T, C, images and places
        added = x.shape[2], x.sum(2), torch.einsum("jcn,kcn->cjk", x, x)
        sums[layer] = [old + new for old, new in zip(sums[layer], added, strict=True)]

    hooks = [
        unit.register_forward_pre_hook(lambda unit, args, layer=layer: look(layer, unit, args[0]))
        for layer, unit in units.items()
    ]
    device, inputs = next(net.parameters()).device, entries(images)
    if len({len(x) for x in inputs}) > 1:
        raise ValueError(f"inputs must have one entry a sample; got {[len(x) for x in inputs]}")
    try:
        with torch.no_grad(), untouched(net):
            for some in zip(*[x.split(AT_ONCE) for x in inputs], strict=True):
                net(*[x.to(device) for x in some])
    finally:
        for hook in hooks:
            hook.remove()
    return {layer: (units[layer], _covariance(*sums[layer])) for layer in units}


def _covariance(count: float, total: Tensor, products: Tensor) -> Tensor:
    """(C, T, T) from the number of values, their sums (T, C), and the sums of their products (C, T, T)."""
    mean = (total / count).T
    return (products / count - mean[:, :, None] * mean[:, None, :]).float().cpu()
