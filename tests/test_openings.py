"""The three openings for newcomers: a task, a method and a data set, each defined here and nowhere else.

A study is run with all of them, recorded, loaded and verified.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xstitch_lib import record, stitch
from xstitch_lib.data import Source
from xstitch_lib.results.statistics import gain, means
from xstitch_lib.studies import Arm, Scale, Study
from xstitch_lib.studies.methods import Method, Trained
from xstitch_lib.studies.methods.one_task import OneTask
from xstitch_lib.studies.verify import verify
from xstitch_lib.studies.worlds import World
from xstitch_lib.tasks.quantities import Quantity


@dataclass(frozen=True)
class Angle:
    """Task: the direction of a line, by the sine and cosine of twice its angle."""

    outputs: ClassVar[int] = 2
    quantities: ClassVar = {"error": Quantity("angle off", "°", higher_is_better=False, digits=1)}

    def check(self, name, batch):
        if batch["angle"].ndim != 1:
            raise ValueError(f"task {name!r} needs angles (B,); got {tuple(batch['angle'].shape)}")

    def losses(self, output, batch):
        return {"loss": (F.mse_loss(output, self.directions(batch), reduction="sum"), torch.tensor(len(output)))}

    def metric(self):
        return MeanError(self)

    def predict(self, output, batch=None):
        return torch.atan2(output[:, 0], output[:, 1]) / 2

    def draw(self, answer):
        return [f"{angle:.0f}°" for angle in torch.rad2deg(answer)]

    def directions(self, batch):
        return torch.stack([(2 * batch["angle"]).sin(), (2 * batch["angle"]).cos()], 1)


class MeanError:
    def __init__(self, task):
        self.task, self.off = task, []

    def update(self, output, batch):
        off = self.task.predict(output) - batch["angle"]
        self.off += torch.rad2deg(torch.remainder(off + np.pi / 2, np.pi) - np.pi / 2).abs().tolist()

    def compute(self):
        return {"error": float(np.mean(self.off))}

    def per_class(self):
        return {}


class Lines(Source):
    """Data: lines through the middle of a picture, drawn when they are asked for; sample i is the same each time."""

    def __init__(self, n, first=0):
        self.n, self.first = n, first

    def __len__(self):
        return self.n

    def draw(self, rows):
        angle = torch.remainder((rows + self.first) * 2.3999632, torch.pi)
        y, x = torch.meshgrid(torch.linspace(-1, 1, 9), torch.linspace(-1, 1, 9), indexing="ij")
        distance = x * angle.sin()[:, None, None] - y * angle.cos()[:, None, None]
        return {"image": (-20 * distance.square()).exp()[:, None], "angle": angle}

    def to(self, device):
        return self

    def fingerprint(self):
        return f"{self.first:08x}{self.n:08x}"


@dataclass(frozen=True, kw_only=True)
class LinesScale(Scale):
    world: str = "lines"
    width: int = 8
    train: int = 64
    steps: tuple = (40, 20)
    lr: tuple = (0.05, 0.02)
    unit_lr_scale: float = 10.0
    batch_size: int = 16
    optimizer: str = "sgd"
    weight_decay: float = 0.0

    def make(self):
        tasks = {"line": Angle(), "again": Angle()}

        def tower(task):
            first = nn.Sequential(nn.Conv2d(1, self.width, 3, stride=2), nn.ReLU())
            return nn.Sequential(OrderedDict(conv1=first, flatten=nn.Flatten(), fc2=nn.Linear(16 * self.width, 2)))

        return World(Lines(self.train), Lines(16, 64), Lines(32, 80), tasks, tower)


@dataclass(frozen=True, kw_only=True)
class Averaged(Method):
    """Method: all tasks' maps are replaced by their mean, from the first step on."""

    name: ClassVar[str] = "averaged"
    after: str = "conv1"

    def train(self, bench):
        towers = bench.fresh()
        example = bench.world.train.draw(torch.arange(1))["image"]
        net = stitch(towers, [self.after], example, per="layer", alpha_same=1 / len(towers))
        net.units.requires_grad_(False)
        return Trained(net, {"": self.both_phases(bench, net)})


ONE, MEAN = Arm("one-task", OneTask()), Arm("mean", Averaged())
STUDY = Study(
    "lines",
    "Does a mean help?",
    [ONE, MEAN],
    {"small": LinesScale(seeds=(0, 1), precision="no", channels_last=False, snapshots=3)},
    primary=[("mean", "one-task")],
    metrics={"line": "error"},
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lines")
    STUDY.run("small", seeds=[0, 1], folder=folder / "runs")
    record.save(STUDY.record("small", folder / "runs"), folder)
    return record.load("lines", "small", folder)


def test_the_new_task_is_learned_and_told_in_its_own_unit(recorded):
    assert recorded.table.value.max() < 20  # by chance 45
    assert list(means(recorded.table, [("line", "error")])) == ["line error ↓"]
    levels = recorded.table[recorded.table.task == "line"].groupby("arm").value.mean()
    assert gain(recorded.table, "mean", "one-task", "line", "error").mean == pytest.approx(
        levels["one-task"] - levels["mean"]
    )
    assert recorded.quantities["line"]["error"].unit == "°"


def test_a_cell_of_the_new_method_on_the_new_data_can_be_run_again(recorded):
    assert recorded.content["arms"]["mean"] == {"method": "averaged", "options": {"after": "conv1"}, "changes": {}}
    assert list(verify(recorded, seeds=[1])) == ["one-task, seed 1: equal", "mean, seed 1: equal"]
    alphas = recorded.alphas("mean", 0)[1]["conv1"]
    assert np.allclose(alphas, 0.5, atol=1e-3)
