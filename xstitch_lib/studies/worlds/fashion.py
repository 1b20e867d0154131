"""Fashion-MNIST with two labels, as the TensorFlow re-implementation trains it, and a dial for how related they are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd
import torch
from torch import Tensor, nn

from xstitch_lib.data import FashionMNIST, TensorData
from xstitch_lib.data.fashion_mnist import GROUP_OF_ARTICLE
from xstitch_lib.evaluation import predict
from xstitch_lib.history import History
from xstitch_lib.networks import towers
from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.worlds.world import Metrics, World
from xstitch_lib.tasks import Classification, Task

TURNS = (0, 1, 3)  # quarter turns to the left: the pictures' second secret, as many as there are groups
# in this order articles get their group as second label: each group comes in early
RELATED = (0, 5, 3, 1, 7, 6, 2, 9, 8, 4)


@dataclass(frozen=True, kw_only=True)
class FashionScale(Scale):
    """The defaults are the re-implementation's settings, for the slice that comes with the package.

    Attributes:
        full: all pictures, or the embedded slice.
        related: None, the second label is the article's group, as in the re-implementation. 0 to 10: every picture is
            turned at random, and so many articles have their group as second label, the others the turn.
        linear: linear layers inside each tower after fc3; see `towers.fashion_cnn`.
    """

    world: str = "fashion"
    full: bool = False
    related: int | None = None
    linear: int = 0
    width: int = 32
    lr: tuple[float, float] = (1e-3, 1e-3)
    schedule: str = "constant"
    unit_lr_scale: float = 1.0
    batch_size: int = 128
    optimizer: str = "adam"
    weight_decay: float = 1e-5


@dataclass(frozen=True)
class FashionWorld(World):
    """Towers start apart, as the re-implementation's do. Validation pictures choose the epoch of the table."""

    one_start: ClassVar[bool] = False

    def watched(self, tasks: Mapping[str, Task]) -> Callable[[nn.Module], Metrics]:
        """After each epoch: accuracies on validation and on test pictures. Only the first may choose."""
        known = {name: task for name, task in self.tasks.items() if name in tasks}

        def validation_and_test(net: nn.Module) -> Metrics:
            chosen_by = self._scores(predict(net, known, self.validation), self.validation)
            table = self._scores(predict(net, known, self.table), self.table)
            return {
                task: {"accuracy": chosen_by[task]["accuracy"]} | {f"test {m}": value for m, value in row.items()}
                for task, row in table.items()
            }

        return validation_and_test

    def results(self, net: nn.Module, histories: Mapping[str, Mapping[int, History]]) -> tuple[Metrics, dict[str, Any]]:
        """Of the epoch that is best on validation pictures, for all tasks of a run together, and of the last one."""
        found = {}
        for history in [phases[1] for phases in histories.values() if 1 in phases]:
            rows = history.table
            rows = rows[(rows.metric != "loss") & (rows.step > 0)].set_index(["task", "metric", "step"]).value.unstack()
            for task, row in _chosen(rows).items():
                if task == "both" or task in self.tasks:
                    found.setdefault(task, row)
        if "both" not in found:  # trained apart, each task has its own epoch
            rows = [found[task] for task in self.tasks]
            found["both"] = {metric: sum([row[metric] for row in rows]) / len(rows) for metric in ("accuracy", "last")}
        return found, {}

    def _scores(self, answers: Mapping[str, Tensor], data: TensorData) -> dict[str, dict[str, float]]:
        """Task → metric → percent; "both", the mean over the tasks, where all of them are answered."""
        found = {task: {"accuracy": _percent(answer == data.tensors[task])} for task, answer in answers.items()}
        if len(found) == len(self.tasks) > 1:
            found["both"] = {"accuracy": sum([row["accuracy"] for row in found.values()]) / len(found)}
        if {"article", "group"} <= set(answers):
            mapped = torch.tensor(GROUP_OF_ARTICLE)[answers["article"]]
            found["group"]["from article"] = _percent(mapped == data.tensors["group"])
            found["both"]["agree"] = _percent(mapped == answers["group"])
        return found


def fashion(scale: FashionScale) -> FashionWorld:
    """Both labels of each picture; pictures have mean 0 and deviation 1 over the training set."""
    splits = {split: FashionMNIST(split, full=scale.full) for split in ("train", "validation", scale.table)}
    second = "group" if scale.related is None else "second"
    deviation, mean = torch.std_mean(splits["train"].tensors["image"])
    tasks = {
        "article": Classification("article", 10, FashionMNIST.articles),
        second: Classification(second, 3, FashionMNIST.groups if scale.related is None else None),
    }

    def part(split: str, pictures: int | None) -> TensorData:
        data = splits[split] if scale.related is None else turned(splits[split], scale.related)
        kept = _spread(len(data), pictures)
        tensors = {name: x[kept] for name, x in data.tensors.items()}
        return TensorData(tensors | {"image": (tensors["image"] - mean) / deviation})

    def tower(task: str) -> nn.Sequential:
        return towers.fashion_cnn(tasks[task].outputs, scale.width, linear=scale.linear)

    return FashionWorld(
        train=part("train", scale.train),
        validation=part("validation", scale.validation),
        table=part(scale.table, scale.test),
        tasks=tasks,
        tower=tower,
    )


def turned(data: TensorData, related: int) -> TensorData:
    """Pictures turned at random, and a second label that is related to the article as much as one likes.

    Args:
        data: "image", "article" and "group", as in `FashionMNIST`.
        related: how many of the ten articles, 0…10, have their group as second label; the others have the turn. With
            0 the two labels are independent, with 10 one is a function of the other.

    Returns:
        "image", "article", "second". Pictures and turns are the same for every ``related``.
    """
    article, group = data.tensors["article"], data.tensors["group"]
    turn = torch.randint(len(TURNS), (len(data),), generator=torch.Generator().manual_seed(len(data)))
    image = data.tensors["image"].clone()
    for label, quarters in enumerate(TURNS):
        image[turn == label] = image[turn == label].rot90(quarters, (2, 3))
    by_group = torch.isin(article, torch.tensor(RELATED[:related], dtype=torch.long))
    return TensorData({"image": image, "article": article, "second": torch.where(by_group, group, turn)})


def _chosen(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """(task, metric) × steps → task → the test metrics at the epoch chosen, "last" and the epoch's number."""
    tasks = list(dict.fromkeys(rows.index.get_level_values("task")))
    chooser = "both" if "both" in tasks else tasks[0]
    best = rows.loc[(chooser, "accuracy")].idxmax()
    found = {}
    for task in tasks:
        test = {metric.removeprefix("test "): row for metric, row in rows.loc[task].iterrows() if "test" in metric}
        found[task] = {metric: float(row[best]) for metric, row in test.items()}
        found[task]["last"] = float(test["accuracy"].iloc[-1])
    found[chooser]["epoch"] = int(rows.columns.get_loc(best)) + 1
    return found


def _spread(available: int, wanted: int | None) -> Tensor:
    """Places of that many samples, evenly spaced."""
    return torch.arange(available) if wanted is None else torch.linspace(0, available - 1, wanted).round().long()


def _percent(right: Tensor) -> float:
    return 100 * right.float().mean().item()
