"""The cross-stitch unit: Eq. 1 forward, the corrected Eq. 2 and 3 backward.

Misra et al., "Cross-stitch Networks for Multi-task Learning", CVPR 2016, section 3.3.
Shown and derived in the chapters "The cross-stitch unit" and "Deriving and verifying backpropagation".
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from xstitch_lib import kernels
from xstitch_lib.unit_base import Unit


def cross_stitch(alpha: Tensor, maps: Sequence[Tensor], channel_dim: int = 1) -> tuple[Tensor, ...]:
    """Mix the tasks' maps at every location: ``out[i] = sum over j of alpha[:, i, j] * maps[j]`` (Eq. 1).

    Args:
        alpha: (C or 1, T, T) weights; ``alpha[c, i, j]`` weighs task j's map in task i's output.
            One channel means one set of weights for the whole map.
        maps: T ≥ 2 floating-point maps (B, C, ...) of equal shape, dtype and device; any strides.
        channel_dim: where C is; -1 for maps (B, H, W, C) and tokens (B, N, C).

    Returns:
        T fresh maps, each of the shape and dtype of the inputs.

    Raises:
        ValueError: if the number of maps, their shapes, dtypes or devices do not fit.

    Differentiable twice, in reverse mode; works under torch.compile, autocast and torch.func's grad, vmap, jacrev,
    and with batched gradients (``is_grads_batched``). Under autocast a float32 alpha is cast to the maps' dtype and
    keeps a float32 gradient.

    >>> a, b = torch.tensor([[1.0, 2.0]]), torch.tensor([[10.0, 20.0]])
    >>> cross_stitch(torch.tensor([[[0.9, 0.1], [0.5, 0.5]]]), [a, b])
    (tensor([[1.9000, 3.8000]]), tensor([[ 5.5000, 11.0000]]))
    """
    _check(alpha, maps, channel_dim)
    if channel_dim == 1:
        return CrossStitch.apply(alpha, *maps)
    mixed = CrossStitch.apply(alpha, *[x.movedim(channel_dim, 1) for x in maps])
    return tuple([y.movedim(1, channel_dim) for y in mixed])


class CrossStitchUnit(Unit):
    """A learned linear mix of T tasks' maps, the paper's unit (section 3.3, Eq. 1).

    Args:
        tasks: T ≥ 2.
        channels: C, one T×T matrix per channel; None, one matrix for the whole map (the paper's
            choice for detection and attributes, where per-channel units were unstable).
        alpha_same: starting alpha_S, in [0, 1]. alpha_D starts at ``(1 - alpha_same) / (T - 1)``, so every
            row sums to 1 and the mix of equally large maps stays as large.
        channel_dim: where the maps have their channels; -1 for (B, H, W, C) and tokens (B, N, C).

    Attributes:
        alpha: Parameter (channels or 1, T, T), unconstrained while training, no bias.

    Shape:
        a sequence of T maps (B, C, ...) → a tuple of T maps (B, C, ...); see `cross_stitch`.

    Raises:
        ValueError: for T < 2, channels < 1, or alpha_same outside [0, 1].

    >>> unit = CrossStitchUnit(tasks=2, channels=96, alpha_same=0.9)
    >>> seg, normals = unit([torch.randn(4, 96, 27, 27), torch.randn(4, 96, 27, 27)])
    >>> unit.alpha.shape
    torch.Size([96, 2, 2])
    """

    def __init__(self, tasks: int = 2, channels: int | None = None, alpha_same: float = 0.9, channel_dim: int = 1):
        super().__init__()
        if tasks < 2:
            raise ValueError(f"a cross-stitch unit joins at least 2 tasks; got tasks={tasks}")
        if channels is not None and channels < 1:
            raise ValueError(f"channels must be at least 1, or None for one matrix for the whole map; got {channels}")
        if not 0 <= alpha_same <= 1:
            raise ValueError(f"alpha_same must lie in [0, 1] so that alpha starts as a convex mix; got {alpha_same}")
        if channel_dim == 0:
            raise ValueError("channel_dim must be a dimension after the batch, such as 1 or -1; got 0")
        self.tasks, self.channels, self.alpha_same, self.channel_dim = tasks, channels, alpha_same, channel_dim
        self.alpha = nn.Parameter(torch.empty(channels or 1, tasks, tasks))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set alpha_S to ``alpha_same`` and share the rest of each row evenly among alpha_D."""
        with torch.no_grad():
            self.alpha.fill_((1 - self.alpha_same) / (self.tasks - 1))
            self.alpha.diagonal(dim1=1, dim2=2).fill_(self.alpha_same)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return cross_stitch(self.alpha, maps, self.channel_dim)

    def matrices(self) -> Tensor:
        return self.alpha

    def multiplies(self, mixed: Sequence[Tensor]) -> int:
        return self.tasks**2 * mixed[0].numel()

    def extra_repr(self) -> str:
        return f"tasks={self.tasks}, channels={self.channels}, alpha_same={self.alpha_same:g}"


class CrossStitch(torch.autograd.Function):
    """Eq. 1 with its derivative written out; call it through `cross_stitch`."""

    @staticmethod
    def forward(alpha: Tensor, *maps: Tensor) -> tuple[Tensor, ...]:
        """Eq. 1: x~_i = sum over j of alpha_ij x_j, at every location."""
        return _weighted_sums(kernels.per_channel(alpha, maps[0]), maps)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, *grads: Tensor):
        alpha, *maps = ctx.saved_tensors
        grad_alpha, grad_maps = None, [None] * len(maps)
        lie = kernels.channels_lie(maps[0]) if torch.compiler.is_compiling() else ""
        if any(ctx.needs_input_grad[1:]):
            # Eq. 2: dL/dx_j = sum over i of alpha_ij dL/dx~_i, which is Eq. 1 with alpha transposed
            back = alpha.transpose(1, 2)
            if torch.compiler.is_compiling():
                grad_maps = kernels.compiled(_weighted_sums, back, grads, maps[0])
            elif any(map(kernels.is_batched, grads)):  # this Function would leave no graph behind, for create_graph
                grad_maps = _weighted_sums(kernels.per_channel(back, maps[0]), grads)
            else:
                grad_maps = CrossStitch.apply(back, *grads)
        if ctx.needs_input_grad[0]:
            # Eq. 3, corrected: dL/dalpha_ij = sum over batch and locations of dL/dx~_i x_j
            grad_alpha = _correlate(alpha, grads, maps, lie)
        return grad_alpha, *grad_maps

    @staticmethod
    def vmap(info, in_dims, alpha: Tensor, *maps: Tensor):
        return kernels.batched(CrossStitch.apply, info, in_dims, alpha, *maps)


def _weighted_sums(alpha: Tensor, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
    sums = []
    for weights in alpha.unbind():
        first, *others = weights.unbind()
        total = maps[0] * first
        for x, weight in zip(maps[1:], others, strict=True):
            total = kernels.add_product(total, x, weight)
        sums.append(total)
    return tuple(sums)


def _correlate(alpha: Tensor, grads: Sequence[Tensor], maps: Sequence[Tensor], lie: str) -> Tensor:
    sums = torch.stack([kernels.channel_sum(g * x, alpha.dtype, lie) for g in grads for x in maps])
    per_channel = sums.T.reshape(-1, len(maps), len(maps))
    return per_channel if alpha.shape[0] > 1 else per_channel.sum(0, keepdim=True)


def _check(alpha: Tensor, maps: Sequence[Tensor], channel_dim: int) -> None:
    if alpha.ndim != 3 or alpha.shape[1] != alpha.shape[2] or not alpha.is_floating_point():
        raise ValueError(f"alpha must be floating point (C or 1, T, T); got {tuple(alpha.shape)} {alpha.dtype}")
    tasks = alpha.shape[1]
    if not isinstance(maps, list | tuple) or not all([isinstance(x, Tensor) for x in maps]):
        raise ValueError(f"maps is a list of tensors, one a task; got a {type(maps).__name__}")
    if len(maps) != tasks:
        raise ValueError(f"this cross-stitch unit joins {tasks} tasks, so it needs {tasks} maps; got {len(maps)}")
    first = maps[0]
    for x in maps[1:]:
        if (x.shape, x.dtype, x.device) != (first.shape, first.dtype, first.device):
            found = "; ".join([f"{tuple(m.shape)} {m.dtype} on {m.device}" for m in maps])
            raise ValueError(f"the tasks' maps must have one shape, dtype and device; got {found}")
    there = -first.ndim <= channel_dim < first.ndim and channel_dim % first.ndim > 0
    if not there or alpha.shape[0] not in (1, first.shape[channel_dim]):
        channels = alpha.shape[0] if alpha.shape[0] > 1 else "C"
        expected = f"(B, {channels}, ...)" if channel_dim == 1 else f"with {channels} channels at dim {channel_dim}"
        raise ValueError(f"this cross-stitch unit needs maps of shape {expected}; got {tuple(first.shape)}")
    if not first.is_floating_point():
        raise ValueError(f"cross-stitch maps must be real floating point, as float32 is; got {first.dtype}")
    if alpha.device != first.device:
        raise ValueError(f"alpha is on {alpha.device}, the maps on {first.device}: move the unit with .to(...)")
