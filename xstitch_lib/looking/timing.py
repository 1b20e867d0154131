"""What a training step costs in time: several networks measured side by side."""

import copy
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import torch
from torch import Size, Tensor, nn

from xstitch_lib.networks.probe import inputs_for, untouched


def step_times(
    nets: Mapping[str, nn.Module], example: Tensor | Size | Sequence[int], rounds: int = 20
) -> dict[str, float]:
    """Milliseconds of each network's forward and backward pass, the median over rounds.

    Args:
        nets: name → network, from a batch to {task: output} or one output. Copies run, in train mode: of ``nets``
            nothing changes.
        example: the batch, or its shape, or a tuple of these, one an input.
        rounds: after three to warm up. In each every network runs once, a different one first, so a machine that slows
            down slows all of them.

    Returns:
        name → ms, without loss and optimizer. Only a comparison within one call means anything.

    Raises:
        ValueError: for no network, or rounds below 1.

    >>> times = step_times({"narrow": nn.Linear(4, 4), "wide": nn.Linear(4, 2000)}, example=(512, 4), rounds=5)
    >>> list(times)
    ['narrow', 'wide']
    """
    if not nets or rounds < 1:
        raise ValueError(f"step_times needs a network and at least 1 round; got {len(nets)} networks, rounds={rounds}")
    steps = {name: _step(copy.deepcopy(net).train(), inputs_for(net, example)) for name, net in nets.items()}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    names, collecting = list(steps), gc.isenabled()
    gc.disable()  # a collection would be charged to whoever is running
    try:
        with torch.enable_grad(), torch.random.fork_rng():
            for i in range(-3, rounds):
                for name in names[i % len(names) :] + names[: i % len(names)]:
                    start = time.perf_counter()
                    steps[name]()
                    if i >= 0:
                        seconds[name].append(time.perf_counter() - start)
    finally:
        if collecting:
            gc.enable()
    return {name: 1e3 * median(values) for name, values in seconds.items()}


def machine_roof(values: int = 2**24, side: int = 2048, rounds: int = 5) -> tuple[float, float]:
    """What this CPU reaches in float32 in two plain operations, with the threads torch has now.

    Args:
        values: of each of the three arrays that are moved; more than its caches hold.
        side: of the square matrices that are multiplied.

    Returns:
        Operations a second of a matrix product, and bytes a second of an addition.
    """
    a, b, c = torch.rand(3, values)
    square = torch.rand(side, side)
    product = _seconds(lambda: square @ square, rounds)
    addition = _seconds(lambda: torch.add(a, b, out=c), rounds)
    return 2 * side**3 / product, 3 * 4 * values / addition


def layer_times(layers: Mapping[str, nn.Module], net: nn.Module, batch: Tensor, rounds: int = 10) -> dict[str, float]:
    """Seconds of each of ``layers`` in a forward pass of ``net`` on the CPU, the median over rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in layers}
    hooks = []
    for name, layer in layers.items():
        hooks.append(layer.register_forward_pre_hook(lambda *_, own=seconds[name]: own.append(-time.perf_counter())))
        hooks.append(layer.register_forward_hook(lambda *_, own=seconds[name]: own.append(time.perf_counter())))
    try:
        with torch.no_grad(), untouched(net):
            for _ in range(rounds + 1):  # the first warms up
                net(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: median([a + b for a, b in zip(own[2::2], own[3::2], strict=True)]) for name, own in seconds.items()}


def _seconds(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)  # at best


def _step(net: nn.Module, inputs: tuple[Tensor, ...]) -> Callable[[], None]:
    def step() -> None:
        net.zero_grad()
        out = net(*inputs)
        sum([y.sum() for y in (out.values() if isinstance(out, Mapping) else [out])]).backward()
        if inputs[0].is_cuda:
            torch.cuda.synchronize(inputs[0].device)

    return step
