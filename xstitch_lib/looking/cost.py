"""What a network costs: weights, multiplications for one sample, and memory for its gradient."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Size, Tensor, UntypedStorage, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from xstitch_lib.networks.probe import inputs_for, untouched
from xstitch_lib.unit_base import Unit


class Cost(NamedTuple):
    """See `cost`."""

    parameters: int
    multiplies: int
    alphas: int
    activations: int


def cost(net: nn.Module, example: Tensor | Size | Sequence[int]) -> Cost:
    """Count a network's weights, what one sample's forward pass multiplies, and what it keeps for the backward pass.

    Args:
        net: any network; of stitched ones the units are counted too.
        example: one batch (B, ...), or its shape, or a tuple of these, one an input, of which the first tells B; run
            once, in eval mode, and nothing of ``net`` changes.

    Returns:
        All weights, alphas included; multiply-adds of one sample in convolutions, matrix products and units (T² for
        each value of one map), leaving out, as is usual, additions, batch norm, activations and pooling; the units'
        weights; and the bytes of one sample that the forward pass keeps for the backward pass, what training needs
        most memory for. Every tensor is counted once, however many operations keep it, with the picture and, for
        float32 weights, at 4 bytes a value (8 for the place of a pooling's maximum); parameters, buffers, dropout's
        masks and what a loss keeps are not.

    Raises:
        ValueError: for an empty batch.

    >>> cost(nn.Linear(20, 5), example=(2, 20))
    Cost(parameters=105, multiplies=100, alphas=0, activations=80)
    """
    inputs = inputs_for(net, example)
    samples = len(inputs[0])
    if samples == 0:
        raise ValueError("cost needs at least one sample; the example's batch is empty")
    counter, seen, in_units = FlopCounterMode(display=False), {}, []

    def enter(unit: Unit, args: Any) -> None:
        seen[unit] = counter.get_total_flops()

    def leave(unit: Unit, args: Any, mixed: Any) -> None:
        # the counter knows matrix products alone; a unit tells all that it multiplies
        in_units.append(unit.multiplies(mixed) - (counter.get_total_flops() - seen[unit]) // 2)

    units = [module for module in net.modules() if isinstance(module, Unit)]
    hooks = [unit.register_forward_pre_hook(enter) for unit in units]
    hooks += [unit.register_forward_hook(leave) for unit in units]
    kept: set[UntypedStorage] = set()  # storages, not tensors: views and in-place results share theirs

    def keep(tensor: Tensor) -> Tensor:
        kept.add(tensor.untyped_storage())
        return tensor

    try:
        with torch.enable_grad(), untouched(net), counter, saved_tensors_hooks(keep, lambda tensor: tensor):
            net(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    alphas = {alpha for unit in units for alpha in unit.alphas()}
    own = {tensor.untyped_storage() for tensor in [*net.parameters(), *net.buffers()]}
    return Cost(
        parameters=sum([parameter.numel() for parameter in net.parameters()]),
        multiplies=(counter.get_total_flops() // 2 + sum(in_units)) // samples,
        alphas=sum([alpha.numel() for alpha in alphas]),
        activations=sum([storage.nbytes() for storage in kept - own]) // samples,
    )
