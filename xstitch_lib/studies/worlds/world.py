"""What a study is about: its data, its tasks and the towers for them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from xstitch_lib.data import Source
from xstitch_lib.tasks import Task
from xstitch_lib.tasks.quantities import Quantities
from xstitch_lib.training.evaluation import count, evaluate
from xstitch_lib.training.history import History

Metrics = Mapping[str, Mapping[str, float]]


def inputs_of(data: Source, samples: int) -> tuple[Any, ...]:
    """What the network takes, of so many of the first samples: one entry an input."""
    batch = data.draw(torch.arange(min(samples, len(data))))
    return tuple([batch[name] for name in data.inputs])


@dataclass(frozen=True)
class World:
    """See `load`.

    Attributes:
        train, validation, table: samples to train on, to draw curves from, and to measure the table on.
        tasks: name → task.
        tower: task name → a fresh tower, its weights from torch's global generator.
        augment: a function of a batch; None, pictures stay as they are.
        draw: which of the scale's `Scale.draws` this is, as records call it; each starts from other random weights.
        at_once: samples that are looked at together, outside training.
        one_start: whether all towers of a seed start from one random initialisation, but for their heads.
    """

    train: Source
    validation: Source
    table: Source
    tasks: Mapping[str, Task]
    tower: Callable[[str], nn.Sequential]
    augment: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None
    draw: str = ""
    at_once: int = 32
    one_start: ClassVar[bool] = True

    def label_counts(self) -> dict[str, dict[str, int]]:
        """Task → class → training labels, for the tasks whose metric is told class by class."""
        counted = {name: task for name, task in self.tasks.items() if hasattr(task, "label_counts")}
        return {name: task.label_counts(self.train.tensors) for name, task in counted.items()}

    def fingerprints(self) -> dict[str, str]:
        """What a run depends on besides settings and code → its fingerprint."""
        return {name: getattr(self, name).fingerprint() for name in ("train", "validation", "table")}

    def quantities(self) -> Quantities:
        """What the numbers of `results` are."""
        return Quantities({name: task.quantities for name, task in self.tasks.items()})

    def watched(self, tasks: Mapping[str, Task]) -> Callable[[nn.Module], Metrics]:
        """What `fit` looks at along the second phase of a run that trains ``tasks``."""
        known = {name: task for name, task in self.tasks.items() if name in tasks}

        def validated(net: nn.Module) -> Metrics:
            return evaluate(net, known, self.validation, self.at_once)

        return validated

    def results(self, net: nn.Module, histories: Mapping[str, Mapping[int, History]]) -> tuple[Metrics, dict[str, Any]]:
        """The row of the table, task → metric → value, and task → class → metric → value."""
        metrics = count(net, self.tasks, self.table, self.at_once)
        return {task: m.compute() for task, m in metrics.items()}, {task: m.per_class() for task, m in metrics.items()}
