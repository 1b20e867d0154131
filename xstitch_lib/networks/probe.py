"""Run a network once without leaving a trace on it."""

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


def check_open(task: str, tower: nn.Module, opened: Iterable[str]) -> None:
    """A ValueError if one of the modules called so, "" the tower itself, is compiled, scripted or traced."""
    modules = dict(tower.named_modules(remove_duplicate=False))
    for name in opened:
        module = modules.get(name)
        which = f"module {name!r} of tower {task!r}" if name else f"tower {task!r}"
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(f"{which} is a scripted or traced {type(module).__name__}: join what it was made of")
        if (own := getattr(module, "_orig_mod", None)) is not None:
            raise ValueError(
                f"{which} is a compiled {type(own).__name__}: join its _orig_mod, and compile the joined net"
            )


def around(layers: Iterable[str]) -> list[str]:
    """The names of the modules that hold these layers, "" the tower itself, outer ones first.

    >>> around(["layer1.0.conv", "head"])
    ['', 'layer1', 'layer1.0']
    """
    paths = [name.split(".") for name in layers]
    return sorted({".".join(path[:i]) for path in paths for i in range(len(path))})


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


def what_is_odd(net: nn.Module, inputs: Sequence[Any]) -> str | None:
    """Of inputs that a network does not run on, what is probably wrong with them, and the fix; None if nothing is."""
    weights = next((p for p in net.parameters() if p.is_floating_point()), None)
    first = next((m for m in net.modules() if isinstance(m, nn.Conv1d | nn.Conv2d | nn.Linear)), None)
    words = any([isinstance(m, nn.Embedding | nn.EmbeddingBag) for m in net.modules()])
    for x in [x for x in inputs if isinstance(x, Tensor) and x.dtype != torch.bool]:
        shape, whole = tuple(x.shape), not x.is_floating_point()
        pictures = x.ndim == 4 or (isinstance(first, nn.Conv2d) and x.ndim == 3 and len(inputs) == 1)
        what = f"{'pictures' if pictures else 'inputs'} {shape}"
        if whole and weights is not None and (pictures or (len(inputs) == 1 and not words)):
            scaled = "x.float() / 255" if pictures else "x.float()"
            return f"{what} are {x.dtype}, and weights are not: make them numbers around 0, {scaled}"
        if not whole and weights is not None and x.dtype != weights.dtype:
            return f"{what} are {x.dtype}, the weights {weights.dtype}: make them x.to({weights.dtype})"
        if (pictures or len(inputs) == 1) and (why := _wrong_way_round(first, shape)):
            return f"{what} {why}"
    return None


def _wrong_way_round(first: nn.Module | None, shape: tuple[int, ...]) -> str | None:
    """Whether channels are not where the first convolution, or a picture's reader, wants them."""
    channels = getattr(first, "in_channels", None)
    if isinstance(first, nn.Conv2d) and len(shape) == 3 and channels == 1:
        return "have no dimension for the one channel: x.unsqueeze(1)"
    if isinstance(first, nn.Conv2d) and len(shape) == 3:
        return f"are not a batch (B, {channels}, H, W): of a single picture x.unsqueeze(0)"
    if len(shape) == 4 and shape[3] in (channels or 0, 1, 3, 4) and shape[1] not in (channels, 1, 3, 4):
        return "look like (B, H, W, C), not (B, C, H, W): turn them, x.permute(0, 3, 1, 2)"
    if isinstance(first, nn.Conv1d) and len(shape) == 3 and shape[2] == channels != shape[1]:
        return "look like (B, length, C), not (B, C, length): turn them, x.transpose(1, 2)"
    return None


def _is_shape(example: Any) -> bool:
    return isinstance(example, tuple | list) and all([isinstance(size, Integral) for size in example])
