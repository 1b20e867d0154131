"""One run of `fit`: its parts, all of which stand in its checkpoint, and its loop."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm import tqdm

from xstitch_lib.data.source import Batch, Source
from xstitch_lib.tasks import Task
from xstitch_lib.tasks.quantities import Quantities
from xstitch_lib.training.augment import for_one_run
from xstitch_lib.training.batches import Batches
from xstitch_lib.training.best import Best
from xstitch_lib.training.checkpoint import Checkpoint, RandomState, describe, own_random_state
from xstitch_lib.training.evaluation import check_finite
from xstitch_lib.training.history import History
from xstitch_lib.training.losses import batch_losses, parts
from xstitch_lib.training.objective import Objective
from xstitch_lib.training.optim import clip_gradient, find_units, stop_unless_finite
from xstitch_lib.training.recipe import Recipe

Metrics = Mapping[str, Mapping[str, float]]
AfterStep = Callable[[int, Mapping[str, float]], bool | None]
StepLosses = Mapping[tuple[str, str], tuple[float, float]]  # task and loss → its sum, and what that is divided by


class Run:
    """A network, what it is trained for and how, on this process's device.

    Args:
        net, tasks, recipe, best: as `fit` has them.
        train: samples of training.
        look: what is measured at each snapshot.
        objective: the recipe's.
        accelerator: of this process.
    """

    def __init__(
        self,
        net: nn.Module,
        tasks: Mapping[str, Task],
        recipe: Recipe,
        *,
        train: Source,
        look: Callable[[nn.Module], Metrics],
        best: Best | None,
        objective: Objective,
        accelerator: Accelerator,
    ):
        self.net, self.tasks, self.recipe, self.look, self.best = net, tasks, recipe, look, best
        self.accelerator, self.device, self.processes = accelerator, accelerator.device, accelerator.num_processes
        self.inputs = list(train.inputs)
        self.pictures = [name for name, x in train.peek().items() if name in self.inputs and _is_picture(x)]
        self.channels_last = recipe.channels_last and bool(self.pictures)
        self.layout = torch.channels_last if self.channels_last else torch.preserve_format
        net.to(self.device, memory_format=self.layout).train()
        self.model = net  # and around it, once training begins, what makes several processes one
        self.objective = objective.to(self.device)
        self.solver = recipe.solver(net, objective)
        self.scheduler = recipe.scheduler(self.solver)
        rank = accelerator.process_index
        self.seed = recipe.seed + 1000 * rank
        self.batches = Batches(train.to(self.device), recipe.batch_size, recipe.seed, rank, self.processes)
        if recipe.accumulate > 1 and self.batches.size % (recipe.accumulate * self.processes):
            raise ValueError(
                f"accumulate={recipe.accumulate} needs batches that can be cut into as many equal parts a process; got "
                f"{self.batches.size} samples for {self.processes}: choose another batch_size"
            )
        self.augment = None if recipe.augment is None else for_one_run(recipe.augment, self.seed)
        self.history = History(list(tasks), Quantities({name: task.quantities for name, task in tasks.items()}))
        self.random_state = RandomState(accelerator)
        self.parameters = [*net.parameters(), *objective.parameters()]

    def checkpoint(self, path: str | Path | None, data: Mapping[str, Source], validation: Any) -> Checkpoint:
        """The file that this run goes on from, told from another's by all that its result depends on."""
        settings = self.recipe.settings(list(self.tasks), self.solver) | {"channels_last": self.channels_last}
        settings |= {"inputs": self.inputs, "watched": validation if callable(validation) else None}
        if self.recipe.objective is not None:
            settings["objective"] = self.objective.described()
        if self.best is not None:
            settings["best"] = f"{self.best.metric} of {self.best.task}, patience {self.best.patience}"
        made_with = describe(settings, self.net, self.tasks, **data) if path is not None else {}
        kept = {"net": self.net, "objective": self.objective, "optimizer": self.solver, "schedule": self.scheduler}
        kept |= {"batches": self.batches, "history": self.history, "random": self.random_state}
        kept |= {"augment": self.augment} if hasattr(self.augment, "state_dict") else {}
        kept |= {"best": self.best} if self.best is not None else {}
        return Checkpoint(path, made_with, kept, self.accelerator, shorter=self.recipe.shorter)

    def go(self, checkpoint: Checkpoint, after_step: AfterStep | None) -> History:
        """Train, from where the checkpoint is, to the last step or to where ``best`` or ``after_step`` ends it."""
        steps, marks = self.recipe.steps, {*self.recipe.marks}
        with own_random_state(self.seed, self.device):
            done = checkpoint.restore()
            if done == 0 and self.best is not None and self.best.step is not None:
                raise ValueError(f"best= is of another run, whose best step was {self.best.step}: make a new Best(…)")
            if done < steps:
                self._go_on_from(done)
            begun = time.perf_counter() - self.history.seconds
            self.model = self.accelerator.prepare_model(self.net) if self.processes > 1 else self.net
            if done == 0 and marks:
                self._snapshot(0)
            self.asks = self.processes > 1 and self._anywhere(after_step is not None)
            quiet = None if self.accelerator.is_main_process else True  # None: quiet without a terminal
            ahead = range(0) if self.best is not None and self.best.over else range(done + 1, steps + 1)
            for step in (bar := tqdm(ahead, initial=done, total=steps, disable=quiet)):
                losses = self._step(step)
                self.history.add_losses(losses)
                if step % self.recipe.log_every == 0 or step == steps:
                    bar.set_postfix(self.history.close_interval(step))
                enough = step in marks and self._snapshot(step)
                enough |= self._asked_to_end(after_step, step, losses)
                if step % self.recipe.checkpoint_every == 0 or step == steps or enough:
                    self.history.seconds = time.perf_counter() - begun
                    checkpoint.save(step)
                if enough:
                    break
        if self.best is not None:
            self.best.restore(self.net)
        return self.history

    def _asked_to_end(self, after_step: AfterStep | None, step: int, losses: StepLosses) -> bool:
        """What ``after_step`` says; one process is enough, as in a budget of time."""
        said = False
        if after_step is not None:
            said = after_step(step, {f"{task} {name}": total / n for (task, name), (total, n) in losses.items() if n})
        if not (said is None or isinstance(said, bool | np.bool_)):
            raise ValueError(f"after_step returns True, to end the run, or False or None; at step {step} got {said!r}")
        return self._anywhere(bool(said)) if self.asks else bool(said)

    def _anywhere(self, said: bool) -> bool:
        """Whether one of the processes says so."""
        return bool(self.accelerator.reduce(torch.tensor(float(said), device=self.device), "sum") > 0)

    def _go_on_from(self, done: int) -> None:
        self.random_state.go_on()
        for group, rate in zip(self.solver.param_groups, self.scheduler.base_lrs, strict=True):
            group["lr"] = rate * self.recipe.rates[done]  # a shorter run's is 0 after its last step
        self.history.seconds_before = self.history.seconds

    def _snapshot(self, step: int) -> bool:
        """Keep alphas and metrics; whether ``best`` has seen enough."""
        self.history.add_alphas(step, find_units(self.net))
        found = self.look(self.net)
        self.history.add_metrics(step, found)
        if self.best is None:
            return False
        return self.best.look(step, self.net, found, self.tasks[self.best.task].quantities[self.best.metric])

    def _step(self, step: int) -> StepLosses:
        """Draw a batch and follow its gradient."""
        batch = self._batch()
        self.solver.zero_grad()
        sums: Tensor | float = 0.0
        for part, share in parts(batch, self.recipe.accumulate):
            losses = batch_losses(self.accelerator, self.model, self.inputs, part, self.tasks, self.recipe.precision)
            losses.backward(self.objective, self.net, share, self.processes)  # which is averaged over processes
            sums = losses.sums + sums
        for parameter in [p for p in self.objective.parameters() if self.processes > 1 and p.grad is not None]:
            parameter.grad = self.accelerator.reduce(parameter.grad, "mean")  # as the model does by itself
        norm = clip_gradient(self.parameters, self.recipe.clip)
        *values, norm = torch.cat([sums.flatten(), norm[None]]).tolist()  # one wait for the device
        totals, counts = values[: len(losses.names)], values[len(losses.names) :]
        try:
            stop_unless_finite(step, dict(zip(losses.names, totals, strict=True)), norm, self.solver)
        except FloatingPointError:
            check_finite(f"step {step}", self.inputs, batch)  # of lazy data, or made by an augmentation
            raise
        self.solver.step()
        self.scheduler.step()
        return dict(zip(losses.names, zip(totals, counts, strict=True), strict=True))

    def _batch(self) -> Batch:
        batch = self.batches.draw()
        if self.augment is not None:
            batch = self.augment(batch)
        return batch | {name: batch[name].to(memory_format=self.layout) for name in self.pictures}


def _is_picture(x: Any) -> bool:
    return isinstance(x, Tensor) and x.ndim == 4
