"""The studies' engine against a plain training loop, over the same runs, one after the other on an idle machine.

The plain loop: two threads, contiguous float32, loss at full resolution, towers trained again for every arm. What
sharing the towers saves is told apart from the throughput, which counts optimizer steps of one tower.
"""

import argparse
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from xstitch_lib.networks.towers import POOLS
from xstitch_lib.studies import queue
from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.segmentation_normals import CROSS_STITCH, ONE_TASK
from xstitch_lib.studies.worlds import load
from xstitch_lib.studies.worlds.rooms import RoomsScale

ARMS = (ONE_TASK, CROSS_STITCH)


class NaiveUnit(nn.Module):
    """Eq. 1 as most would write it."""

    def __init__(self, channels: int):
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor([[0.9, 0.1], [0.1, 0.9]]).repeat(channels, 1, 1))

    def forward(self, a, b):
        (aa, ab), (ba, bb) = self.alpha.permute(1, 2, 0)[..., None, None]
        return aa * a + ab * b, ba * a + bb * b


class Plain(nn.Module):
    """Two towers, with or without units, written out."""

    def __init__(self, towers, stitched: bool):
        super().__init__()
        self.seg, self.normals = towers.values()
        layers = {"pool1": 16, "pool2": 32, "pool5": 32, "fc6": 96, "fc7": 96}
        assert tuple(layers) == POOLS
        self.units = nn.ModuleDict({n: NaiveUnit(c) for n, c in layers.items()} if stitched else {})

    def forward(self, x):
        a = b = x
        for name, layer in self.seg.named_children():
            a, b = layer(a), self.normals.get_submodule(name)(b)
            if name in self.units:
                a, b = self.units[name](a, b)
        return a, b


def plain_steps(net: Plain, world, scale: RoomsScale, steps: int, lr: float) -> None:
    alphas = list(net.units.parameters())
    weights = [p for name, p in net.named_parameters() if not name.startswith("units")]
    groups = [{"params": weights, "weight_decay": scale.weight_decay}]
    groups += [{"params": alphas, "lr": lr * scale.unit_lr_scale}] if alphas else []
    solver = torch.optim.SGD(groups, lr=lr, momentum=0.9)
    codewords = torch.tensor(world.tasks["normals"].codebook)
    data = world.train.tensors
    for _ in range(steps):
        rows = torch.randint(len(data["image"]), (scale.batch_size,))
        batch = world.augment({name: tensor[rows] for name, tensor in data.items()})
        a, b = net(batch["image"])
        a, b = [F.interpolate(x, batch["seg"].shape[1:], mode="bilinear") for x in (a, b)]
        words = torch.einsum("bchw,kc->bkhw", batch["normals"], codewords).argmax(1)
        loss = F.cross_entropy(a, batch["seg"]) + F.cross_entropy(b, words)
        solver.zero_grad()
        loss.backward()
        solver.step()


def plain(scale: RoomsScale, seeds: range) -> float:
    world, started = load(scale), time.perf_counter()
    for _ in seeds:
        for stitched in (False, True):
            net = Plain({task: world.tower(task) for task in world.tasks}, stitched=False)
            plain_steps(net, world, scale, scale.steps[0], scale.lr[0])
            net = Plain({"seg": net.seg, "normals": net.normals}, stitched)
            plain_steps(net, world, scale, scale.steps[1], scale.lr[1])
    return time.perf_counter() - started


def engine_seed(scale: RoomsScale, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(scale, seed, Path(folder))
        for arm in ARMS:
            arm.method.train(bench)


def engine(scale: RoomsScale, seeds: range, jobs: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = (max(1, torch.get_num_threads() // jobs), Path(folder), ["bench_engine.py"])
        with ProcessPoolExecutor(jobs, queue.processes(), queue._start, start) as pool:
            short = replace(scale, steps=(20, 20))
            list(pool.map(engine_seed, [short] * jobs, range(100, 100 + jobs)))  # imports, data, first-call set-up
            started = time.perf_counter()
            list(pool.map(engine_seed, [scale] * len(seeds), seeds))
            return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, nargs=2, default=(400, 200))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--precision", nargs="+", default=["no", "bf16"])
    options = parser.parse_args()
    first, second = options.steps
    scale = RoomsScale(steps=(first, second))
    seeds, jobs = range(options.seeds), queue.default_jobs()
    retrained = len(ARMS) * (first + second)
    shared = first + len(ARMS) * second
    print(
        f"{options.seeds} seeds × {len(ARMS)} arms, {first} + {second} steps, {jobs} cores, torch {torch.__version__}"
    )
    print(f"sharing the towers of a seed saves {1 - shared / retrained:.0%} of the steps here")
    for _ in range(options.rounds):
        slow = retrained / plain(replace(scale, precision="no"), seeds)
        for precision in options.precision:
            fast = shared / engine(replace(scale, precision=precision), seeds, jobs)
            print(f"precision {precision:4}: {fast / slow:.2f} times the plain loop's steps a second", flush=True)


if __name__ == "__main__":
    main()
