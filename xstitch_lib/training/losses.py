"""The losses of one batch: what a step follows, and what the history adds up."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from accelerate.utils import convert_to_fp32
from torch import Tensor, nn

from xstitch_lib.data.source import Batch
from xstitch_lib.tasks import Task
from xstitch_lib.training.evaluation import forward
from xstitch_lib.training.history import is_loss
from xstitch_lib.training.objective import Objective


class BatchLosses(NamedTuple):
    """The n losses of a batch, or of a part of one.

    Attributes:
        names: of task and loss.
        means: (n,), with a gradient: this process's sums over the divisors of all processes; 0 without labels.
        sums: (2, n) sums and divisors of all processes.
    """

    names: list[tuple[str, str]]
    means: Tensor
    sums: Tensor

    def backward(self, objective: Objective, net: nn.Module, share: float, factor: float) -> None:
        """Hand an objective the means, times ``factor``, of what has labels in any process, for its gradient.

        The first of them has the others' gradient, which is 0: so towers without labels take part in the step, their
        momentum and decay go on, and processes do not wait for each other in vain.
        """
        means, labelled = (self.means * factor).unbind(), [True] * len(self.names)
        if not objective.adds_up:
            labelled = (self.sums[1] != 0).tolist()  # which waits for the device
        rest = sum([mean for mean, known in zip(means, labelled, strict=True) if not known])
        found: dict[str, dict[str, Tensor]] = {}
        for (task, name), mean, known in zip(self.names, means, labelled, strict=True):
            if known:
                found.setdefault(task, {})[name] = mean if found else mean + rest
        if not found:
            return rest.backward()
        try:
            objective.backward(found, net, share)
        except KeyError as error:
            if len(found) == len({task for task, _ in self.names}):
                raise
            raise ValueError(
                f"{type(objective).__name__} asks for the loss of {error}, and this batch has labels of {list(found)} "
                "alone: let it weigh the tasks that are in losses"
            ) from error


def batch_losses(
    accelerator: Accelerator,
    model: nn.Module,
    inputs: Sequence[str],
    batch: Batch,
    tasks: Mapping[str, Task],
    precision: str,
) -> BatchLosses:
    """Run the network on ``inputs`` of a batch, and ask each task for its losses."""
    with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=precision == "bf16"):
        outputs = forward(model, [batch[name] for name in inputs], tasks)
    pairs = {
        (name, loss): pair
        for name, task in tasks.items()
        for loss, pair in _named(name, task.losses(convert_to_fp32(outputs[name]), batch)).items()
    }
    totals, counts = [torch.stack(values) for values in zip(*pairs.values(), strict=True)]
    sums = accelerator.reduce(torch.stack([totals.detach(), counts.detach().to(totals)]), "sum")
    labelled = sums[1] != 0  # the others' loss is 0, not 0 / 0
    return BatchLosses(list(pairs), totals / sums[1].where(labelled, 1), sums)


def parts(batch: Batch, count: int) -> Iterator[tuple[Batch, float]]:
    """A batch in so many equal parts, and each one's share of its samples."""
    if count == 1:
        yield batch, 1.0
        return
    size = len(next(iter(batch.values()))) // count
    for start in range(0, size * count, size):
        yield {name: x[start : start + size] for name, x in batch.items()}, 1 / count


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
