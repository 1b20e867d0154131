"""Small runs that several tests share; as a script, what torchrun starts twice: `training_runs.py FOLDER`."""

import os
import sys
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accelerate import PartialState
from torch import nn

from xstitch_lib.data.tensors import IGNORE, TensorData
from xstitch_lib.networks import stitch
from xstitch_lib.tasks import Classification
from xstitch_lib.training.fit import fit
from xstitch_lib.training.objective import Objective
from xstitch_lib.training.optim import cosine

TASKS = {"a": Classification("a", 3), "b": Classification("b", 2)}


def tower(outputs, dropout=0.0):
    layers = {"fc1": nn.Sequential(nn.Linear(6, 8), nn.ReLU()), "drop": nn.Dropout(dropout), "fc2": nn.Linear(8, 8)}
    return nn.Sequential(OrderedDict(**layers, alpha_unit=nn.Linear(8, outputs)))  # named to mislead


def towers(seed=0, dropout=0.0):
    torch.manual_seed(seed)
    return {"a": tower(3, dropout), "b": tower(2, dropout)}


def stitched(seed=0, dropout=0.0):
    return stitch(towers(seed, dropout), after=["fc1", "fc2"], example=(2, 6))


class Unstitched(nn.Module):
    def __init__(self):
        super().__init__()
        self.towers = nn.ModuleDict(towers())

    def forward(self, x):
        return {name: tower(x) for name, tower in self.towers.items()}


def samples(n=40, missing=0.0, seed=0):
    g = torch.Generator().manual_seed(seed)
    image = torch.randn(n, 6, generator=g)
    labels = {"a": image[:, :3].argmax(1), "b": (image[:, 3] > 0).long()}
    known = {name: torch.rand(n, generator=g) >= missing for name in labels}
    return TensorData({"image": image, **{name: y.where(known[name], IGNORE) for name, y in labels.items()}})


class Noise:
    """An augmentation that may stop the run, or slow it down."""

    def __init__(self, stop_at=None, seconds=0.0):
        self.stop_at, self.seconds, self.calls = stop_at, seconds, 0

    def __call__(self, batch):
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        time.sleep(self.seconds)
        return {**batch, "image": batch["image"] + 0.1 * torch.randn_like(batch["image"])}


def train(net, data=None, tasks=TASKS, steps=12, lr=0.05, **options):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # such small tensors only wait for a second one
    try:
        return fit(net, tasks, data or samples(), steps=steps, lr=lr, **{"batch_size": 16, **options})
    finally:
        torch.set_num_threads(threads)


def weights(net):
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def assert_same(first, second):
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def assert_same_history(first, second):
    pd.testing.assert_frame_equal(first.table, second.table, check_exact=True)
    assert first.alpha_steps == second.alpha_steps
    assert first.alphas.keys() == second.alphas.keys()
    assert all([np.array_equal(first.alphas[layer], second.alphas[layer]) for layer in first.alphas])


def long_run(path=None, seconds=0.0):
    net = stitched(dropout=0.5)
    options = {"steps": 60, "unit_lr_scale": 10, "schedule": cosine, "checkpoint_every": 7}
    return net, train(net, augment=Noise(seconds=seconds), resume=path, **options)


class Uncertainty(Objective):
    """Kendall, Gal and Cipolla (CVPR 2018), equation 10 without its factor ½."""

    last = None

    def __init__(self, tasks):
        super().__init__()
        self.logs = nn.ParameterDict({task: nn.Parameter(torch.zeros(())) for task in tasks})
        Uncertainty.last = self

    def forward(self, losses):
        logs = {task: self.logs[task] for task in losses}
        return sum([(-s).exp() * sum(losses[task].values()) + s for task, s in logs.items()])


def shared_run(**more):
    net, options = stitched(), {"unit_lr_scale": 10, "weight_decay": 0.01, "clip": 1.0, "objective": Uncertainty}
    return net, train(net, samples(37, missing=0.5), batch_size=15, **options, **more)


def interrupted(net, **options):
    """Train, with an augmentation that stops the run; whether it did."""
    try:
        train(net, **options)
    except KeyboardInterrupt:
        return True
    return False


def be_killed(folder):
    long_run(folder / "run.ckpt", seconds=0.05)


def be_one_of_two(folder):
    net, history = shared_run()
    assert PartialState().num_processes == 2
    partly = Unstitched()
    train(partly, tasks={"a": TASKS["a"]}, weight_decay=0.1)  # the other tower gets no gradient
    if os.environ["RANK"] == "0":
        torch.save((weights(net), weights(partly), history.table["value"].tolist()), folder / "two.pt")
    options = {"resume": folder / "run.ckpt", "checkpoint_every": 5}
    straight, resumed = stitched(dropout=0.5), stitched(dropout=0.5)
    train(straight, augment=Noise())
    assert interrupted(stitched(dropout=0.5), augment=Noise(stop_at=7), **options)
    train(resumed, augment=Noise(), **options)
    assert_same(weights(resumed), weights(straight))
    shared_run(
        resume=folder / "begun by two.ckpt",
        after_step=(lambda step, losses: step == 5) if PartialState().is_main_process else None,
    )
    (folder / f"resumed by {torch.distributed.get_rank()}").touch()


if __name__ == "__main__":
    be_one_of_two(Path(sys.argv[1]))
