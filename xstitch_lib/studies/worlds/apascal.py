"""aPascal, detection and attributes: the paper's own data, on Fast R-CNN with AlexNet's convolutions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from torch import Tensor

from xstitch_lib.data import APascal
from xstitch_lib.data.tensors import fingerprint
from xstitch_lib.networks import towers
from xstitch_lib.networks.towers import FastRCNN
from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.worlds.objects import OfObjects, objects_world
from xstitch_lib.studies.worlds.world import World

FC_OF_IMAGENET = 4096  # ImageNet's fc6 and fc7 have so many values
AT_ONCE = 2  # pictures of an evaluation step


@dataclass(frozen=True, kw_only=True)
class APascalScale(OfObjects, Scale):
    """The defaults are the medium scale of the paper's second pair of tasks.

    Attributes:
        size: pixels of the pictures' shorter side.
        allow_missing: go on with the pictures that are there.
        told: the classes whose mean precision is the table's; None, all that have boxes.
        width: values of fc6 and fc7.
    """

    world: str = "apascal"
    size: int = 400
    allow_missing: bool = True
    told: tuple[str, ...] | None = None
    proposals: int = 1000
    attribute_loss: float = 1.0
    width: int = 512
    steps: tuple[int, int] = (2000, 1000)
    lr: tuple[float, float] = (0.001, 0.001)
    unit_lr_scale: float = 10.0
    batch_size: int = 2
    optimizer: str = "sgd"
    weight_decay: float = 5e-4
    warmup: int = 100
    snapshots: int = 3
    precision: str = "no"

    def make(self) -> World:
        return apascal(self)


@dataclass(frozen=True)
class APascalWorld(World):
    """Towers start from ImageNet's weights.

    Attributes:
        weights: theirs.
    """

    weights: Mapping[str, Tensor] = field(default_factory=dict)

    def fingerprints(self) -> dict[str, str]:
        return super().fingerprints() | {"weights": fingerprint(self.weights)}


def apascal(scale: APascalScale) -> APascalWorld:
    """The lists of Farhadi et al., validation cut from those for training; ImageNet's convolutions."""
    names = {"train": "train", "validation": "validation", "table": scale.table}
    counts = {"train": scale.train, "validation": scale.validation, "table": scale.test}
    splits = {use: _pictures(split, scale).take(slice(counts[use])) for use, split in names.items()}
    weights = towers.imagenet_weights(fc=scale.width == FC_OF_IMAGENET)

    def tower(outputs: int, scores: int | None) -> FastRCNN:
        made = towers.alexnet_fast_rcnn(outputs, scores, scale.width)
        towers.load_imagenet(made, weights)
        return made

    world = objects_world(scale, splits, APascal.classes, APascal.attribute_names, tower, scale.told, AT_ONCE)
    return APascalWorld(**vars(world), weights=weights)


def _pictures(split: str, scale: APascalScale) -> APascal:
    return _read(split, scale.size, scale.allow_missing, scale.proposals)


@cache
def _read(split: str, size: int, allow_missing: bool, proposals: int) -> APascal:
    """Read once, for all worlds."""
    return APascal(None, split, size, allow_missing, proposals)
