"""A network's metrics over a whole data set."""

import functools
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from xstitch_lib.data.loaders import as_source
from xstitch_lib.data.ragged import Ragged
from xstitch_lib.data.source import Batch, Source
from xstitch_lib.networks.probe import in_mode, told, what_is_odd
from xstitch_lib.tasks import Metric, Task


def evaluate(
    net: nn.Module, tasks: Mapping[str, Task], data: Source, batch_size: int = 32
) -> dict[str, dict[str, float]]:
    """Each task's metrics over all of ``data``: counted over the whole set, never averaged over batches.

    Args:
        net, tasks, data: as in `fit`; batches move to the network's device.
        batch_size: changes memory and speed, not the result; on a CPU small ones are fastest.

    Returns:
        A dict ``{task: {metric: value}}``. The network runs in eval mode and is left in the mode it was in.

    Raises:
        ValueError: if the network gives no output for one of the tasks, or the data do not fit the tasks.

    In several processes each one evaluates everything.
    """
    return {name: metric.compute() for name, metric in count(net, tasks, data, batch_size).items()}


def count(net: nn.Module, tasks: Mapping[str, Task], data: Source, batch_size: int = 32) -> dict[str, Metric]:
    """What `evaluate` computes its values from: each task's `Metric`, which can also tell the values of each class.

    >>> from xstitch_lib.data import TensorData
    >>> from xstitch_lib.tasks import Classification
    >>> data = TensorData({"image": torch.eye(4), "label": torch.tensor([0, 1, 0, 1])})
    >>> metrics = count(nn.Identity(), {"a": Classification("label", classes=4)}, data)
    >>> metrics["a"].per_class()["1"]
    {'recall': 50.0, 'samples': 2}
    """
    metrics = {name: task.metric() for name, task in tasks.items()}
    for outputs, batch in _outputs("evaluate", net, tasks, data, batch_size):
        for name, metric in metrics.items():
            metric.update(outputs[name], batch)
    return metrics


def predict(
    net: nn.Module, tasks: Mapping[str, Task], data: Source, batch_size: int = 32
) -> dict[str, Tensor | Ragged]:
    """A network's answers to all of ``data``, which need no labels, on the CPU. Arguments as for `evaluate`.

    Returns:
        task → (N, ...) predictions, or a `Ragged` of N samples.
    """
    answers = {name: [] for name in tasks}
    for outputs, batch in _outputs("predict", net, tasks, data, batch_size, labels=False):
        for name, task in tasks.items():
            answers[name].append(task.predict(outputs[name], batch).to("cpu"))
    return {name: _cat(parts) for name, parts in answers.items()}


def _cat(parts: Sequence[Tensor | Ragged]) -> Tensor | Ragged:
    return Ragged.cat(parts) if isinstance(parts[0], Ragged) else torch.cat(parts)


@torch.no_grad()
def _outputs(
    user: str, net: nn.Module, tasks: Mapping[str, Task], data: Source, batch_size: int, labels: bool = True
) -> Iterator[tuple[Mapping[str, Any], Batch]]:
    """Batch by batch, what the network says in eval mode, and the batch, both on the network's device."""
    device = next(net.parameters(), torch.empty(0)).device
    data = checked(user, data, tasks if labels else {}, device)
    with in_mode(net, training=False):
        for batch in data.batches(batch_size, device):
            yield forward(net, [batch[name] for name in data.inputs], tasks), batch


def checked(user: str, data: Any, tasks: Mapping[str, Task], device: torch.device | None = None) -> Source:
    """``data`` as a `Source`, if they are samples with the network's inputs and what the tasks are trained for.

    They are looked at on ``device``: a processor takes seconds for hundreds of photographs. Of lazy data what comes
    back looks at the rest.

    Raises:
        ValueError: if they are not.
    """
    source = as_source(user, data)
    names = list(source.peek()) if len(source) else []
    if not source.inputs or not {*source.inputs} <= {*names}:
        wanted = " and ".join([f'"{name}"' for name in source.inputs]) or "an input"
        raise ValueError(
            f"{user} needs samples with {wanted}; got {len(source)} samples with {names}: inputs= of "
            f"{type(source).__name__} names what the network takes"
        )

    def look(batch: Batch) -> None:
        check_finite(user, source.inputs, batch)
        for name, task in tasks.items():
            task.check(name, batch)

    seen = source.check(look, device)
    return source if seen is None else seen  # of a source of one's own that returns nothing


def forward(net: nn.Module, inputs: Sequence[Tensor], tasks: Mapping[str, Task]) -> Mapping[str, Any]:
    """{task: output} of a network, which for one task may return the output bare.

    Raises:
        ValueError: if there is no output for one of the tasks, or it is no tensor where the task needs one.
    """
    try:
        outputs = net(*inputs)
    except (RuntimeError, ValueError) as error:
        if isinstance(error, torch.OutOfMemoryError) or (why := what_is_odd(net, inputs)) is None:
            raise
        raise ValueError(f"the network does not run on this input: {why} ({error})") from error
    if isinstance(outputs, Tensor) and len(tasks) == 1:
        return dict.fromkeys(tasks, outputs)
    if not isinstance(outputs, Mapping) or not set(tasks) <= set(outputs):
        raise ValueError(
            f"the network must return a dict with an output for each of {list(tasks)}; got {told(outputs)}: put a "
            "module around it that chooses"
        )
    for name, task in tasks.items():
        if not isinstance(outputs[name], Tensor) and _takes_tensors(type(task)):
            raise ValueError(
                f"task {name!r} needs a tensor; the network's output for it is {told(outputs[name])}: choose a part "
                'with xs.stitch(…, out=…), as out="out", or put a module around the tower that returns one tensor'
            )
    return outputs


def check_finite(user: str, inputs: Sequence[str], batch: Batch) -> None:
    """A ValueError if an input of a batch is not finite; ``user`` is who needs it, for the message."""
    for name in inputs:
        x = batch[name]
        if isinstance(x, Tensor) and x.is_floating_point() and not x.isfinite().all():
            bad = (~x.isfinite()).reshape(len(x), -1).any(1)
            raise ValueError(
                f'{user} needs finite inputs; "{name}" has NaN or infinity in {int(bad.sum())} of {len(x)} samples '
                f"looked at together, the first at place {int(bad.nonzero()[0, 0])} among them: mend or leave them out"
            )


@functools.cache
def _takes_tensors(kind: type) -> bool:
    """Whether the losses of such a task are declared to take one tensor and nothing else."""
    declared = inspect.signature(kind.losses).parameters.get("output")
    return declared is not None and declared.annotation in (Tensor, "Tensor", "torch.Tensor")
