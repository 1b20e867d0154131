"""How fast is the unit? Forward and backward, as ratios measured side by side in one run.

python benchmarks/bench_unit.py [threads]

- naive: Eq. 1 channel by channel as a sum of products, derivative by autograd
- floor: five copies of the map, ten visits to memory: forward reads 2 maps and writes 2, backward reads
  2 maps and 2 gradients and writes 2 gradients
Every round times all candidates in turn, so that a change of the machine's speed meets all of them; a round's
ratio is taken within the round, and the median over rounds is shown. With one thread the clock is that thread's own,
which stands while a neighbour has the core.
"""

import math
import statistics
import sys
import time

import torch

from xstitch_lib import cross_stitch

SHAPES = [(16, 96, 27, 27), (8, 256, 13, 13), (32, 64, 56, 56)]
ROUNDS = 100


def naive(alpha, maps):
    weigh = alpha[:, :, :, None, None]
    return tuple(weigh[:, i, 0] * maps[0] + weigh[:, i, 1] * maps[1] for i in range(2))


def forward_backward(mix, alpha, maps, grads):
    return lambda: torch.autograd.grad(mix(alpha, maps), [alpha, *maps], grads)


def five_copies(x):
    targets = [torch.empty_like(x) for _ in range(5)]
    return lambda: [t.copy_(x) for t in targets]


def seconds(run):
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    run()
    return clock() - start


def measure(shape, memory_format):
    def new():
        return torch.randn(shape).to(memory_format=memory_format)

    alpha = torch.rand(shape[1], 2, 2, requires_grad=True)
    maps, grads = [new().requires_grad_() for _ in "AB"], [new() for _ in "AB"]
    mixes = {"naive": naive, "unit": cross_stitch}
    mixes |= {f"{name}, compiled": torch.compile(mix, fullgraph=True, dynamic=False) for name, mix in mixes.items()}
    runs = {name: forward_backward(mix, alpha, maps, grads) for name, mix in mixes.items()}
    runs["floor"] = five_copies(new())
    for run in runs.values():
        for _ in range(5):
            run()
    return {name: times for name, times in zip(runs, zip(*[[seconds(r) for r in runs.values()] for _ in range(ROUNDS)],
                                                         strict=True), strict=True)}  # fmt: skip


def ratio(times, slow, fast):
    return statistics.median(a / b for a, b in zip(times[slow], times[fast], strict=True))


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    torch._dynamo.config.recompile_limit = 100
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {ROUNDS} rounds, float32, median ms")
    compared = [
        ("naive", "unit"),
        ("naive, compiled", "unit, compiled"),
        ("unit", "floor"),
        ("unit, compiled", "floor"),
    ]
    for memory_format in (torch.contiguous_format, torch.channels_last):
        print(f"\n{memory_format}")
        ratios = []
        for shape in SHAPES:
            times = measure(shape, memory_format)
            ratios.append([ratio(times, *pair) for pair in compared])
            print(f"{shape!s:18}", {name: round(1e3 * statistics.median(t), 3) for name, t in times.items()})
        for pair, values in zip(compared, zip(*ratios, strict=True), strict=True):
            each = " ".join(f"{v:5.2f}" for v in values)
            print(f"{pair[0]:>15} / {pair[1]:14} {each}   geometric mean {math.prod(values) ** (1 / 3):.2f}")


if __name__ == "__main__":
    main()
