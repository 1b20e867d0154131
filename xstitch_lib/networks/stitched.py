"""Stitch towers: one network per task, joined by cross-stitch units after the layers you name.

Misra et al., section 4 and figure 4.
"""

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Size, Tensor, nn
from torch.utils._pytree import tree_leaves

from xstitch_lib.networks.answers import line
from xstitch_lib.networks.channels import look_for_channels
from xstitch_lib.networks.joined import Joined, chosen
from xstitch_lib.networks.merge import Mix
from xstitch_lib.networks.named import Named, did_you_mean
from xstitch_lib.networks.probe import around, check_open, entries, inputs_for, told, untouched, what_is_odd
from xstitch_lib.networks.trace import advice, only_output
from xstitch_lib.networks.units import DenseUnit
from xstitch_lib.unit import CrossStitchUnit
from xstitch_lib.unit_base import Unit


def stitch(
    towers: Mapping[str, nn.Module],
    after: Sequence[str],
    example: Tensor | Size | Sequence[int] | Any,
    per: Literal["channel", "layer", "dense"] | Callable[[Sequence[Tensor]], Unit] = "channel",
    alpha_same: float = 0.9,
    out: str | int | None = None,
    channel_dim: int | None = None,
) -> "Stitched":
    """Join towers with one unit after each named layer.

    Args:
        towers: task → tower, T ≥ 2 different modules. The net holds these very modules, not copies.
        after: layer names as in ``tower.named_modules()``, dots included; each must exist in every tower, run once
            a pass and return one tensor (B, C, ...). A unit belongs after a layer's nonlinearity and before its
            dropout or LRN. To stitch what is no layer (a functional ReLU, one output of an LSTM), put an
            ``nn.Identity`` there in the towers' forward and name that.
        example: one batch, or its shape. It is run through every tower, without gradient and in eval mode, to learn
            the maps' shapes and to compare what torch.fx made of the tower with the tower; training flags, statistics
            and RNGs stay as they were. For towers with several inputs a tuple of batches or shapes, one an input; the
            net hands each to every tower. An input may be a dict; one that is a tuple stands in a tuple of its own.
        per: "channel", a T×T matrix for each channel; "layer", one for the whole map; "dense", the
            re-implementation's matrix over all values (`DenseUnit`), for which the towers' maps may differ in shape.
            For units of your own a function
            from the towers' maps at a layer, in the towers' order, to the unit there, a `unit_base.Unit`.
        alpha_same: starting alpha_S in [0, 1], see `CrossStitchUnit`; a dense unit starts at the identity instead.
        out: of towers that return more than a tensor, which part of it the net returns: "out" of torchvision's
            segmentation networks, "logits" of Hugging Face's, 0 of a tuple. By default all, of the type it has.
        channel_dim: where the maps have their channels: 1 unless said, -1 for Swin's (B, H, W, C) and tokens (B, N, C).

    Raises:
        ValueError: naming layer and shapes, for an unknown layer, one that runs twice, maps that differ, another
            order in one tower, fewer than two towers, a tower torch.fx cannot follow or, in eval mode, misreads, …

    >>> from xstitch_lib.networks.towers import fashion_cnn
    >>> towers = {"article": fashion_cnn(10, width=8), "group": fashion_cnn(3, width=8)}
    >>> net = stitch(towers, after=["pool1", "pool2", "fc3"], example=(1, 1, 28, 28))
    >>> net.units["pool2"].alpha.shape
    torch.Size([16, 2, 2])
    >>> {task: scores.shape for task, scores in net(torch.randn(5, 1, 28, 28)).items()}
    {'article': torch.Size([5, 10]), 'group': torch.Size([5, 3])}

    Source: section 4; section 5 for where units stand.
    """
    _check(towers, after, per, channel_dim)
    towers, after = dict(towers.items()), list(after)
    maps = {task: _example_maps(task, tower, after, example, out) for task, tower in towers.items()}
    weights = next((p for tower in towers.values() for p in tower.parameters() if p.is_floating_point()), None)
    dim = 1 if channel_dim is None else channel_dim
    units = {name: _unit(name, {task: maps[task][name] for task in towers}, per, alpha_same, dim) for name in after}
    if per == "channel" and channel_dim is None:
        look_for_channels(towers, maps)
    for unit in [unit for unit in units.values() if unit.alphas() and weights is not None]:
        unit.to(
            torch.promote_types(unit.alphas()[0].dtype, weights.dtype)
        )  # where autocast is on, maps have fewer bits
    net = Stitched(towers, units, len(entries(example)), inputs_for(next(iter(towers.values())), example))
    for task, tower in towers.items():
        _check_trace(task, tower, after, example, out)
    net.out = out
    return net


class Stitched(Joined):
    """Towers and units as one network; made by `stitch`.

    Attributes:
        towers: task → tower, the modules themselves.
        units: layer name → unit, in the order they were named. ``units.parameters()`` are all the alphas.

    ``state_dict`` has ``towers.<task>.…`` and ``units.<layer>.alpha``, with "/" for a layer name's dots. See `Joined`
    for the rest.
    """

    _counted = ", as many as its example had: stitch with a tuple of as many batches or shapes"

    def __init__(
        self,
        towers: Mapping[str, nn.Module],
        units: Mapping[str, nn.Module],
        inputs: int = 1,
        example: Sequence[Any] | None = None,
    ):
        super().__init__(towers, inputs, example)
        self.units = Named(units)
        self._write_programs()

    def joints(self) -> list[Mix]:
        return [Mix(dict.fromkeys(self.towers, name), f"units.{self.units.key(name)}") for name in self.units]

    def layout(self) -> dict[str, list[tuple[str, bool]]]:
        """For each task its layers from input to output, each with whether a unit stands after it (figure 4).

        The layers are the tower's children; a child with a unit inside is given as its own children.
        """
        return {task: list(self._layers(tower, "")) for task, tower in self.towers.items()}

    def _layers(self, module: nn.Module, prefix: str) -> Iterator[tuple[str, bool]]:
        for child_name, child in module._modules.items():  # named_children() leaves out a module's second use
            name = prefix + child_name
            opened = any([unit.startswith(name + ".") for unit in self.units])
            if opened:
                yield from self._layers(child, name + ".")
            if not opened or name in self.units:
                yield name, name in self.units


def _check(towers: Mapping[str, nn.Module], after: Sequence[str], per: Any, channel_dim: int | None) -> None:
    named = isinstance(towers, Mapping | nn.ModuleDict)
    if not named or not all([isinstance(task, str) and isinstance(net, nn.Module) for task, net in towers.items()]):
        kinds = {task: type(net).__name__ for task, net in towers.items()} if named else type(towers).__name__
        raise ValueError(f'towers is a dict of task names and networks, {{"seg": net, ...}}; got {kinds}')
    if len(towers) < 2:
        raise ValueError(f"stitching joins at least 2 towers; got {list(towers)}")
    if len(set(towers.values())) < len(towers):
        raise ValueError(f"two of the towers {list(towers)} are one module: copy.deepcopy it for each task")
    if not isinstance(after, list | tuple) or not after or not all([isinstance(name, str) for name in after]):
        raise ValueError(f"after is a list of the names of the layers to stitch, at least one; got {after!r}")
    if len(set(after)) < len(after):
        raise ValueError(f"a layer is named twice in after={list(after)}")
    if callable(per) and channel_dim not in (None, 1):
        raise ValueError(
            f'channel_dim={channel_dim} is for per="channel" and "layer", and a unit of one\'s own reads dim 1: '
            "stitch after a module that puts the channels there"
        )
    if per not in ("channel", "layer", "dense") and not callable(per):
        raise ValueError(f'per is "channel", "layer", "dense" or a function from maps to a unit; got {per!r}')
    for task, tower in towers.items():
        check_open(task, tower, around(after))
        names = [name for name, _ in tower.named_modules(remove_duplicate=False) if name]
        for layer in after:
            if layer not in names:
                raise ValueError(f"tower {task!r} has no layer {layer!r}{did_you_mean(layer, names)}")


def _example_maps(
    task: str, tower: nn.Module, after: Sequence[str], example: Any, out: str | int | None
) -> dict[str, Tensor]:
    outputs: dict[str, list] = {name: [] for name in after}
    hooks = [
        tower.get_submodule(name).register_forward_hook(lambda module, args, output, kept=kept: kept.append(output))
        for name, kept in outputs.items()
    ]
    inputs = inputs_for(tower, example)
    try:
        with torch.no_grad(), untouched(tower):
            output = tower(*inputs)
    except Exception as error:
        shapes = ", ".join([str(tuple(x.shape)) if isinstance(x, Tensor) else type(x).__name__ for x in inputs])
        several = ": several inputs stand in a tuple" if isinstance(example, list) else ""
        why = f" ({odd})" if (odd := what_is_odd(tower, inputs)) else ""
        raise ValueError(f"tower {task!r} does not run on the example {shapes}{several}: {error}{why}") from error
    finally:
        for hook in hooks:
            hook.remove()
    if out is not None:
        try:
            chosen(output, out)
        except (KeyError, IndexError, AttributeError, TypeError) as error:
            raise ValueError(f"tower {task!r} returns {told(output)}, without {out!r}: choose another out=") from error
    return {name: only_output(task, name, kept, Tensor) for name, kept in outputs.items()}


def _unit(name: str, maps: Mapping[str, Tensor], per: Any, alpha_same: float, channel_dim: int) -> Unit:
    found = "; ".join([f"{task!r} {tuple(x.shape)} {x.dtype} on {x.device}" for task, x in maps.items()])
    first, *others = maps.values()
    if any([(x.dtype, x.device) != (first.dtype, first.device) for x in others]) or not first.is_floating_point():
        raise ValueError(f"after {name!r} the towers' maps must have one floating-point dtype and device; got {found}")
    if min(x.ndim for x in maps.values()) < 2:
        raise ValueError(f"after {name!r} a unit needs maps (B, C, ...); got {found}")
    if callable(per):
        unit = per(list(maps.values()))
        if not isinstance(unit, Unit):
            raise ValueError(f"per gives a unit, a subclass of unit_base.Unit; after {name!r} it gave {unit!r}")
        return unit.to(first.device)
    if per == "dense":
        return DenseUnit([x.shape[1:].numel() for x in maps.values()]).to(first)
    if any([x.shape != first.shape for x in others]):
        raise ValueError(
            f"after {name!r} the towers' maps must have one shape; got {found}: choose another layer, or make the maps "
            'equal with a layer of one tower\'s own, or take per="dense"'
        )
    if not channel_dim % first.ndim >= 1 or not -first.ndim <= channel_dim < first.ndim:
        raise ValueError(f"channel_dim must be one of the dimensions after the batch; got {channel_dim}, maps {found}")
    channels = first.shape[channel_dim] if per == "channel" else None
    return CrossStitchUnit(len(maps), channels, alpha_same, channel_dim).to(first)


class _Passing(nn.Module):
    """Stands where a unit will, and mixes nothing."""

    def forward(self, maps):
        return maps


class _Alone(Stitched):
    modes = (False,)

    def _warn(self) -> None:
        """The net itself will."""


def _check_trace(task: str, tower: nn.Module, after: Sequence[str], example: Any, out: str | int | None) -> None:
    """Refuse a tower whose traced program answers otherwise than the tower itself, in eval mode."""
    inputs = inputs_for(tower, example)
    alone = _Alone({task: tower}, {name: _Passing() for name in after}, len(inputs), inputs)
    alone.training = False  # the flag of the net, not of the tower in it
    with untouched(tower):  # of zeros a tower may say nothing
        given = zip(inputs, entries(example), strict=True)
        inputs = [x if isinstance(one, Tensor) else _random(x) for x, one in given]

    def leaves(forward: Callable[..., Any]) -> list[Any]:
        with torch.no_grad(), untouched(tower):
            output = forward(*inputs)
            return _leaves(output if out is None else chosen(output, out))

    own = leaves(tower)
    try:
        found = leaves(lambda *inputs: alone(*inputs)[task])
    except Exception as error:
        at = line(traceback.extract_tb(error.__traceback__))
        raise ValueError(
            f"tower {task!r} ({type(tower).__name__}) cannot be joined at {', '.join(after)}: traced by torch.fx it "
            f"does not run ({error}){at}. {advice(error, 'a joined layer')}"
        ) from error
    if len(own) != len(found) or not all(map(_alike, own, found)):
        raise ValueError(
            f"tower {task!r} ({type(tower).__name__}) cannot be joined at {', '.join(after)}: traced by torch.fx "
            "it gives other outputs than by itself. Either it does not give one input the same output twice in eval "
            "mode, or the forward of a module around these layers asks for what a trace answers once and for all, such "
            "as isinstance(x, Tensor) or torch.is_grad_enabled(): move that into a child without a stitched layer"
        )


def _leaves(output: Any) -> list[Any]:
    """All that is in an output, with the kinds and keys of its dicts."""
    if isinstance(output, Mapping):
        return [type(output).__name__, *output, *[leaf for part in output.values() for leaf in _leaves(part)]]
    if isinstance(output, tuple | list):
        return [type(output).__name__, *[leaf for part in output for leaf in _leaves(part)]]
    return tree_leaves(output)


def _random(x: Any) -> Any:
    return torch.randn_like(x) if isinstance(x, Tensor) and x.is_floating_point() else x


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, str):
        return a == b
    if not isinstance(a, Tensor) or a.is_meta or a.layout != torch.strided:
        return type(a) is type(b)
    same = isinstance(b, Tensor) and (a.shape, a.dtype) == (b.shape, b.dtype)
    return same and torch.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True)
