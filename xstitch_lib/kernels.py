"""How the cross-stitch unit runs fast: shapes that broadcast, one pass over memory when compiled, batches of units.

Nothing here says what a unit computes; that is `xstitch_lib.unit`.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_legacy_batchedtensor as is_batched

Mix = Callable[[Tensor, Sequence[Tensor]], tuple[Tensor, ...]]


def per_channel(alpha: Tensor, like: Tensor) -> Tensor:
    """(C or 1, T, T) → (T, T, 1, C or 1, 1, ...) in the dtype of the maps (B, C, ...): entry i, j multiplies map j.

    Contiguous: where channels come last, loops run along them, and take several at a time only of neighbours.
    """
    weights, tasks = alpha.to(like.dtype).permute(1, 2, 0).contiguous(), alpha.shape[1]
    return weights.reshape(tasks, tasks, 1, -1, *[1] * (like.ndim - 2))


def add_product(total: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """``total + x * weight``, in place where it can be, for what a unit costs is memory traffic."""
    if not torch.compiler.is_compiling() and any([is_batched(t) for t in (total, x, weight)]):
        return total + x * weight  # of autograd.grad(is_grads_batched=True): many do not fit into the place of one
    return total.addcmul_(x, weight)


def channel_sum(product: Tensor, rows: bool, dtype: torch.dtype) -> Tensor:
    """(B, C, ...) → (C,), the sum over samples and places; with ``rows`` in the loops of `compiled`, to merge with."""
    if rows:
        batch, channels, *space = product.shape
        return product.reshape(batch, channels, math.prod(space)).sum(2, dtype=dtype).sum(0)
    return product.sum([0, *range(2, product.ndim)], dtype=dtype)


def compiled(mix: Mix, alpha: Tensor, maps: Sequence[Tensor], rows: bool) -> tuple[Tensor, ...]:
    """The mix of ``maps`` as the compiler wants it: with ``rows`` one row a map and channel, in a buffer of its own.

    Only then does TorchInductor merge it and the gradient of alpha into one pass over memory, which is what a unit
    costs. The numbers are the same.

    Args:
        mix: weights as `per_channel` shapes them, and maps → their weighted sums.
        rows: whether the maps lie contiguously.
    """
    if not rows:
        return mix(per_channel(alpha, maps[0]), maps)
    batch, channels, *space = shape = maps[0].shape
    weights = alpha.to(maps[0].dtype).expand(batch, channels, -1, -1).flatten(0, 1).permute(1, 2, 0).unsqueeze(-1)
    mixed = mix(weights, [x.reshape(batch * channels, math.prod(space)) for x in maps])
    stride = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    return tuple([y.as_strided(shape, stride) for y in mixed])


def batched(
    apply: Callable[..., tuple[Tensor, ...]], info: Any, in_dims: Sequence[int | None], alpha: Tensor, *maps: Tensor
) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    """torch.func.vmap's rule: a batch of V units on C channels is one unit on V * C channels.

    Args:
        apply: the unit, ``apply(alpha, *maps)``.
        info, in_dims: as `torch.autograd.Function.vmap` gets them.

    Returns:
        The mixed maps, and where their batch dimensions are.
    """
    maps = [_to_dim(x, dim, 1, info.batch_size) for x, dim in zip(maps, in_dims[1:], strict=True)]
    channels = maps[0].shape[2]
    alpha = _to_dim(alpha, in_dims[0], 0, info.batch_size).expand(-1, channels, -1, -1)
    mixed = apply(alpha.flatten(0, 1), *[x.flatten(1, 2) for x in maps])
    return tuple([y.unflatten(1, (info.batch_size, channels)) for y in mixed]), (1,) * len(maps)


def _to_dim(tensor: Tensor, dim: int | None, to: int, size: int) -> Tensor:
    if dim is None:
        return tensor.unsqueeze(to).expand(*tensor.shape[:to], size, *tensor.shape[to:])
    return tensor.movedim(dim, to)
