"""Training any network of several tasks: one loop, resumable, on one or several processes."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import convert_to_fp32
from torch import Tensor, nn
from tqdm import tqdm

from xstitch_lib.batches import Batches
from xstitch_lib.checkpoint import Checkpoint, RandomState, describe, own_random_state
from xstitch_lib.data.tensors import TensorData
from xstitch_lib.evaluation import check_data, evaluate, forward
from xstitch_lib.history import History
from xstitch_lib.optim import clip_gradient, find_units, set_rates, stop_unless_finite
from xstitch_lib.recipe import Batch, Recipe, made
from xstitch_lib.tasks import Task

Metrics = Mapping[str, Mapping[str, float]]


def fit(
    net: nn.Module,
    tasks: Mapping[str, Task],
    train: TensorData,
    recipe: Recipe | None = None,
    *,
    resume: str | Path | None = None,
    validation: TensorData | Callable[[nn.Module], Metrics] | None = None,
    **options: Any,
) -> History:
    """Train ``net`` in place and return its `History`.

    Args:
        net: maps its inputs (B, ...) to {task: output}; for one task also to the bare output. Units are optional.
        tasks: task → what it is trained for, for instance ``{"seg": Classification("article", 10)}``.
        train: samples in memory; its ``inputs`` go to the network, the other tensors are labels. Labels may be missing:
            the loss of a task is its mean over what is labelled in the batch, 0 if nothing is.
        recipe, options: how it is trained: ``steps=1000, lr=1e-3`` and whatever else a `Recipe` has, or a `Recipe`, or
            one with some of its options changed.
        resume: a file to go on from if it exists, and to write every ``checkpoint_every`` steps and at the end.
        validation: evaluated into the history at each snapshot: samples, or a function of the network that returns
            {task: {metric: value}}.

    Returns:
        the history, of a resumed run from its step 0 on. ``net`` is left on the device, in train mode; so are frozen
        parts, whose batch norm goes on counting unless they override ``train``.

    Raises:
        FloatingPointError: at the first step with a loss or gradient that is not finite. Weights and optimizer are
            those before that step; running statistics, as batch norm's, have seen it.
        ValueError: for settings, data, outputs or a checkpoint that do not fit.

    On the CPU a run that is killed and resumed ends, bit for bit, where an uninterrupted one does. Under torchrun
    each process takes its share of every batch; without dropout and batch norm the result is that of one process.
    """
    recipe = made(recipe, options)
    _check(tasks)
    data = {"train": train}
    if validation is not None and not callable(validation):
        data["validation"] = validation
    # without cpu=True torchrun goes unnoticed; precision is set around the forward pass, which leaves net as it is
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)  # a tower whose task is not trained
    accelerator = Accelerator(mixed_precision="no", cpu=not torch.accelerator.is_available(), kwargs_handlers=[unused])
    device, rank, processes = accelerator.device, accelerator.process_index, accelerator.num_processes
    for use, part in data.items():
        check_data(f"fit's {use}", part, tasks, device)
        if part.inputs != train.inputs:
            raise ValueError(
                f"fit's {use} hands the network {list(part.inputs)}, its train {list(train.inputs)}: give both the "
                "same inputs="
            )
    pictures = [name for name in train.inputs if train.tensors[name].ndim == 4]
    channels_last = recipe.channels_last and bool(pictures)
    layout = torch.channels_last if channels_last else torch.preserve_format
    net.to(device, memory_format=layout).train()
    solver = recipe.solver(net)
    batches = Batches(train.to(device), recipe.batch_size, recipe.seed, rank, processes)
    look = _look(validation, tasks, device)
    history, weights = History(list(tasks)), recipe.weights(tasks).to(device)
    steps, rates, marks = recipe.steps, recipe.rates, {*recipe.marks}
    settings = recipe.settings(tasks, solver) | {"processes": processes, "channels_last": channels_last}
    settings["watched"] = validation if callable(validation) else None
    if train.inputs != TensorData.inputs:
        settings["inputs"] = list(train.inputs)
    random_state = RandomState(accelerator)
    parts = {"net": net, "optimizer": solver, "batches": batches, "history": history, "random": random_state}
    made_with = describe(settings, net, tasks, **data) if resume is not None else {}
    checkpoint = Checkpoint(resume, made_with, parts, accelerator)

    def snapshot(step: int) -> None:
        history.add_alphas(step, find_units(net))
        history.add_metrics(step, look(net))

    with own_random_state(recipe.seed + 1000 * rank, device):
        done = checkpoint.restore()
        if done < steps:
            random_state.go_on()
        history.seconds_before = history.seconds if done < steps else 0.0
        begun = time.perf_counter() - history.seconds
        model = accelerator.prepare_model(net) if processes > 1 else net
        if done == 0 and marks:
            snapshot(0)
        quiet = None if accelerator.is_main_process else True  # None: quiet without a terminal
        for step in (bar := tqdm(range(done + 1, steps + 1), initial=done, total=steps, disable=quiet)):
            set_rates(solver, rates[step - 1])
            batch = batches.draw()
            if recipe.augment is not None:
                batch = recipe.augment(batch)
            batch |= {name: batch[name].to(memory_format=layout) for name in pictures}
            solver.zero_grad()
            inputs = [batch[name] for name in train.inputs]
            sums = _backward(accelerator, model, inputs, batch, tasks, weights, bf16=recipe.precision == "bf16")
            *sums, norm = torch.cat([sums, clip_gradient(net, recipe.clip)[None]]).tolist()  # one wait for the device
            totals, counts = sums[: len(tasks)], sums[len(tasks) :]
            stop_unless_finite(step, dict(zip(tasks, totals, strict=True)), norm, solver)
            solver.step()
            history.add_losses(totals, counts)
            if step % recipe.log_every == 0 or step == steps:
                bar.set_postfix(history.close_interval(step))
            if step in marks:
                snapshot(step)
            if step % recipe.checkpoint_every == 0 or step == steps:
                history.seconds = time.perf_counter() - begun
                checkpoint.save(step)
    return history


def _check(tasks: Mapping[str, Task]) -> None:
    if not isinstance(tasks, Mapping):
        raise ValueError(f'tasks is a dict of names and tasks, {{"seg": SemanticSegmentation(...)}}; got {tasks!r}')
    for name, task in tasks.items():
        missing = [part for part in ("check", "loss", "metric") if not callable(getattr(task, part, None))]
        if missing or isinstance(task, type):
            found = f"the class {task.__name__}" if isinstance(task, type) else f"a {type(task).__name__}"
            lacking = f" without {', '.join(missing)}" if missing else ", not one of its objects"
            raise ValueError(
                f"task {name!r} must be a task, such as xs.tasks.Classification(...); got {found}{lacking}"
            )
    if not tasks:
        raise ValueError("fit needs at least one task; got tasks=[]")


def _look(
    validation: TensorData | Callable[[nn.Module], Metrics] | None, tasks: Mapping[str, Task], device: torch.device
) -> Callable[[nn.Module], Metrics]:
    """What is measured at each snapshot."""
    if callable(validation):
        return validation
    there = None if validation is None else validation.to(device)
    return lambda net: {} if there is None else evaluate(net, tasks, there)


def _backward(
    accelerator: Accelerator,
    model: nn.Module,
    inputs: Sequence[Tensor],
    batch: Batch,
    tasks: Mapping[str, Task],
    weights: Tensor,
    bf16: bool,
) -> Tensor:
    """Add the gradient of the batch's weighted loss; return each task's summed loss, then what each is divided by."""
    with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=bf16):
        outputs = forward(model, inputs, tasks)
    pairs = {name: task.loss(convert_to_fp32(outputs[name]), batch) for name, task in tasks.items()}
    for name, pair in pairs.items():
        if not isinstance(pair, tuple | list) or [getattr(value, "ndim", None) for value in pair] != [0, 0]:
            raise ValueError(
                f"the loss of task {name!r} must return two 0-d tensors, the sum over what is labelled and what "
                f"to divide it by; got {pair!r}"
            )
    totals, counts = [torch.stack(values) for values in zip(*pairs.values(), strict=True)]
    overall = accelerator.reduce(torch.stack([totals.detach(), counts.detach().to(totals)]), "sum")  # of all processes
    labelled = overall[1] != 0  # the others' loss is 0, not 0 / 0
    loss = (weights * totals / overall[1].where(labelled, 1)).sum()
    accelerator.backward(loss * accelerator.num_processes)  # gradients are averaged over processes
    return overall.flatten()
