"""UTKFace, gender and age from pictures of 64×64 pixels: age as a class, or in years."""

from dataclasses import dataclass

from torch import nn

from xstitch_lib.data import TensorData, UTKFace
from xstitch_lib.networks import towers
from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.worlds.world import World
from xstitch_lib.tasks import Classification, Regression, Task
from xstitch_lib.training.augment import mirror


@dataclass(frozen=True, kw_only=True)
class UTKScale(Scale):
    """The defaults are the small scale: about 4000 pictures to train on, split by picture since people are unknown.

    Attributes:
        years: whether age is told in years, by regression; else as one of five classes.
        width: channels of conv1.
    """

    world: str = "utkface"
    years: bool = False
    width: int = 8
    steps: tuple[int, int] = (500, 250)
    lr: tuple[float, float] = (2e-3, 1e-3)
    unit_lr_scale: float = 10.0
    batch_size: int = 64
    optimizer: str = "adamw"
    weight_decay: float = 1e-2
    precision: str = "no"

    def make(self) -> World:
        return utkface(self)


def utkface(scale: UTKScale) -> World:
    """Pictures of faces, mirrored at random while training, and small towers."""
    counts = {"train": scale.train, "validation": scale.validation, "table": scale.test}
    splits = {"train": "train", "validation": "validation", "table": scale.table}
    parts: dict[str, TensorData] = {
        part: UTKFace(split=split).take(slice(counts[part])) for part, split in splits.items()
    }
    tasks: dict[str, Task] = {"gender": Classification("gender", 2, UTKFace.genders)}
    if scale.years:
        tasks["years"] = Regression.from_data(parts["train"], "years", "years")
    else:
        tasks["age"] = Classification("age", len(UTKFace.ages), UTKFace.ages)

    def tower(task: str) -> nn.Sequential:
        return towers.face_cnn(tasks[task].outputs, scale.width)

    return World(**parts, tasks=tasks, tower=tower, augment=mirror)
