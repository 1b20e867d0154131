"""Generated rooms, detection and attributes: the paper's second pair of tasks at small scale."""

from dataclasses import dataclass
from functools import partial

from xstitch_lib.data import Rooms, TensorData
from xstitch_lib.networks import towers
from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.worlds.objects import OfObjects, objects_world
from xstitch_lib.studies.worlds.world import World


@dataclass(frozen=True, kw_only=True)
class RoomObjectsScale(OfObjects, Scale):
    """The defaults are the small scale of the paper's second pair of tasks.

    Attributes:
        stream: seed of the generated pictures.
        size: (height, width) of the pictures.
    """

    world: str = "room objects"
    train: int = 500
    validation: int = 100
    test: int = 400
    stream: int = 0
    size: tuple[int, int] = (48, 64)
    proposals: int = 128
    attribute_loss: float = 4.0
    width: int = 16
    steps: tuple[int, int] = (1500, 750)
    lr: tuple[float, float] = (0.05, 0.02)
    unit_lr_scale: float = 10.0
    batch_size: int = 4
    optimizer: str = "sgd"
    weight_decay: float = 5e-4
    warmup: int = 100
    snapshots: int = 6

    def make(self) -> World:
        return room_objects(self)


def room_objects(scale: RoomObjectsScale) -> World:
    """Rooms of one stream, cut into splits that share no scene."""
    splits = {
        "train": _regions(scale, scale.train, "train"),
        "validation": _regions(scale, scale.validation, "validation"),
        "table": _regions(scale, scale.test, scale.table),
    }
    tower = partial(towers.small_fast_rcnn, width=scale.width)
    return objects_world(scale, splits, Rooms.things, Rooms.detection_attributes, tower)


def _regions(scale: RoomObjectsScale, n: int, split: str) -> TensorData:
    rooms = Rooms(n, scale.stream, scale.size, split)
    return rooms.with_regions(rooms.proposals(scale.proposals))
