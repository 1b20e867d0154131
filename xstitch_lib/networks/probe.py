"""Run a network once without leaving a trace on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn


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


def batch_for(net: nn.Module, example: Any) -> Any:
    """``example``, or zeros where it is a shape, on the device of ``net``'s weights; zeros in their dtype too.

    >>> batch_for(nn.Linear(3, 1).double(), (4, 3)).dtype
    torch.float64
    """
    weights = next(net.parameters(), torch.empty(0))
    if isinstance(example, tuple | list) and all([isinstance(size, Integral) for size in example]):
        return torch.zeros([int(size) for size in example], dtype=weights.dtype, device=weights.device)
    return example.to(weights.device) if isinstance(example, Tensor) else example
