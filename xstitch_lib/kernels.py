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
    if torch.compiler.is_compiling():
        weights = _buffer(weights)
    return weights.reshape(tasks, tasks, 1, -1, *[1] * (like.ndim - 2))


def add_product(total: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """``total + x * weight``, in place where it can be, for what a unit costs is memory traffic."""
    if not torch.compiler.is_compiling() and any([is_batched(t) for t in (total, x, weight)]):
        return total + x * weight  # of autograd.grad(is_grads_batched=True): many do not fit into the place of one
    return total.addcmul_(x, weight)


def channels_lie(x: Tensor) -> str:
    """Where the channels of a map (B, C, ...) lie in memory: "first" (contiguous), "last", or "" for neither."""
    if x.is_contiguous():
        return "first"
    return "last" if x.movedim(1, -1).is_contiguous() else ""


def rows(x: Tensor, lie: str) -> Tensor:
    """A map as its rows, which follow each other in memory: (B * C, places); where channels are last, (rows, W, C)."""
    if lie == "last":
        return x.movedim(1, -1).contiguous().flatten(0, -3)
    return x.reshape(x.shape[0] * x.shape[1], math.prod(x.shape[2:]))


def channel_sum(product: Tensor, dtype: torch.dtype, lie: str = "") -> Tensor:
    """(B, C, ...) → (C,), the sum over samples and places; row by row, as `compiled` goes, if ``lie`` is given."""
    if not lie:
        return product.sum([0, *range(2, product.ndim)], dtype=dtype)
    sums = rows(product, lie).sum(1, dtype=dtype)
    return (sums if lie == "last" else sums.reshape(product.shape[:2])).sum(0)


def compiled(mix: Mix, alpha: Tensor, grads: Sequence[Tensor], like: Tensor) -> tuple[Tensor, ...]:
    """The mix of gradients as the compiler wants it: by the same `rows` as `channel_sum`, in buffers of their own.

    Only then does TorchInductor merge it and the gradient of alpha into one pass over memory, which is what a unit
    costs. The numbers are the same.

    Args:
        mix: weights as `per_channel` shapes them, and maps → their weighted sums.
        grads: as Dynamo hands them to a backward, copied so that channels come first.
        like: a map that was mixed forward; the mixed gradients lie as it does.
    """
    weights, lie = per_channel(alpha, like), channels_lie(like)
    if not lie:
        return mix(weights, grads)
    weights, walked = weights.flatten(2), [rows(g, lie) for g in grads]
    if lie == "last":
        mixed, shape = mix(weights[:, :, None, None], walked), like.movedim(1, -1).size()
        return tuple([_buffer(y).reshape(shape).movedim(-1, 1) for y in mixed])
    mixed = mix(weights.unsqueeze(2).expand(-1, -1, *like.shape[:2]).flatten(2).unsqueeze(-1), walked)
    return tuple([y.as_strided(like.size(), like.stride()) for y in mixed])


def _buffer(x: Tensor) -> Tensor:
    """``x``, which is contiguous, flat: TorchInductor writes it down once, and does not compute it where it is read.

    Flat, because Dynamo reads a single size off a gradient's strides, and where channels are last these may differ.
    """
    flat = x.reshape(-1)
    return flat.as_strided(flat.size(), (1,))


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
