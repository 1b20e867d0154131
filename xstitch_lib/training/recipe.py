"""How a network is trained, as one value: what `fit` takes, studies vary and checkpoints compare."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from xstitch_lib.data.source import Batch
from xstitch_lib.networks.named import did_you_mean
from xstitch_lib.training.objective import Objective
from xstitch_lib.training.optim import Schedule, constant, factors, matrices_apart, parameter_groups

OPTIMIZERS: dict[str, Callable[[list[dict[str, Any]]], Optimizer]] = {
    "sgd": lambda groups: SGD(groups, momentum=0.9, fused=True),  # fused: one kernel, not three a parameter
    "adam": lambda groups: Adam(groups, fused=True),
    "adam, decay of matrices": lambda groups: Adam(matrices_apart(groups), fused=True),
    "adamw": lambda groups: AdamW(groups, fused=True),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The training options of `fit`, which takes them one by one or as one of these.

    Attributes:
        steps: optimizer steps in all, those before a resume included.
        lr, unit_lr_scale: learning rate of the weights; that of the alphas is ``lr * unit_lr_scale``. The default is
            the paper's, for SGD; Adam moves every weight by about its rate a step, so take about 10 with it, or less.
        seed: of data order, dropout and augmentation; the initial weights are the caller's.
        batch_size: samples a step, of all processes and parts together. Each epoch is a fresh permutation; its last,
            incomplete batch is dropped, unless the whole set is smaller than a batch.
        accumulate: in so many equal parts a batch goes through the network, one after the other, for memory that is
            too small; a step follows the mean of the parts' losses, each over what is labelled in it. Batch norm sees
            the parts.
        optimizer: "sgd", with momentum 0.9, "adam", "adamw", "adam, decay of matrices", which leaves biases and batch
            norm without decay, or a function of the groups that `parameter_groups` makes, such as
            ``lambda groups: torch.optim.RMSprop(groups, alpha=0.9)``.
        weight_decay: of the weights; alphas have none.
        schedule: progress in [0, 1) → the factor on all learning rates; see `cosine`, `milestones`, `warmup`.
        clip: the largest norm of the gradient of all parameters together.
        loss_weights: task → factor; 1 where not given.
        objective: in place of these weights a function of the tasks' names that makes an `Objective`.
        augment: a function of a batch, on the device; its randomness must come from torch's global generators.
        precision: "no", or "bf16" for autocast around the forward pass; losses are float32.
        channels_last: keep images and convolutions in that memory format, which most hardware prefers; inputs that are
            not (B, C, H, W) stay as they are.
        log_every: steps from one loss in the history to the next.
        snapshots: alphas are kept, and ``validation`` looked at, at that many evenly spaced steps, the first and the
            last included; 0 for none.
        checkpoint_every: steps from one checkpoint to the next.

    Raises:
        ValueError: for values that are none of these.

    >>> recipe = Recipe(steps=1000, lr=1e-3, optimizer="adam", unit_lr_scale=10)
    >>> recipe.marks[:3], recipe.marks[-1]
    ([0, 53, 105], 1000)
    """

    steps: int
    lr: float
    unit_lr_scale: float = 100.0
    seed: int = 0
    batch_size: int = 128
    accumulate: int = 1
    optimizer: str | Callable[[list[dict[str, Any]]], Optimizer] = "sgd"
    weight_decay: float = 0.0
    schedule: Schedule = constant
    clip: float | None = None
    loss_weights: Mapping[str, float] | None = field(default=None, hash=False)
    objective: Callable[[Sequence[str]], Objective] | None = None
    augment: Callable[[Batch], Batch] | None = None
    precision: str = "no"
    channels_last: bool = False
    log_every: int = 10
    snapshots: int = 20
    checkpoint_every: int = 500

    def __post_init__(self):
        object.__setattr__(self, "loss_weights", dict(self.loss_weights or {}))
        names = ("steps", "batch_size", "accumulate", "log_every", "checkpoint_every")
        counts = {name: getattr(self, name) for name in names}
        known = callable(self.optimizer) or self.optimizer in OPTIMIZERS
        if not known or self.precision not in ("no", "bf16") or min(counts.values()) < 1:
            found = {"optimizer": self.optimizer, "precision": self.precision, **counts}
            known = ", ".join([repr(name) for name in OPTIMIZERS])
            raise ValueError(
                f"training needs optimizer {known} or a function, precision 'no' or 'bf16', and {', '.join(counts)} "
                "≥ 1; got " + ", ".join([f"{name}={value!r}" for name, value in found.items()])
            )
        rates = {name: getattr(self, name) for name in ("lr", "unit_lr_scale", "weight_decay")}
        if not all([math.isfinite(rate) for rate in rates.values()]):
            raise ValueError(f"training needs {', '.join(rates)} to be finite; got {rates}")
        if not all([math.isfinite(weight) for weight in self.loss_weights.values()]):
            raise ValueError(f"loss_weights must be finite; got {self.loss_weights}")
        if self.objective is not None and (self.loss_weights or not callable(self.objective)):
            raise ValueError(
                f"objective is a function of the tasks' names that makes an Objective, in place of loss_weights; got "
                f"{self.objective!r} and loss_weights={self.loss_weights}"
            )
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip must be above 0, or None to leave the gradient as it is; got {self.clip}")
        if self.snapshots < 0 or self.snapshots == 1:
            raise ValueError(
                f"snapshots must be 0 for none, or at least 2, the first and the last step; got {self.snapshots}"
            )

    @property
    def rates(self) -> list[float]:
        """The schedule's factor at each step."""
        return factors(self.schedule, self.steps)

    def shorter(self, steps: int) -> dict[str, Any]:
        """Those of the `settings` that would differ, were there so many steps, at most as many as there are."""
        return {"steps": steps, "schedule": torch.tensor(self.rates[:steps], dtype=torch.float64)}

    @property
    def marks(self) -> list[int]:
        """The steps of the snapshots."""
        return sorted({round(i * self.steps / max(1, self.snapshots - 1)) for i in range(self.snapshots)})

    def solver(self, net: nn.Module, objective: Objective | None = None) -> Optimizer:
        """A fresh optimizer of the network's weights and alphas, and of what the objective learns.

        Raises:
            ValueError: if a function of one's own makes it of other groups than it is given.
        """
        make = self.optimizer if callable(self.optimizer) else OPTIMIZERS[self.optimizer]
        solver = make(parameter_groups(net, self.lr, self.unit_lr_scale, self.weight_decay, objective))
        if not all(["name" in group for group in solver.param_groups]):
            raise ValueError(
                f"an optimizer of one's own must be made of the groups that it is given, lambda groups: "
                f"{type(solver).__name__}(groups, ...); got one of other groups"
            )
        return solver

    def scheduler(self, solver: Optimizer) -> LambdaLR:
        """Multiplies every group's own rate by the schedule's factor, so that alphas stay as much faster."""
        rates = [*self.rates, 0.0]  # it asks for the step after the last, too
        return LambdaLR(solver, lambda step: rates[step])

    def combined(self, tasks: Sequence[str]) -> Objective:
        """A fresh objective.

        Raises:
            ValueError: if ``loss_weights`` names another task, or ``objective`` makes something else.
        """
        if unknown := set(self.loss_weights) - set(tasks):
            raise ValueError(f"loss_weights={sorted(unknown)} are for none of the tasks {list(tasks)}")
        made = Objective(self.loss_weights) if self.objective is None else self.objective(list(tasks))
        if not isinstance(made, Objective):
            raise ValueError(f"objective must make an Objective; got a {type(made).__name__}: derive it from Objective")
        return made

    def settings(self, tasks: Sequence[str], solver: Optimizer) -> dict[str, Any]:
        """What must be equal for a run to be the same one: all fields, functions by what they make or their names."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "checkpoint_every"}
        if callable(self.optimizer):
            own["optimizer"] = f"{type(solver).__name__} {solver.defaults}"
        rates = torch.tensor(self.rates, dtype=torch.float64)
        return own | {"schedule": rates, "loss_weights": [float(self.loss_weights.get(name, 1)) for name in tasks]}


def made(recipe: Recipe | None, options: Mapping[str, Any]) -> Recipe:
    """The recipe with these options, or one of the options alone.

    Raises:
        ValueError: for what is no recipe, an unknown option, or options that lack steps or lr.
    """
    names = [f.name for f in fields(Recipe)]
    if not isinstance(recipe, Recipe | None):
        raise ValueError(f"fit takes a Recipe, or options by name, steps=1000, lr=1e-3; got {recipe!r}")
    for name in options:
        if name not in names:
            raise ValueError(f"fit has no option {name!r}{did_you_mean(name, names)}")
    if recipe is not None:
        return replace(recipe, **options)
    if lacking := [name for name in ("steps", "lr") if name not in options]:
        raise ValueError(f"fit needs {' and '.join(lacking)}: fit(net, tasks, train, steps=1000, lr=1e-3)")
    return Recipe(**options)
