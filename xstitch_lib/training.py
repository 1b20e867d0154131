"""Training any network of several tasks: one loop, resumable, on one or several processes."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

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
from xstitch_lib.optim import (
    OPTIMIZERS,
    Schedule,
    clip_gradient,
    constant,
    factors,
    find_units,
    parameter_groups,
    set_rates,
    stop_unless_finite,
)
from xstitch_lib.tasks import Task

Batch = dict[str, Tensor]
Metrics = Mapping[str, Mapping[str, float]]


def fit(
    net: nn.Module,
    tasks: Mapping[str, Task],
    train: TensorData,
    *,
    steps: int,
    lr: float,
    unit_lr_scale: float = 100.0,
    seed: int = 0,
    resume: str | Path | None = None,
    batch_size: int = 128,
    optimizer: str = "sgd",
    weight_decay: float = 0.0,
    schedule: Schedule = constant,
    clip: float | None = None,
    loss_weights: Mapping[str, float] | None = None,
    augment: Callable[[Batch], Batch] | None = None,
    validation: TensorData | Callable[[nn.Module], Metrics] | None = None,
    precision: str = "no",
    channels_last: bool = False,
    log_every: int = 10,
    snapshots: int = 20,
    checkpoint_every: int = 500,
) -> History:
    """Train ``net`` in place and return its `History`.

    Args:
        net: maps its inputs (B, ...) to {task: output}; for one task also to the bare output. Units are optional.
        tasks: task → what it is trained for, for instance ``{"seg": Classification("article", 10)}``.
        train: samples in memory; its ``inputs`` go to the network, the other tensors are labels. Labels may be missing:
            the loss of a task is its mean over the labelled samples of the batch, 0 if there are none.
        steps: optimizer steps in all, those before a resume included.
        lr, unit_lr_scale: learning rate of the weights; that of the alphas is ``lr * unit_lr_scale``. The default is
            the paper's, for SGD; Adam moves every weight by about its rate a step, so take about 10 with it, or less.
        seed: of data order, dropout and augmentation; the initial weights are the caller's.
        resume: a file to go on from if it exists, and to write every ``checkpoint_every`` steps and at the end.
        batch_size: of all processes together. Each epoch is a fresh permutation; its last, incomplete batch is
            dropped, unless the whole set is smaller than a batch.
        optimizer: "sgd", with momentum 0.9, or "adam".
        weight_decay: of the weights; alphas have none.
        schedule: progress in [0, 1) → the factor on both learning rates; see `cosine`, `milestones`, `warmup`.
        clip: the largest norm of the gradient of all parameters together.
        loss_weights: task → factor; 1 where not given.
        augment: a function of a batch, on the device; its randomness must come from torch's global generators.
        validation: evaluated into the history at each snapshot: samples, or a function of the network that returns
            {task: {metric: value}}.
        precision: "no", or "bf16" for autocast around the forward pass; losses are float32.
        channels_last: keep images and convolutions in that memory format, which most hardware prefers; images that are
            not (B, C, H, W) stay as they are.
        log_every: steps from one loss in the history to the next.
        snapshots: alphas are kept at that many evenly spaced steps, the first and the last included; 0 for none.

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
    _check(tasks, optimizer, precision, steps=steps, log_every=log_every, checkpoint_every=checkpoint_every)
    _check_sizes(snapshots, clip, lr=lr, unit_lr_scale=unit_lr_scale, weight_decay=weight_decay)
    data = {"train": train}
    if validation is not None and not callable(validation):
        data["validation"] = validation
    # without cpu=True torchrun goes unnoticed; precision is set around the forward pass, which leaves net as it is
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)  # a tower whose task is not trained
    accelerator = Accelerator(mixed_precision="no", cpu=not torch.accelerator.is_available(), kwargs_handlers=[unused])
    device, rank, processes = accelerator.device, accelerator.process_index, accelerator.num_processes
    for use, part in data.items():
        check_data(f"fit's {use}", part, tasks, device)
    pictures = [name for name in train.inputs if train.tensors[name].ndim == 4]
    channels_last = channels_last and bool(pictures)
    layout = torch.channels_last if channels_last else torch.preserve_format
    net.to(device, memory_format=layout).train()
    solver = OPTIMIZERS[optimizer](parameter_groups(net, lr, unit_lr_scale, weight_decay))
    batches = Batches(train.to(device), batch_size, seed, rank, processes)
    look = _look(validation, tasks, device)
    weights = _weights(tasks, loss_weights or {}).to(device)
    history = History(list(tasks))
    rates = factors(schedule, steps)
    marks = {round(i * steps / max(1, snapshots - 1)) for i in range(snapshots)}
    settings = dict(
        steps=steps, lr=lr, unit_lr_scale=unit_lr_scale, seed=seed, batch_size=batch_size, optimizer=optimizer,
        weight_decay=weight_decay, schedule=torch.tensor(rates, dtype=torch.float64), clip=clip,
        loss_weights=weights.tolist(), augment=augment, precision=precision,
        channels_last=channels_last, log_every=log_every, snapshots=snapshots, processes=processes,
        watched=validation if callable(validation) else None, inputs=list(train.inputs),
    )  # fmt: skip
    random_state = RandomState(accelerator)
    parts = {"net": net, "optimizer": solver, "batches": batches, "history": history, "random": random_state}
    made_with = describe(settings, net, tasks, **data) if resume is not None else {}
    checkpoint = Checkpoint(resume, made_with, parts, accelerator)

    def snapshot(step: int) -> None:
        history.add_alphas(step, find_units(net))
        history.add_metrics(step, look(net))

    with own_random_state(seed + 1000 * rank, device):
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
            if augment is not None:
                batch = augment(batch)
            batch |= {name: batch[name].to(memory_format=layout) for name in pictures}
            solver.zero_grad()
            inputs = [batch[name] for name in train.inputs]
            sums = _backward(accelerator, model, inputs, batch, tasks, weights, bf16=precision == "bf16")
            *sums, norm = torch.cat([sums, clip_gradient(net, clip)[None]]).tolist()  # one wait for the device
            totals, counts = sums[: len(tasks)], sums[len(tasks) :]
            stop_unless_finite(step, dict(zip(tasks, totals, strict=True)), norm, solver)
            solver.step()
            history.add_losses(totals, counts)
            if step % log_every == 0 or step == steps:
                bar.set_postfix(history.close_interval(step))
            if step in marks:
                snapshot(step)
            if step % checkpoint_every == 0 or step == steps:
                history.seconds = time.perf_counter() - begun
                checkpoint.save(step)
    return history


def _check(tasks: Mapping[str, Task], optimizer: str, precision: str, **counts: int) -> None:
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
    if not tasks or optimizer not in OPTIMIZERS or precision not in ("no", "bf16") or min(counts.values()) < 1:
        found = {"tasks": list(tasks), "optimizer": optimizer, "precision": precision, **counts}
        raise ValueError(
            f"fit needs a task, optimizer 'sgd' or 'adam', precision 'no' or 'bf16', and {', '.join(counts)} ≥ 1; got "
            + ", ".join([f"{name}={value!r}" for name, value in found.items()])
        )


def _check_sizes(snapshots: int, clip: float | None, **rates: float) -> None:
    if not all([math.isfinite(rate) for rate in rates.values()]):
        raise ValueError(f"fit needs {', '.join(rates)} to be finite; got {rates}")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip must be above 0, or None to leave the gradient as it is; got {clip}")
    if snapshots < 0 or snapshots == 1:
        raise ValueError(f"snapshots must be 0 for none, or at least 2, the first and the last step; got {snapshots}")


def _look(
    validation: TensorData | Callable[[nn.Module], Metrics] | None, tasks: Mapping[str, Task], device: torch.device
) -> Callable[[nn.Module], Metrics]:
    """What is measured at each snapshot."""
    if callable(validation):
        return validation
    there = None if validation is None else validation.to(device)
    return lambda net: {} if there is None else evaluate(net, tasks, there)


def _weights(tasks: Mapping[str, Task], given: Mapping[str, float]) -> Tensor:
    if unknown := set(given) - set(tasks):
        raise ValueError(f"loss_weights={sorted(unknown)} are for none of the tasks {list(tasks)}")
    if not all([math.isfinite(weight) for weight in given.values()]):
        raise ValueError(f"loss_weights must be finite; got {dict(given)}")
    return torch.tensor([float(given.get(name, 1)) for name in tasks])


def _backward(
    accelerator: Accelerator,
    model: nn.Module,
    inputs: Sequence[Tensor],
    batch: Batch,
    tasks: Mapping[str, Task],
    weights: Tensor,
    bf16: bool,
) -> Tensor:
    """Add the gradient of the batch's weighted loss; return each task's summed loss, then each number of labels."""
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
    overall = accelerator.reduce(torch.stack([totals.detach(), counts.to(totals)]), "sum")  # of all processes
    labelled = overall[1] != 0  # the others' loss is 0, not 0 / 0
    loss = (weights * totals / overall[1].where(labelled, 1)).sum()
    accelerator.backward(loss * accelerator.num_processes)  # gradients are averaged over processes
    return overall.flatten()
