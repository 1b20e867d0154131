"""What training costs, side by side in one run: `python benchmarks/bench_training.py [--smoke]`.

1. Fashion-MNIST: `fit` against a torchvision data set in a DataLoader with a loop as in PyTorch's tutorial,
   same network, samples, batch size and optimizer: seconds an epoch, and test accuracy over seeds.
2. One optimizer step of two small towers: unstitched, with our units, and with units written naively.
   Rounds are interleaved, so that a busy machine slows all of them alike; ratios are of medians.
"""

import argparse
import gc
import platform
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision.datasets import FashionMNIST as TorchvisionFashionMNIST
from torchvision.transforms import ToTensor

from xstitch_lib.data import FashionMNIST, TensorData
from xstitch_lib.networks import stitch
from xstitch_lib.networks.towers import fashion_cnn
from xstitch_lib.tasks import Classification
from xstitch_lib.training.evaluation import evaluate
from xstitch_lib.training.fit import fit
from xstitch_lib.training.optim import parameter_groups

BATCH, LR = 128, 0.02
TASK = {"article": Classification("article", 10)}
AFTER = ["pool1", "pool2", "pool5", "fc6", "fc7"]


# --- 1. an epoch of Fashion-MNIST


def fashion_mnist(smoke: bool) -> tuple[TensorData, TensorData]:
    try:
        data = [FashionMNIST(split, full=not smoke) for split in ("train", "test")]
    except (OSError, RuntimeError, ModuleNotFoundError) as error:
        print(f"no full Fashion-MNIST ({error}): the embedded slice instead")
        data = [FashionMNIST(split) for split in ("train", "test")]
    print(f"{data[0]}, {data[1]}")
    return data[0], data[1]


def as_torchvision(data: TensorData, root: str) -> TorchvisionFashionMNIST:
    """The same samples as the files that torchvision reads."""
    folder = Path(root) / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    images = (data.tensors["image"] * 255).round().to(torch.uint8).squeeze(1).numpy()
    for name in ("train", "t10k"):
        for kind, array in (("images-idx3", images), ("labels-idx1", data.tensors["article"].byte().numpy())):
            header = np.array([0x0800 + array.ndim, *array.shape], ">i4")
            (folder / f"{name}-{kind}-ubyte").write_bytes(header.tobytes() + array.tobytes())
    return TorchvisionFashionMNIST(root, train=True, transform=ToTensor())


def tutorial(net: nn.Module, data: TorchvisionFashionMNIST, epochs: int, seed: int, workers: int) -> None:
    torch.manual_seed(seed)
    loader = DataLoader(data, batch_size=BATCH, shuffle=True, drop_last=True, num_workers=workers)
    optimizer = torch.optim.SGD(net.parameters(), lr=LR, momentum=0.9)
    for _ in range(epochs):
        for images, labels in loader:
            loss = F.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def bench_epoch(smoke: bool, seeds: int, epochs: int, width: int) -> None:
    train, test = fashion_mnist(smoke)
    steps = epochs * (len(train) // BATCH)
    with tempfile.TemporaryDirectory() as root:
        files = as_torchvision(train, root)

        def ours(**options) -> Callable[[nn.Module, int], object]:
            return lambda net, seed: fit(net, TASK, train, steps=steps, lr=LR, batch_size=BATCH, seed=seed, **options)

        arms = {
            f"DataLoader, {n} workers": lambda net, seed, n=n: tutorial(net, files, epochs, seed, n) for n in (0, 2)
        }
        arms |= {
            "fit": ours(),
            "fit, channels_last": ours(channels_last=True),
            "fit, channels_last, bf16": ours(channels_last=True, precision="bf16"),
        }
        for precision in ("no", "bf16"):  # the first steps of a process are slow
            fit(fashion_cnn(10, width=width), TASK, train, steps=5, lr=LR, precision=precision)
        seconds, accuracy = {arm: [] for arm in arms}, {arm: [] for arm in arms}
        for seed in range(seeds):
            for arm, run in arms.items():
                torch.manual_seed(seed)
                net = fashion_cnn(10, width=width)
                start = time.perf_counter()
                run(net, seed)
                seconds[arm].append((time.perf_counter() - start) / epochs)
                accuracy[arm].append(evaluate(net, TASK, test)["article"]["accuracy"])
    print(f"\nfashion_cnn(10, width={width}), batch {BATCH}, {epochs} epochs, {seeds} seeds")
    print(f"{'':28}{'s/epoch':>9}{'speed':>8}{'accuracy':>10}   of each seed")
    base = min(median(seconds[arm]) for arm in arms if arm.startswith("DataLoader"))
    for arm in arms:
        each = " ".join(f"{value:.2f}" for value in accuracy[arm])
        numbers = f"{median(seconds[arm]):9.2f}{base / median(seconds[arm]):7.2f}×{mean(accuracy[arm]):10.2f}"
        print(f"{arm:28}{numbers}   {each}")


# --- 2. a stitched step


def small_fcn(outputs: int, width: int = 16) -> nn.Sequential:
    """A tower of the small scale: (B, 3, 48, 64) → (B, outputs, 6, 8), the paper's layer names."""

    def conv(inputs: int, channels: int, size: int, stride: int = 1) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(inputs, channels, size, stride, size // 2), nn.ReLU())

    return nn.Sequential(
        OrderedDict(
            conv1=conv(3, width, 5, stride=2),
            pool1=nn.MaxPool2d(3, 2, 1),
            conv2=conv(width, 2 * width, 5),
            pool2=nn.MaxPool2d(3, 2, 1),
            conv3=conv(2 * width, 3 * width, 3),
            conv4=conv(3 * width, 3 * width, 3),
            conv5=conv(3 * width, 2 * width, 3),
            pool5=nn.MaxPool2d(3, 1, 1),
            fc6=conv(2 * width, 6 * width, 3),
            fc7=conv(6 * width, 6 * width, 1),
            score=nn.Conv2d(6 * width, outputs, 1),
        )
    )


class Unstitched(nn.Module):
    def __init__(self, towers: dict[str, nn.Module]):
        super().__init__()
        self.towers = nn.ModuleDict(towers)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {task: tower(x) for task, tower in self.towers.items()}


class NaiveUnit(nn.Module):
    """Eq. 1 as one would first write it."""

    def __init__(self, channels: int):
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor([[0.9, 0.1], [0.1, 0.9]]).repeat(channels, 1, 1))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        a, b = maps
        w = self.alpha[..., None, None]
        return [w[:, 0, 0] * a + w[:, 0, 1] * b, w[:, 1, 0] * a + w[:, 1, 1] * b]


def make_step(kind: str, channels_last: bool, compiled: bool, batch: int) -> Callable[[], None]:
    torch.manual_seed(0)
    towers = {"seg": small_fcn(19), "normals": small_fcn(20)}
    net = Unstitched(towers) if kind == "towers" else stitch(towers, AFTER, (1, 3, 48, 64))
    if kind == "naive units":
        for layer, unit in list(net.units.items()):
            net.units[layer] = NaiveUnit(unit.channels)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    net.to(memory_format=layout).train()
    images = torch.randn(batch, 3, 48, 64).to(memory_format=layout)
    labels = {"seg": torch.randint(19, (batch, 24, 32)), "normals": torch.randint(20, (batch, 24, 32))}
    optimizer = torch.optim.SGD(parameter_groups(net, lr=1e-4), momentum=0.9, fused=True)
    if compiled:
        net.compile()

    def step() -> None:
        outputs = net(images)
        loss = torch.zeros(())
        for task, target in labels.items():
            loss = loss + F.cross_entropy(F.interpolate(outputs[task], size=(24, 32), mode="bilinear"), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def bench_step(rounds: int, batch: int, compiled: bool) -> None:
    kinds = ("towers", "stitched", "naive units")
    print(f"\none step, two towers of width 16, batch {batch}, 48×64, {rounds} interleaved rounds")
    print(f"{'':28}{'towers ms':>10}{'stitched':>10}{'naive':>8}{'stitched/towers':>17}{'naive/towers':>14}")
    for compile_it in (False, True) if compiled else (False,):
        for channels_last in (False, True):
            steps = {kind: make_step(kind, channels_last, compile_it, batch) for kind in kinds}
            times = interleaved(steps, rounds)
            towers, stitched, naive = (1e3 * median(times[kind]) for kind in kinds)
            label = f"{'compiled' if compile_it else 'eager'}{', channels_last' if channels_last else ''}"
            ratios = f"{stitched / towers:17.3f}{naive / towers:14.3f}"
            print(f"{label:28}{towers:10.2f}{stitched:10.2f}{naive:8.2f}{ratios}", flush=True)


def interleaved(steps: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {kind: [] for kind in steps}
    for step in steps.values():
        for _ in range(3):
            step()
    gc.collect()
    gc.disable()
    for i in range(rounds):
        kinds = list(steps)
        for kind in kinds[i % len(kinds) :] + kinds[: i % len(kinds)]:
            start = time.perf_counter()
            steps[kind]()
            times[kind].append(time.perf_counter() - start)
    gc.enable()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="embedded slice, one seed, few rounds, no compilation")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--width", type=int, default=32, help="of fashion_cnn")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--batch", type=int, default=16, help="of the stitched step")
    parser.add_argument("--only", choices=("epoch", "step"))
    parser.add_argument("--no-compile", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(2)
    print(f"torch {torch.__version__}, {platform.processor() or platform.machine()}, 2 threads")
    if args.only != "epoch":
        bench_step(30 if args.smoke else args.rounds, args.batch, compiled=not (args.smoke or args.no_compile))
    if args.only != "step":
        bench_epoch(args.smoke, 1 if args.smoke else args.seeds, 1 if args.smoke else args.epochs, args.width)


if __name__ == "__main__":
    main()
