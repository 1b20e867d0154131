"""Run a network once without leaving a trace on it."""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from xstitch_lib.data.ragged import Ragged


@contextmanager
def in_mode(net: nn.Module, training: bool) -> Iterator[None]:
    """Within the block ``net`` is in training or eval mode; after it, every module is in its own again.

    All by way of ``train``, which modules override: a LoRA layer merges its weights in eval mode, and would train
    nothing if its flag alone were set back.
    """
    flags = {module: module.training for module in net.modules()}
    try:
        net.train(training)
        yield
    finally:
        for module, flag in flags.items():  # a module comes before those inside it
            if module.training != flag:
                module.train(flag)
        for module, flag in flags.items():  # whose own ``train`` does something else
            module.training = flag


@contextmanager
def untouched(net: nn.Module, training: bool = False) -> Iterator[None]:
    """Within the block ``net`` is in eval (or training) mode; after it, its modes and torch's RNGs are as before."""
    devices = {parameter.device for parameter in net.parameters() if parameter.is_cuda}
    with torch.random.fork_rng(devices), in_mode(net, training):
        yield


def entries(example: Any) -> tuple[Any, ...]:
    """Of a tuple each entry is an input, anything else, a shape too, is the only one."""
    return example if isinstance(example, tuple) and not _is_shape(example) else (example,)


def inputs_for(net: nn.Module, example: Any) -> tuple[Any, ...]:
    """What ``net`` is called with: each of `entries` by way of `batch_for`.

    >>> [x.shape for x in inputs_for(nn.Identity(), ((1, 3, 8, 8), torch.zeros(5, 4)))]
    [torch.Size([1, 3, 8, 8]), torch.Size([5, 4])]
    """
    return tuple([batch_for(net, one) for one in entries(example)])


def required_inputs(net: nn.Module) -> int:
    """How many inputs ``net`` takes by position: the parameters of its forward that have no default, at least 1.

    >>> required_inputs(nn.Linear(2, 2)), required_inputs(nn.Bilinear(2, 2, 2))
    (1, 2)
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = inspect.signature(net.forward).parameters.values()
    return max(1, len([one for one in given if one.kind in kinds and one.default is one.empty]))


def batch_for(net: nn.Module, example: Any) -> Any:
    """``example``, or zeros where it is a shape, on the device of ``net``'s weights; zeros in their dtype too.

    >>> batch_for(nn.Linear(3, 1).double(), (4, 3)).dtype
    torch.float64
    """
    weights = next(net.parameters(), torch.empty(0))
    if _is_shape(example):
        return torch.zeros([int(size) for size in example], dtype=weights.dtype, device=weights.device)
    return example.to(weights.device) if isinstance(example, Tensor | Ragged) else example


def told(output: Any) -> str:
    """What a network returned, in a few words: its type, and its keys or how many parts it has.

    >>> told({"out": torch.zeros(1)}), told([1, 2])
    ("a dict with ['out']", 'a list of 2')
    """
    name = type(output).__name__
    kind = f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"
    if isinstance(output, Mapping):
        return f"{kind} with {list(output)}"
    if fields := getattr(output, "_fields", None):
        return f"{kind} with {list(fields)}"
    return f"{kind} of {len(output)}" if isinstance(output, tuple | list) else kind


def _is_shape(example: Any) -> bool:
    return isinstance(example, tuple | list) and all([isinstance(size, Integral) for size in example])
