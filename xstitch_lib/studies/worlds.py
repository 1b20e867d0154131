"""What a study is about: its data, its two tasks and the towers for them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from torch import Tensor, nn

from xstitch_lib.augment import colour, compose, mirror
from xstitch_lib.data import IGNORE, Rooms, TensorData
from xstitch_lib.networks import towers
from xstitch_lib.studies.scale import Scale
from xstitch_lib.tasks import SemanticSegmentation, SurfaceNormals, Task


@dataclass(frozen=True)
class World:
    """See `load`.

    Attributes:
        train, validation, table: samples to train on, to draw curves from, and to measure the table on.
        tasks: name → task.
        tower: task name → a fresh tower, its weights from torch's global generator.
        augment: a function of a batch.
    """

    train: TensorData
    validation: TensorData
    table: TensorData
    tasks: Mapping[str, Task]
    tower: Callable[[str], nn.Sequential]
    augment: Callable[[dict[str, Tensor]], dict[str, Tensor]]

    def label_counts(self) -> dict[str, dict[str, int]]:
        """Task → class → training labels, for the tasks whose metric is told class by class."""
        counted = {name: task for name, task in self.tasks.items() if hasattr(task, "label_counts")}
        return {name: task.label_counts(self.train.tensors) for name, task in counted.items()}


@lru_cache(maxsize=4)
def load(scale: Scale) -> World:
    """The world of a scale, kept in memory for the next cell.

    Raises:
        ValueError: for a world that does not exist.
    """
    if scale.world not in WORLDS:
        raise ValueError(f"no world {scale.world!r}: choose one of {', '.join(WORLDS)}")
    return WORLDS[scale.world](scale)


def rooms(scale: Scale) -> World:
    """Generated rooms, segmentation and surface normals: the paper's first pair of tasks at small scale."""
    train = Rooms(scale.train, scale.stream, scale.size)
    tasks = {
        "seg": SemanticSegmentation("seg", len(Rooms.classes), Rooms.classes, scale.loss_stride),
        "normals": SurfaceNormals.from_data(train, loss_stride=scale.loss_stride),
    }

    def tower(task: str) -> nn.Sequential:
        return towers.small_alexnet_fcn(tasks[task].outputs, scale.stride, scale.width)

    return World(
        train=_partly_labelled(train, "seg", scale.labelled),
        validation=Rooms(scale.validation, scale.stream, scale.size, "validation"),
        table=Rooms(scale.test, scale.stream, scale.size, scale.table),
        tasks=tasks,
        tower=tower,
        augment=compose(mirror, colour),  # section 5
    )


def _partly_labelled(data: TensorData, target: str, share: float) -> TensorData:
    known = round(share * len(data))
    labels = data.tensors[target].clone()
    labels[known:] = IGNORE
    return data.with_tensors({**data.tensors, target: labels})


WORLDS = {"rooms": rooms}
