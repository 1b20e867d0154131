"""Where the arms of one seed are trained: they share its towers, its order of the data and its budget."""

import hashlib
import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor, nn

from xstitch_lib.data.tensors import fingerprint
from xstitch_lib.networks.named import Named
from xstitch_lib.results.identity import code_of, training_code
from xstitch_lib.results.provenance import has_bf16
from xstitch_lib.studies.live import live_runs, mark_as_used
from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.worlds import load
from xstitch_lib.tasks import Task
from xstitch_lib.training.checkpoint import CheckpointError
from xstitch_lib.training.fit import fit
from xstitch_lib.training.history import History
from xstitch_lib.training.objective import Objective
from xstitch_lib.training.optim import constant, cosine, warmup
from xstitch_lib.training.recipe import Recipe

SCHEDULES = {"cosine": cosine, "constant": constant}


class Apart(nn.Module):
    """Several networks side by side, one for each task; ``{task: its network's output for that task}``."""

    def __init__(self, nets: Mapping[str, nn.Module]):
        super().__init__()
        self.nets = Named(nets)

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        outputs = {task: net(*inputs) for task, net in self.nets.items()}
        return {task: found[task] if isinstance(found, Mapping) else found for task, found in outputs.items()}


class Bench:
    """One seed at one scale.

    Args:
        folder: holds the runs' checkpoints, so that an interrupted run goes on and a finished one is not repeated;
            None, `live_runs`.

    Attributes:
        world, scale, seed: what is trained on, how much, and the seed that pairs the arms.
        precision: the scale's where the machine has bf16, else "no".
        waited: seconds, for runs that other processes trained.
    """

    def __init__(self, scale: Scale, seed: int, folder: Path | None = None):
        self.scale, self.seed, self.folder, self._live = scale, seed, folder or live_runs(), folder is None
        self.world = load(scale)
        self.precision = scale.precision if has_bf16() else "no"
        self.waited = 0.0

    def fresh(self, weights: str = "a") -> dict[str, nn.Sequential]:
        """A tower for each task, of the random initialisation called ``weights``; see `World.one_start`."""
        with self.drawing(f"weights {weights}"):
            towers = {task: self.world.tower(task) for task in self.world.tasks}
        first, *others = towers.values()
        for tower in others if self.world.one_start else []:
            own = tower.state_dict()
            shared = {name: x for name, x in first.state_dict().items() if x.shape == own[name].shape}
            tower.load_state_dict(shared, strict=False)
        return towers

    @contextmanager
    def drawing(self, what: str) -> Iterator[None]:
        """Within the block torch's global generator gives the random numbers of this seed that are called ``what``."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(f"{self.seed} {what}{self.world.draw}"))
            yield

    def one_task(self, weights: str = "a", order: str = "a") -> tuple[dict[str, nn.Module], History]:
        """A trained tower for each task: the first phase, which all arms that start from it share.

        Args:
            weights: name of the random initialisation.
            order: name of the order in which the data come.
        """
        net = Apart(self.fresh(weights))
        history = self.train(net, self.world.tasks, phase=0, name=f"towers {weights}{order}", order=order)
        return dict(net.nets.items()), history

    def train(
        self,
        net: nn.Module,
        tasks: Mapping[str, Task],
        phase: int,
        name: str,
        order: str = "a",
        unit_lr_scale: float = 1.0,
        objective: Callable[[Sequence[str]], Objective] | None = None,
    ) -> History:
        """Train ``net`` for one phase of the scale's budget; the run called ``name`` goes on where it was left.

        Args:
            objective: as of a `Recipe`; None, the sum of the losses.

        Where another process trains this run at the moment, it is waited for; processes of torchrun train it together.
        """
        scale, world, file = self.scale, self.world, self._file(name, phase, net)
        if not scale.steps[phase]:
            return History(list(tasks))
        recipe = Recipe(
            steps=scale.steps[phase],
            lr=scale.lr[phase],
            unit_lr_scale=unit_lr_scale,
            seed=seed_of(f"{self.seed} order {order} {phase}{self.world.draw}"),
            batch_size=scale.batch_size,
            optimizer=scale.optimizer,
            weight_decay=scale.weight_decay,
            objective=objective,
            schedule=SCHEDULES[scale.schedule] if phase else warmup(scale.warmup / scale.steps[0]),
            augment=world.augment,
            precision=self.precision,
            channels_last=scale.channels_last,
            snapshots=scale.snapshots if phase else 0,
            checkpoint_every=_every_few_minutes(scale.steps[phase]),
        )
        where = {"resume": self.folder / file, "validation": world.watched(tasks) if phase else None}
        with self._turn(file):
            mark_as_used(self.folder / file)
            try:
                return fit(net, tasks, world.train, recipe, **where)
            except CheckpointError:
                if not self._live:
                    raise
                (self.folder / file).unlink()  # nobody's but this folder's: trained anew
                return fit(net, tasks, world.train, recipe, **where)

    @contextmanager
    def _turn(self, file: str) -> Iterator[None]:
        """Wait until no other process trains the run of this file."""
        if "RANK" in os.environ:
            yield
            return
        begun, locks = time.perf_counter(), self.folder / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / f"{file}.lock"):
            self.waited += time.perf_counter() - begun
            yield

    def _file(self, name: str, phase: int, net: nn.Module) -> str:
        """One file a run; the digest is of all that the runs before it and itself depend on, and how ``net`` starts."""
        later = {"unit_lr_scale", "seeds", "arms"}
        later |= set() if phase else {"validation", "test", "table", "schedule", "snapshots"}
        scale = {field.name: getattr(self.scale, field.name) for field in fields(self.scale) if field.name not in later}
        scale |= {"steps": self.scale.steps[: phase + 1], "lr": self.scale.lr[: phase + 1]}
        start, versions = fingerprint(net.state_dict()), f"torch {torch.__version__} numpy {np.__version__}"
        world, layers = self.world, {type(module) for module in net.modules()}
        outside = code_of(
            type(self.scale), type(world), world.tower, world.augment, *map(type, world.tasks.values()), *layers
        )
        described = f"{scale} {self.precision} {training_code()}{outside} {versions} {name} {start}"
        digest = hashlib.sha256(described.encode()).hexdigest()[:12]
        return f"seed{self.seed}-{name.split()[0]}-{phase}-{digest}.ckpt"


def _every_few_minutes(steps: int) -> int:
    """Steps from one checkpoint to the next: an accelerator takes a hundred in the time that writing one takes."""
    return 500 if torch.accelerator.is_available() else min(500, max(1, steps // 10))


def seed_of(text: str) -> int:
    """A seed from words: the same on every machine, and independent of the seeds of other words."""
    return zlib.crc32(text.encode())
