"""Face embeddings with gender and age, as the re-implementation's script trains them, and cut by person."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import pandas as pd
import torch
from torch import Tensor, nn

from xstitch_lib.data import FaceEmbeddings, TensorData
from xstitch_lib.data.faces import by_person, by_picture
from xstitch_lib.data.faces.embeddings import STAND_IN
from xstitch_lib.data.faces.splits import FOLDS
from xstitch_lib.networks import towers
from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.worlds.world import Metrics, World
from xstitch_lib.tasks import Classification
from xstitch_lib.tasks.quantities import Quantities, Quantity
from xstitch_lib.training.evaluation import predict
from xstitch_lib.training.history import History, is_loss

PROTOCOLS = ("script", "pictures", "people")
AT_ONCE = 4096  # vectors of an evaluation step
SCRIPT_SEED = 1


@dataclass(frozen=True, kw_only=True)
class FacesScale(Scale):
    """The defaults are the settings of the script's last version, but for ``protocol`` and the number of steps.

    Attributes:
        data: "embeddings", the script's own; "synthetic", the stand-in; "at hand", the first where it is there.
        protocol: who is in the test. "script", the script's 200 pictures; "pictures", 200 others; "people", a fifth of
            the people, and ten more for the curves.
        partitions: how many cuts a cell has: under "pictures" so many, under "people" five folds of each.
        partition, fold: where one run of a cell is; a scale's own is the first.
        mirrored: whether the vectors of the mirrored pictures are there too, on the side of their pictures.
        inside, momentum: of the towers; see `towers.face_mlp`.

    Under "script" and "pictures" the curves are of the test, as the script's are: nothing is chosen by them, and "best"
    tells what it would be worth if it were. Columns of the vectors have mean 0 and deviation 1 over the training set.

    Source: the script (`towers.face_mlp`). What is different here: an epoch's incomplete batch is dropped, not carried
    on; the number of samples seen is the same.
    """

    world: str = "faces"
    data: str = "embeddings"
    protocol: str = "people"
    partitions: int = 1
    partition: int = 0
    fold: int = 0
    mirrored: bool = True
    inside: int = 0
    momentum: float = 0.001
    width: int = 32
    lr: tuple[float, float] = (3e-4, 3e-4)
    schedule: str = "constant"
    unit_lr_scale: float = 1.0
    batch_size: int = 128
    optimizer: str = "adam, decay of matrices"
    weight_decay: float = 1e-3
    precision: str = "no"
    channels_last: bool = False

    def __post_init__(self):
        if self.protocol not in PROTOCOLS or self.data not in DATA:
            raise ValueError(
                f"faces need a protocol of {', '.join(PROTOCOLS)} and data of {', '.join(DATA)}; got {self.protocol!r} "
                f"and {self.data!r}"
            )

    def make(self) -> "FacesWorld":
        return faces(self)

    def draws(self) -> Sequence[Mapping[str, Any]]:
        folds = FOLDS if self.protocol == "people" else 1
        partitions = 1 if self.protocol == "script" else self.partitions
        return [{"partition": p, "fold": f} for p in range(partitions) for f in range(folds)]


@dataclass(frozen=True)
class FacesWorld(World):
    """Towers start apart, as the script's do.

    Attributes:
        watches_test: whether the curves are of the test.
    """

    watches_test: bool = False
    one_start: ClassVar[bool] = False

    def quantities(self) -> Quantities:
        both = {
            "accuracy": Quantity("mean accuracy", "%"),
            "train": Quantity("training samples", digits=0),
            "test": Quantity("test samples", digits=0),
        }
        if self.watches_test:
            both["best"] = Quantity("mean accuracy at the epoch that is best on the test", "%")
        own = {task: {**known, "accuracy": Quantity("accuracy", "%")} for task, known in super().quantities().items()}
        return Quantities({**own, "both": both})

    def results(self, net: nn.Module, histories: Mapping[str, Mapping[int, History]]) -> tuple[Metrics, dict[str, Any]]:
        """Accuracy of each task and the mean of both; each label's recall; each person's accuracy, "person 12"."""
        right = {
            task: 100 * (answer == self.table.tensors[task]).double()
            for task, answer in predict(net, self.tasks, self.table, self.at_once).items()
        }
        found = {task: {"accuracy": values.mean().item()} for task, values in right.items()}
        found["both"] = {"accuracy": _mean([row["accuracy"] for row in found.values()])}
        found["both"] |= {"train": len(self.train), "test": len(self.table)}
        if self.watches_test and (best := self._best(histories)) is not None:
            found["both"]["best"] = best
        return found, {task: self._by_label(task, values) | self._by_person(values) for task, values in right.items()}

    def _by_label(self, task: str, right: Tensor) -> dict[str, dict[str, float]]:
        labels, names = self.table.tensors[task], self.tasks[task].names
        masks = {name: labels == number for number, name in enumerate(names)}
        return {name: {"recall": right[m].mean().item(), "samples": int(m.sum())} for name, m in masks.items()}

    def _by_person(self, right: Tensor) -> dict[str, dict[str, float]]:
        person = self.table.tensors["person"]
        masks = {number: person == number for number in person.unique().tolist()}
        return {
            f"person {number}": {"accuracy": right[m].mean().item(), "samples": int(m.sum())}
            for number, m in masks.items()
        }

    def _best(self, histories: Mapping[str, Mapping[int, History]]) -> float | None:
        tables = [phases[1].table for phases in histories.values() if 1 in phases]
        rows = pd.concat(tables) if tables else pd.DataFrame(columns=["metric", "step", "task", "value"])
        rows = rows[~rows.metric.map(is_loss).astype(bool) & (rows.step > 0) & rows.task.isin([*self.tasks])]
        return float(rows.pivot(index="step", columns="task", values="value").mean(axis=1).max()) if len(rows) else None


def faces(scale: FacesScale) -> FacesWorld:
    """Embeddings cut by a protocol, and the script's towers for them."""
    everything = _read(scale.data, os.environ.get("XSTITCH_DATA"))
    if not scale.mirrored:
        everything = everything.take(slice(len(everything) // 2))
    parts, draw = _cut(everything, scale)
    deviation, mean = torch.std_mean(parts["train"].tensors["embedding"], 0, correction=0)
    tasks = {
        "gender": Classification("gender", 2, FaceEmbeddings.genders),
        "age": Classification("age", 2, FaceEmbeddings.ages),
    }

    def standardised(data: TensorData) -> TensorData:
        return data.with_tensors({**data.tensors, "embedding": (data.tensors["embedding"] - mean) / (deviation + 1e-9)})

    def tower(task: str) -> nn.Sequential:
        return towers.face_mlp(
            tasks[task].outputs, scale.width, len(mean), momentum=scale.momentum, inside=scale.inside
        )

    made = {part: standardised(data) for part, data in parts.items()}
    return FacesWorld(
        train=made["train"],
        validation=made["validation"],
        table=made[scale.table],
        tasks=tasks,
        tower=tower,
        draw=draw,
        watches_test=scale.protocol != "people",
        at_once=AT_ONCE,
    )


def script_switch(word: str) -> bool:
    """What the script makes of ``--cross_stitch_enabled WORD``: its option has ``type=bool``, and a word is true.

    >>> script_switch("True"), script_switch("False")
    (True, True)
    """
    return bool(word)


def _cut(data: FaceEmbeddings, scale: FacesScale) -> tuple[dict[str, FaceEmbeddings], str]:
    """The parts, and what this draw is called."""
    if scale.protocol == "people":
        who = by_person(len(data.tensors["person"].unique()), scale.partition, scale.fold)
        return {
            part: data.of("person", w) for part, w in who.items()
        }, f"partition {scale.partition}, fold {scale.fold}"
    scripts = scale.protocol == "script"
    pictures = len(data.tensors["picture"].unique())
    which = by_picture(pictures, SCRIPT_SEED if scripts else SCRIPT_SEED + 1 + scale.partition)
    parts = {part: data.of("picture", w) for part, w in which.items()}
    return {**parts, "validation": parts["test"]}, "the script's split" if scripts else f"split {scale.partition}"


@lru_cache(maxsize=2)
def _read(data: str, root: str | None) -> FaceEmbeddings:
    """Read once, for all draws; ``root`` is where they are looked for."""
    return DATA[data]()


def _real() -> FaceEmbeddings:
    data = FaceEmbeddings()
    if data.source == STAND_IN:
        raise FileNotFoundError(
            "this scale needs the real embeddings in XSTITCH_DATA/vggface2_embeddings: see xs.data.faces.download and "
            "prepare, or take the stand-in, data='synthetic'"
        )
    return data


DATA: dict[str, Callable[[], FaceEmbeddings]] = {
    "embeddings": _real,
    "synthetic": FaceEmbeddings.synthetic,
    "at hand": FaceEmbeddings,
}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
