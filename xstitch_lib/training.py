"""Training any network of several tasks: one loop, resumable, on one or several processes."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import convert_to_fp32
from torch import Tensor, nn
from tqdm import tqdm

from xstitch_lib.batches import Batches
from xstitch_lib.checkpoint import Checkpoint, RandomState, describe, own_random_state
from xstitch_lib.data.tensors import TensorData
from xstitch_lib.evaluation import evaluate, forward
from xstitch_lib.history import History
from xstitch_lib.optim import OPTIMIZERS, Schedule, constant, find_units, parameter_groups, set_rates
from xstitch_lib.tasks import Task

Batch = dict[str, Tensor]


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
    validation: TensorData | None = None,
    precision: str = "no",
    channels_last: bool = False,
    log_every: int = 10,
    snapshots: int = 20,
    checkpoint_every: int = 500,
) -> History:
    """Train ``net`` in place and return its `History`.

    Args:
        net: maps images (B, ...) to {task: output}; for one task also to the bare output. Units are optional.
        tasks: task → what it is trained for, for instance ``{"seg": Classification("article", 10)}``.
        train: samples in memory; "image" is the input, the other tensors are labels. Labels may be missing: the
            loss of a task is its mean over the labelled samples of the batch, 0 if there are none.
        steps: optimizer steps in all, those before a resume included.
        lr, unit_lr_scale: learning rate of the weights; that of the alphas is ``lr * unit_lr_scale``.
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
        validation: evaluated into the history at each snapshot.
        precision: "no", or "bf16" for autocast around the forward pass; losses are float32.
        channels_last: keep images and convolutions in that memory format, which most hardware prefers.
        log_every: steps from one loss in the history to the next.
        snapshots: alphas are kept at that many evenly spaced steps, the first and the last included.

    Returns:
        the history, of a resumed run from its step 0 on. ``net`` is left on the device, in train mode.

    Raises:
        FloatingPointError: at the first step with a loss that is not finite. Weights and optimizer are those
            before that step; running statistics, as batch norm's, have seen it.
        ValueError: for settings, data, outputs or a checkpoint that do not fit.

    On the CPU a run that is killed and resumed ends, bit for bit, where an uninterrupted one does. Under torchrun
    each process takes its share of every batch; without dropout and batch norm the result is that of one process.
    """
    _check(tasks, train, optimizer, precision, steps=steps, log_every=log_every, checkpoint_every=checkpoint_every)
    # without cpu=True torchrun goes unnoticed; precision is set around the forward pass, which leaves net as it is
    accelerator = Accelerator(mixed_precision="no", cpu=not torch.accelerator.is_available())
    device, rank, processes = accelerator.device, accelerator.process_index, accelerator.num_processes
    layout = torch.channels_last if channels_last else torch.preserve_format
    net.to(device, memory_format=layout).train()
    solver = OPTIMIZERS[optimizer](parameter_groups(net, lr, unit_lr_scale, weight_decay))
    batches = Batches(train.to(device), batch_size, seed, rank, processes)
    validation = None if validation is None else validation.to(device)
    weights = _weights(tasks, loss_weights or {}).to(device)
    history = History(list(tasks))
    marks = {round(i * steps / max(1, snapshots - 1)) for i in range(snapshots)}
    settings = dict(
        steps=steps, lr=lr, unit_lr_scale=unit_lr_scale, seed=seed, batch_size=batch_size, optimizer=optimizer,
        weight_decay=weight_decay, schedule=[schedule(i / 20) for i in range(20)], clip=clip,
        loss_weights=weights.tolist(), augment=augment, validation=validation is not None, precision=precision,
        channels_last=channels_last, log_every=log_every, snapshots=snapshots, processes=processes,
    )  # fmt: skip
    parts = {"net": net, "optimizer": solver, "batches": batches, "history": history}
    parts["random"] = RandomState(accelerator)
    made_with = describe(settings, net, tasks, train) if resume else {}
    checkpoint = Checkpoint(resume, made_with, parts, accelerator)

    def snapshot(step: int) -> None:
        history.add_alphas(step, find_units(net))
        if validation is not None:
            history.add_metrics(step, evaluate(net, tasks, validation))

    with own_random_state(seed + 1000 * rank, device):
        done = checkpoint.restore()
        model = accelerator.prepare_model(net) if processes > 1 else net
        if done == 0 and marks:
            snapshot(0)
        quiet = None if accelerator.is_main_process else True  # None: quiet without a terminal
        for step in (bar := tqdm(range(done + 1, steps + 1), initial=done, total=steps, disable=quiet)):
            set_rates(solver, schedule((step - 1) / steps))
            batch = batches.draw()
            if augment is not None:
                batch = augment(batch)
            batch["image"] = batch["image"].to(memory_format=layout)
            solver.zero_grad()
            totals, counts = _backward(accelerator, model, batch, tasks, weights, bf16=precision == "bf16")
            _stop_unless_finite(step, dict(zip(tasks, totals, strict=True)), solver)
            if clip is not None:
                nn.utils.clip_grad_norm_(net.parameters(), clip)
            solver.step()
            history.add_losses(totals, counts)
            if step % log_every == 0 or step == steps:
                bar.set_postfix(history.close_interval(step))
            if step in marks:
                snapshot(step)
            if step % checkpoint_every == 0 or step == steps:
                checkpoint.save(step)
    return history


def _check(tasks: Mapping[str, Task], train: TensorData, optimizer: str, precision: str, **counts: int) -> None:
    if not tasks or optimizer not in OPTIMIZERS or precision not in ("no", "bf16") or min(counts.values()) < 1:
        found = {"tasks": list(tasks), "optimizer": optimizer, "precision": precision, **counts}
        raise ValueError(
            f"fit needs a task, optimizer 'sgd' or 'adam', precision 'no' or 'bf16', and {', '.join(counts)} ≥ 1; got "
            + ", ".join([f"{name}={value!r}" for name, value in found.items()])
        )
    if "image" not in train.tensors or len(train) == 0:
        raise ValueError(f'fit needs samples with an "image"; got {len(train)} samples with {list(train.tensors)}')


def _weights(tasks: Mapping[str, Task], given: Mapping[str, float]) -> Tensor:
    if unknown := set(given) - set(tasks):
        raise ValueError(f"loss_weights={sorted(unknown)} are for none of the tasks {list(tasks)}")
    return torch.tensor([float(given.get(name, 1)) for name in tasks])


def _backward(
    accelerator: Accelerator, model: nn.Module, batch: Batch, tasks: Mapping[str, Task], weights: Tensor, bf16: bool
) -> tuple[list[float], list[float]]:
    """Add the gradient of the batch's weighted loss; return each task's summed loss and its number of labels."""
    with torch.autocast(batch["image"].device.type, torch.bfloat16, enabled=bf16):
        outputs = forward(model, batch["image"], tasks)
    pairs = [task.loss(convert_to_fp32(outputs[name]), batch) for name, task in tasks.items()]
    totals, counts = [torch.stack(values) for values in zip(*pairs, strict=True)]
    overall = accelerator.reduce(torch.stack([totals.detach(), counts.to(totals)]), "sum")  # of all processes
    read = _copy_to_host(overall)
    loss = (weights * totals / overall[1].clamp(min=1)).sum()
    accelerator.backward(loss * accelerator.num_processes)  # gradients are averaged over processes
    return read()


def _copy_to_host(values: Tensor) -> Callable[[], list]:
    """Start the copy; calling what is returned waits for it, and not for work queued on the device since."""
    if values.device.type != "cuda":
        return values.tolist
    host = values.to("cpu", non_blocking=True)
    copied = torch.cuda.current_stream(values.device).record_event()

    def read() -> list:
        copied.synchronize()
        return host.tolist()

    return read


def _stop_unless_finite(step: int, losses: Mapping[str, float], optimizer: torch.optim.Optimizer) -> None:
    bad = [f"{task!r} is {loss}" for task, loss in losses.items() if not math.isfinite(loss)]
    if bad:
        rates = ", ".join([f"{group['name']} {group['lr']:g}" for group in optimizer.param_groups])
        raise FloatingPointError(
            f"at step {step} the loss of {' and of '.join(bad)}, with learning rates {rates}; the weights are those "
            "before the step: lower lr or unit_lr_scale, or set clip"
        )
