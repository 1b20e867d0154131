"""What the optimizer is given: weights and alphas apart, and the schedules of their rates."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from xstitch_lib.unit_base import Unit

Schedule = Callable[[float], float]


def parameter_groups(
    net: nn.Module,
    lr: float,
    unit_lr_scale: float = 100.0,
    weight_decay: float = 0.0,
    objective: nn.Module | None = None,
) -> list[dict[str, Any]]:
    """Weights and alphas as two groups for a `torch.optim` optimizer, told apart by identity.

    Args:
        net: any module; see `find_units` for what counts as a unit.
        lr, weight_decay: of the weights. Alphas learn at ``lr * unit_lr_scale`` and do not decay.
        objective: an `Objective`, whose parameters, if it has any, are a third group; they do not decay.

    Returns:
        ``[{"name": "weights", …}, {"name": "alphas", …}]``; parameters that need no gradient are left out, and
        so is a group without any.

    Raises:
        ValueError: if nothing is to be trained.

    Source: section 5.2, units learn 10^2 to 10^3 times faster than weights.
    """
    alphas = {id(p) for unit in find_units(net).values() for p in unit.alphas()}
    trained = [p for p in net.parameters() if p.requires_grad]
    groups = [
        ("weights", [p for p in trained if id(p) not in alphas], lr, weight_decay),
        ("alphas", [p for p in trained if id(p) in alphas], lr * unit_lr_scale, 0.0),
        ("objective", [p for p in objective.parameters() if p.requires_grad] if objective else [], lr, 0.0),
    ]
    if not trained:
        raise ValueError(f"{type(net).__name__} has no parameter to train: every one has requires_grad=False")
    return [
        {"name": name, "params": params, "lr": rate, "weight_decay": decay}
        for name, params, rate, decay in groups
        if params
    ]


def matrices_apart(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each group that decays as two, of which the second does not: biases, and scales and shifts of norms.

    >>> found = matrices_apart(parameter_groups(nn.Linear(3, 2), lr=0.1, weight_decay=0.01))
    >>> [(group["name"], len(group["params"]), group["weight_decay"]) for group in found]
    [('weights', 1, 0.01), ('weights', 1, 0.0)]
    """
    found = []
    for group in groups:
        own = [p for p in group["params"] if p.ndim > 1 or not group["weight_decay"]]
        others = [p for p in group["params"] if p.ndim <= 1 and group["weight_decay"]]
        found += [{**group, "params": own}, {**group, "params": others, "weight_decay": 0.0}]
    return [group for group in found if group["params"]]


def find_units(net: nn.Module) -> dict[str, Unit]:
    """Every unit, and every control of one, by layer where the network has it in its ``units``, else by module name."""
    units = getattr(net, "units", None)
    layers = {unit: layer for layer, unit in units.items()} if isinstance(units, nn.ModuleDict) else {}
    found = {name: m for name, m in net.named_modules() if isinstance(m, Unit)}
    return {layers.get(unit, name): unit for name, unit in found.items()}


def factors(schedule: Schedule, steps: int) -> list[float]:
    """The schedule's factor at each step.

    Raises:
        ValueError: if one is not finite.
    """
    values = [float(schedule(step / steps)) for step in range(steps)]
    for step, value in enumerate(values, start=1):
        if not math.isfinite(value):
            raise ValueError(f"schedule must give a finite factor at every step; got {value} at step {step} of {steps}")
    return values


def clip_gradient(parameters: Iterable[Tensor], clip: float | None) -> Tensor:
    """Shrink the gradient of these parameters together to a norm of ``clip``; return the norm it had."""
    params = [p for p in parameters if p.grad is not None]
    norm = nn.utils.get_total_norm([p.grad for p in params])
    if clip is not None:
        nn.utils.clip_grads_with_norm_(params, clip, norm)
    return norm


def stop_unless_finite(step: int, losses: Mapping[tuple[str, str], float], norm: float, optimizer: Optimizer) -> None:
    """Raise a FloatingPointError that names the step, what is not finite, and the rates."""
    bad = [f"the {name} of {task!r} is {loss}" for (task, name), loss in losses.items() if not math.isfinite(loss)]
    if not bad and not math.isfinite(norm):
        bad = [f"every loss is finite, but the norm of the gradient is {norm}"]
    if bad:
        rates = ", ".join([f"{group['name']} {group['lr']:g}" for group in optimizer.param_groups])
        raise FloatingPointError(
            f"at step {step} {' and '.join(bad)}, with learning rates {rates}; the weights are those before the step: "
            "lower lr or unit_lr_scale, set clip, or mend the loss or layer that makes it"
        )


def constant(progress: float) -> float:
    """The same rate throughout."""
    return 1.0


def cosine(progress: float) -> float:
    """From 1 to 0 along half a cosine.

    >>> [round(cosine(p), 2) for p in (0, 0.25, 0.5, 1)]
    [1.0, 0.85, 0.5, 0.0]
    """
    return (1 + math.cos(math.pi * progress)) / 2


def milestones(*points: float, factor: float = 0.1) -> Schedule:
    """Multiply the rate by ``factor`` at each of the points of progress.

    >>> steps = milestones(0.5, 0.75)
    >>> [round(steps(p), 3) for p in (0.4, 0.5, 0.8)]
    [1.0, 0.1, 0.01]
    """
    return lambda progress: factor ** sum(progress >= point for point in points)


def warmup(fraction: float, then: Schedule = constant) -> Schedule:
    """Rise in a line from 0 during the first ``fraction`` of the run, then run the whole of ``then``.

    >>> rise = warmup(0.1, then=cosine)
    >>> [round(rise(p), 2) for p in (0, 0.05, 0.1, 0.55)]
    [0.0, 0.5, 1.0, 0.5]
    """
    return lambda progress: progress / fraction if progress < fraction else then((progress - fraction) / (1 - fraction))
