"""Training any network of several tasks: `fit` looks at what it is given, and a `Run` trains, resumable, on one or
several processes.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import nn
from torch.utils.data import DataLoader, Dataset

from xstitch_lib.data.source import Source
from xstitch_lib.networks.probe import in_mode
from xstitch_lib.tasks import Task
from xstitch_lib.training.best import Best
from xstitch_lib.training.checkpoint import own_random_state
from xstitch_lib.training.evaluation import checked, evaluate
from xstitch_lib.training.history import History
from xstitch_lib.training.objective import Objective
from xstitch_lib.training.recipe import Recipe, made
from xstitch_lib.training.run import AfterStep, Metrics, Run

Samples = Source | Dataset | DataLoader


def fit(
    net: nn.Module,
    tasks: Mapping[str, Task],
    train: Samples,
    recipe: Recipe | None = None,
    *,
    resume: str | Path | None = None,
    validation: Samples | Callable[[nn.Module], Metrics] | None = None,
    best: Best | None = None,
    after_step: AfterStep | None = None,
    **options: Any,
) -> History:
    """Train ``net`` in place and return its `History`.

    Args:
        net: maps its inputs (B, ...) to {task: output}; for one task also to the bare output. Units are optional.
        tasks: task → what it is trained for, for instance ``{"seg": Classification("article", 10)}``.
        train: samples, as a `TensorData`, another `Source`, or a torch Dataset or DataLoader of dicts (`LazyData`); its
            ``inputs`` go to the network, all else in a batch are labels. Labels may be missing: each loss of a task is
            its mean over what is labelled in the batch (or in a part of it, see ``accumulate``), 0 if nothing is.
        recipe, options: how it is trained: ``steps=1000, lr=1e-3`` and whatever else a `Recipe` has, or a `Recipe`, or
            one with some of its options changed.
        resume: a file to go on from if it exists, and to write every ``checkpoint_every`` steps and where the run ends.
            One that ``best`` ended is over; one that ``after_step`` ended goes on.
        validation: evaluated into the history at each snapshot: samples, or a function of the network that returns
            {task: {metric: value}}.
        best: a `Best`, which looks at each snapshot's validation; the network ends with the weights of the best one. A
            run that goes on with more steps than before has looked at other ones on the way.
        after_step: called after each step with its number and the step's losses, ``{"seg loss": 1.3}``; True ends the
            run there, in all processes if one says so.

    Returns:
        the history, of a resumed run from its step 0 on. ``net`` is left on the device, in train mode; so are frozen
        parts, whose batch norm goes on counting unless they override ``train``.

    Raises:
        FloatingPointError: at the first step with a loss or gradient that is not finite. Weights and optimizer are
            those before that step; running statistics, as batch norm's, have seen it.
        ValueError: for settings, data, outputs or a checkpoint that do not fit.

    On the CPU a run that is killed and resumed ends, bit for bit, where an uninterrupted one does. Under torchrun
    each process takes its share of every batch; without dropout and batch norm the result is that of one process, and
    a run may go on in another number of them. With more ``steps`` a run goes on from its checkpoint, if the schedule
    gives the same rates up to there.
    """
    recipe = made(recipe, options)
    _check(tasks)
    # without cpu=True torchrun goes unnoticed; precision is set around the forward pass, which leaves net as it is
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)  # a tower whose task is not trained
    accelerator = Accelerator(mixed_precision="no", cpu=not torch.accelerator.is_available(), kwargs_handlers=[unused])
    data = {"train": checked("fit's train", train, tasks, accelerator.device)}
    if validation is not None and not callable(validation):
        data["validation"] = checked("fit's validation", validation, tasks, accelerator.device)
    _check_inputs(data)
    if best is not None:
        _check_best(best, tasks, validation, recipe)
    run = Run(
        net,
        tasks,
        recipe,
        train=data["train"],
        look=_look(validation, tasks, data, accelerator.device),
        best=best,
        objective=_objective(recipe, tasks, accelerator.num_processes),
        accelerator=accelerator,
    )
    return run.go(run.checkpoint(resume, data, validation), after_step)


def _check(tasks: Mapping[str, Task]) -> None:
    if not isinstance(tasks, Mapping):
        raise ValueError(f'tasks is a dict of names and tasks, {{"seg": SemanticSegmentation(...)}}; got {tasks!r}')
    for name, task in tasks.items():
        missing = [part for part in ("check", "losses", "metric") if not callable(getattr(task, part, None))]
        missing += [] if isinstance(getattr(task, "quantities", None), Mapping) else ["quantities"]
        if missing or isinstance(task, type):
            found = f"the class {task.__name__}" if isinstance(task, type) else f"a {type(task).__name__}"
            lacking = f" without {', '.join(missing)}" if missing else ", not one of its objects"
            raise ValueError(
                f"task {name!r} must be a task, such as xs.tasks.Classification(...); got {found}{lacking}"
            )
    if not tasks:
        raise ValueError("fit needs at least one task; got tasks=[]")


def _check_best(best: Best, tasks: Mapping[str, Task], validation: Any, recipe: Recipe) -> None:
    if not recipe.snapshots:
        raise ValueError("best= looks at snapshots, and snapshots=0 asks for none: take snapshots=20, or as many")
    if validation is None:
        raise ValueError("best= needs validation=, samples or a function of the network, to tell the best weights by")
    known = {name: task.quantities for name, task in tasks.items()}
    if best.metric not in known.get(best.task, {}):
        names = [f"{task} {metric}" for task, own in known.items() for metric in own]
        raise ValueError(f"{best.task!r} has no metric {best.metric!r}; known are {', '.join(names)}")


def _check_inputs(data: Mapping[str, Source]) -> None:
    train = data["train"].inputs
    for use, part in data.items():
        if list(part.inputs) != list(train):
            raise ValueError(
                f"fit's {use} hands the network {list(part.inputs)}, its train {list(train)}: give both the same "
                "inputs="
            )


def _objective(recipe: Recipe, tasks: Mapping[str, Task], processes: int) -> Objective:
    with own_random_state(recipe.seed, torch.device("cpu")):  # the same in all processes
        objective = recipe.combined(list(tasks))
    if processes > 1 and objective.owns_backward:
        raise ValueError(
            f"{type(objective).__name__} has a backward pass of its own, which one process alone can follow; got "
            f"{processes}: start one, or use an objective that only overrides forward"
        )
    return objective


def _look(
    validation: Any, tasks: Mapping[str, Task], data: Mapping[str, Source], device: torch.device
) -> Callable[[nn.Module], Metrics]:
    """What is measured at each snapshot."""
    if callable(validation):
        return lambda net: _watched(validation, net)
    there = data["validation"].to(device) if "validation" in data else None
    return lambda net: {} if there is None else evaluate(net, tasks, there)


def _watched(look: Callable[[nn.Module], Metrics], net: nn.Module) -> Metrics:
    with in_mode(net, training=True):  # whatever mode it leaves the network in
        return look(net)
