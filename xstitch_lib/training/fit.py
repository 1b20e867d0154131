"""Training any network of several tasks: one loop, resumable, on one or several processes."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import convert_to_fp32
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from xstitch_lib.data.source import Batch, Source
from xstitch_lib.networks.probe import in_mode
from xstitch_lib.tasks import Task
from xstitch_lib.tasks.quantities import Quantities, Quantity
from xstitch_lib.training.augment import for_one_run
from xstitch_lib.training.batches import Batches
from xstitch_lib.training.best import Best
from xstitch_lib.training.checkpoint import Checkpoint, RandomState, describe, own_random_state
from xstitch_lib.training.evaluation import check_finite, checked, evaluate, forward
from xstitch_lib.training.history import History, is_loss
from xstitch_lib.training.objective import Losses, Objective
from xstitch_lib.training.optim import clip_gradient, find_units, stop_unless_finite
from xstitch_lib.training.recipe import Recipe, made

Metrics = Mapping[str, Mapping[str, float]]
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
    after_step: Callable[[int, Mapping[str, float]], bool | None] | None = None,
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
        best: a `Best`, which looks at each snapshot's validation; the network ends with the weights of the best one.
        after_step: called after each step with its number and the step's losses, ``{"seg loss": 1.3}``; True ends the
            run there.

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
    device, rank, processes = accelerator.device, accelerator.process_index, accelerator.num_processes
    data = {"train": checked("fit's train", train, tasks, device)}
    if validation is not None and not callable(validation):
        data["validation"] = checked("fit's validation", validation, tasks, device)
    inputs = _inputs(data)
    pictures = [name for name, x in data["train"].peek().items() if name in inputs and _is_picture(x)]
    channels_last = recipe.channels_last and bool(pictures)
    layout = torch.channels_last if channels_last else torch.preserve_format
    net.to(device, memory_format=layout).train()
    objective = _objective(recipe, tasks, processes).to(device)
    solver = recipe.solver(net, objective)
    scheduler = recipe.scheduler(solver)
    batches = Batches(data["train"].to(device), recipe.batch_size, recipe.seed, rank, processes)
    if recipe.accumulate > 1 and batches.size % (recipe.accumulate * processes):
        raise ValueError(
            f"accumulate={recipe.accumulate} needs batches that can be cut into as many equal parts a process; got "
            f"{batches.size} samples for {processes}: choose another batch_size"
        )
    look = _look(validation, tasks, data, device)
    history = History(list(tasks), Quantities({name: task.quantities for name, task in tasks.items()}))
    steps, marks = recipe.steps, {*recipe.marks}
    settings = recipe.settings(list(tasks), solver) | {"channels_last": channels_last}
    settings |= {"inputs": inputs, "watched": validation if callable(validation) else None}
    if recipe.objective is not None:
        shapes = {name: tuple(x.shape) for name, x in objective.state_dict().items()}
        settings["objective"] = f"{type(objective).__qualname__} {objective.weights} {shapes}"
    random_state = RandomState(accelerator)
    parts = {"net": net, "objective": objective, "optimizer": solver, "schedule": scheduler, "batches": batches}
    parts |= {"history": history, "random": random_state}
    augment = None if recipe.augment is None else for_one_run(recipe.augment, recipe.seed + 1000 * rank)
    parts |= {"augment": augment} if hasattr(augment, "state_dict") else {}
    parts |= {"best": best} if best is not None else {}
    if best is not None:
        settings["best"] = f"{best.metric} of {best.task}, patience {best.patience}"
        wanted = _quantity(best, tasks, validation)
    made_with = describe(settings, net, tasks, **data) if resume is not None else {}
    checkpoint = Checkpoint(resume, made_with, parts, accelerator, shorter=recipe.shorter)

    def snapshot(step: int) -> bool:
        history.add_alphas(step, find_units(net))
        found = look(net)
        history.add_metrics(step, found)
        return best is not None and best.look(step, net, found, wanted)

    parameters = [*net.parameters(), *objective.parameters()]
    with own_random_state(recipe.seed + 1000 * rank, device):
        done = checkpoint.restore()
        if done < steps:
            random_state.go_on()
            for group, rate in zip(solver.param_groups, scheduler.base_lrs, strict=True):
                group["lr"] = rate * recipe.rates[done]  # a shorter run's is 0 after its last step
        history.seconds_before = history.seconds if done < steps else 0.0
        begun = time.perf_counter() - history.seconds
        model = accelerator.prepare_model(net) if processes > 1 else net
        if done == 0 and marks:
            snapshot(0)
        quiet = None if accelerator.is_main_process else True  # None: quiet without a terminal
        ahead = range(0) if best is not None and best.over else range(done + 1, steps + 1)
        for step in (bar := tqdm(ahead, initial=done, total=steps, disable=quiet)):
            batch = batches.draw()
            if augment is not None:
                batch = augment(batch)
            batch |= {name: batch[name].to(memory_format=layout) for name in pictures}
            solver.zero_grad()
            sums: Tensor | float = 0.0
            for part, share in _parts(batch, recipe.accumulate):
                given = [part[name] for name in inputs]
                names, means, overall = _losses(accelerator, model, given, part, tasks, recipe.precision)
                objective.backward(_by_task(names, means * processes), net, share)  # averaged over processes
                sums = overall + sums
            for parameter in [p for p in objective.parameters() if processes > 1 and p.grad is not None]:
                parameter.grad = accelerator.reduce(parameter.grad, "mean")  # as the model does by itself
            norm = clip_gradient(parameters, recipe.clip)
            *values, norm = torch.cat([sums.flatten(), norm[None]]).tolist()  # one wait for the device
            totals = dict(zip(names, values, strict=False))
            try:
                stop_unless_finite(step, totals, norm, solver)
            except FloatingPointError:
                check_finite(f"step {step}", inputs, batch)  # of lazy data, or made by an augmentation
                raise
            solver.step()
            scheduler.step()
            history.add_losses(dict(zip(names, zip(totals.values(), values[len(names) :], strict=True), strict=True)))
            if step % recipe.log_every == 0 or step == steps:
                bar.set_postfix(history.close_interval(step))
            enough = step in marks and snapshot(step)
            if after_step is not None:
                means = zip(names, totals.values(), values[len(names) :], strict=True)
                losses = {f"{task} {name}": total / count for (task, name), total, count in means if count}
                enough |= after_step(step, losses) is True
            if step % recipe.checkpoint_every == 0 or step == steps or enough:
                history.seconds = time.perf_counter() - begun
                checkpoint.save(step)
            if enough:
                break
    if best is not None:
        best.restore(net)
    return history


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


def _quantity(best: Best, tasks: Mapping[str, Task], validation: Any) -> Quantity:
    """Of the metric that the best weights are told by."""
    if validation is None:
        raise ValueError("best= needs validation=, samples or a function of the network, to tell the best weights by")
    known = {name: task.quantities for name, task in tasks.items()}
    if best.metric not in known.get(best.task, {}):
        names = [f"{task} {metric}" for task, own in known.items() for metric in own]
        raise ValueError(f"{best.task!r} has no metric {best.metric!r}; known are {', '.join(names)}")
    return known[best.task][best.metric]


def _inputs(data: Mapping[str, Source]) -> list[str]:
    """What every part of the data hands the network."""
    train = data["train"].inputs
    for use, part in data.items():
        if list(part.inputs) != list(train):
            raise ValueError(
                f"fit's {use} hands the network {list(part.inputs)}, its train {list(train)}: give both the same "
                "inputs="
            )
    return list(train)


def _is_picture(x: Any) -> bool:
    return isinstance(x, Tensor) and x.ndim == 4


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


def _parts(batch: Batch, count: int) -> Iterator[tuple[Batch, float]]:
    """A batch in so many equal parts, and each one's share of its samples."""
    if count == 1:
        yield batch, 1.0
        return
    size = len(next(iter(batch.values()))) // count
    for start in range(0, size * count, size):
        yield {name: x[start : start + size] for name, x in batch.items()}, 1 / count


def _losses(
    accelerator: Accelerator,
    model: nn.Module,
    inputs: Sequence[Any],
    batch: Batch,
    tasks: Mapping[str, Task],
    precision: str,
) -> tuple[list[tuple[str, str]], Tensor, Tensor]:
    """Each loss of a batch: n of task and name, the means (n,) with a gradient, and (2, n) sums and their divisors.

    Sums and divisors are of all processes; the means are this one's sums over the divisors of all.
    """
    with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=precision == "bf16"):
        outputs = forward(model, inputs, tasks)
    pairs = {
        (name, loss): pair
        for name, task in tasks.items()
        for loss, pair in _named(name, task.losses(convert_to_fp32(outputs[name]), batch)).items()
    }
    totals, counts = [torch.stack(values) for values in zip(*pairs.values(), strict=True)]
    overall = accelerator.reduce(torch.stack([totals.detach(), counts.detach().to(totals)]), "sum")
    labelled = overall[1] != 0  # the others' loss is 0, not 0 / 0
    return list(pairs), totals / overall[1].where(labelled, 1), overall


def _named(name: str, losses: Any) -> Mapping[str, tuple[Tensor, Tensor]]:
    """What a task's ``losses`` returned, if it is what it must be."""
    if not isinstance(losses, Mapping) or not losses or not all([is_loss(loss) for loss in losses]):
        found = list(losses) if isinstance(losses, Mapping) else type(losses).__name__
        raise ValueError(
            f'the losses of task {name!r} must be a dict of names that are or end in "loss", {{"loss": (sum, count)}}; '
            f"got {found}"
        )
    for loss, pair in losses.items():
        if not isinstance(pair, tuple | list) or [getattr(value, "ndim", None) for value in pair] != [0, 0]:
            raise ValueError(
                f"{loss!r} of task {name!r} must be two 0-d tensors, the sum over what is labelled and what to divide "
                f"it by; got {pair!r}"
            )
    return losses


def _by_task(names: Sequence[tuple[str, str]], means: Tensor) -> Losses:
    found: dict[str, dict[str, Tensor]] = {}
    for (task, name), mean in zip(names, means.unbind(), strict=True):
        found.setdefault(task, {})[name] = mean
    return found
