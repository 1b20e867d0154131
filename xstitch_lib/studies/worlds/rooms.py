"""Generated rooms, segmentation and surface normals: the paper's first pair of tasks at small scale."""

from dataclasses import dataclass

from torch import nn

from xstitch_lib.data import IGNORE, Rooms, TensorData
from xstitch_lib.networks import towers
from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.worlds.world import World
from xstitch_lib.tasks import SemanticSegmentation, SurfaceNormals
from xstitch_lib.training.augment import colour, compose, mirror


@dataclass(frozen=True, kw_only=True)
class RoomsScale(Scale):
    """The defaults are the small scale of the paper's first pair of tasks.

    Attributes:
        stream: seed of the generated pictures.
        size: (height, width) of the pictures.
        labelled: share of the training pictures that keep their segmentation labels.
        stride: of the towers' scores.
        loss_stride: the training loss looks at every n-th pixel in each direction; metrics look at all.
    """

    world: str = "rooms"
    train: int = 600
    validation: int = 100
    test: int = 1000
    stream: int = 0
    size: tuple[int, int] = (48, 64)
    labelled: float = 1.0
    stride: int = 8
    width: int = 16
    loss_stride: int = 2
    steps: tuple[int, int] = (2000, 1000)
    lr: tuple[float, float] = (0.05, 0.02)
    unit_lr_scale: float = 10.0
    batch_size: int = 16
    optimizer: str = "sgd"
    weight_decay: float = 5e-4

    def make(self) -> World:
        return rooms(self)


def rooms(scale: RoomsScale) -> World:
    """Rooms of one stream, cut into splits that share no scene."""
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
