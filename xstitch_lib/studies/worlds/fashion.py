"""Fashion-MNIST with two labels, as the TensorFlow re-implementation trains it, and a dial for how related they are."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd
import torch
from torch import Tensor, nn

from xstitch_lib.data import FashionMNIST, TensorData
from xstitch_lib.data.fashion_mnist import GROUP_OF_ARTICLE
from xstitch_lib.networks import towers
from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.worlds.world import Metrics, World
from xstitch_lib.tasks import Classification, Task
from xstitch_lib.tasks.quantities import Quantities, Quantity
from xstitch_lib.training.evaluation import predict
from xstitch_lib.training.history import History, is_loss

TURNS = (0, 1, 3)  # quarter turns to the left: the pictures' second secret, as many as there are groups
# in this order articles get their group as second label: each group comes in early
RELATED = (0, 5, 3, 1, 7, 6, 2, 9, 8, 4)
GREY_LEVEL = 1 / 255  # a pixel that is never lit deviates by 0


@dataclass(frozen=True, kw_only=True)
class FashionScale(Scale):
    """The defaults are the re-implementation's settings, for the slice that comes with the package.

    Attributes:
        full: all pictures, or the embedded slice.
        related: None, the second label is the article's group, as in the re-implementation. 0 to 10: every picture is
            turned at random, and so many articles have their group as second label, the others the turn.
        inside, momentum: of the towers; see `towers.fashion_cnn`.

    Source: the re-implementation's code. What is different here: 5,000 training pictures choose the epoch; an epoch's
    incomplete batch is dropped, not carried on; L2 also falls on batch norm's scales and shifts; bf16.
    """

    world: str = "fashion"
    full: bool = False
    related: int | None = None
    inside: int = 0
    momentum: float = 0.001
    width: int = 32
    lr: tuple[float, float] = (1e-3, 1e-3)
    schedule: str = "constant"
    unit_lr_scale: float = 1.0
    batch_size: int = 128
    optimizer: str = "adam"
    weight_decay: float = 1e-5

    def make(self) -> "FashionWorld":
        return fashion(self)


@dataclass(frozen=True)
class FashionWorld(World):
    """Towers start apart, as the re-implementation's do. Validation pictures choose the epoch of the table."""

    one_start: ClassVar[bool] = False

    def quantities(self) -> Quantities:
        last = {"last": Quantity("accuracy after the last epoch", "%")}
        found = {task: {**own, **last} for task, own in super().quantities().items()}
        if "group" in found:
            found["group"]["from article"] = Quantity("accuracy of the group that the article's answer implies", "%")
        found["both"] = {
            "accuracy": Quantity("mean accuracy", "%"),
            **last,
            "agree": Quantity("both answers agree", "%"),
            "epoch": Quantity("epoch chosen on validation pictures", digits=0),
        }
        return Quantities(found)

    def watched(self, tasks: Mapping[str, Task]) -> Callable[[nn.Module], Metrics]:
        """After each epoch: metrics on validation pictures, which may choose, and on test pictures, which may not."""
        known = {name: task for name, task in self.tasks.items() if name in tasks}

        def validation_and_test(net: nn.Module) -> Metrics:
            chosen_by = self._scores(predict(net, known, self.validation), self.validation)
            table = self._scores(predict(net, known, self.table), self.table)
            return {
                task: chosen_by[task] | {f"test {metric}": value for metric, value in table[task].items()}
                for task in table
            }

        return validation_and_test

    def results(self, net: nn.Module, histories: Mapping[str, Mapping[int, History]]) -> tuple[Metrics, dict[str, Any]]:
        """Test metrics at the epoch of the best mean accuracy on validation pictures, and "last", after all epochs.

        ``net``, the alphas and their shares are those after all epochs. Of an arm whose tasks are trained apart all
        tasks have one epoch, too.
        """
        rows = pd.concat([phases[1].table for phases in histories.values() if 1 in phases])
        rows = rows[~rows.metric.map(is_loss) & (rows.step > 0) & rows.task.isin([*self.tasks, "both"])]
        by_epoch = rows.pivot(index="step", columns=["task", "metric"], values="value")
        for metric in ("accuracy", "test accuracy"):
            by_epoch["both", metric] = sum([by_epoch[task, metric] for task in self.tasks]) / len(self.tasks)
        epoch = by_epoch["both", "accuracy"].to_numpy().argmax()
        found: dict[str, dict[str, float]] = {task: {} for task in [*self.tasks, "both"]}
        for task, metric in by_epoch.columns:
            if metric.startswith("test "):
                found[task][metric.removeprefix("test ")] = float(by_epoch[task, metric].iloc[epoch])
        for task, row in found.items():
            row["last"] = float(by_epoch[task, "test accuracy"].iloc[-1])
        found["both"]["epoch"] = int(epoch) + 1
        return found, {}

    def _scores(self, answers: Mapping[str, Tensor], data: TensorData) -> dict[str, dict[str, float]]:
        """Task → metric → percent. Of the second label also what the first answer says of it, and how often both agree.

        "both" is there where both labels are answered and one is a function of the other.
        """
        found = {task: {"accuracy": _percent(answer == data.tensors[task])} for task, answer in answers.items()}
        if {"article", "group"} <= set(answers):
            mapped = torch.tensor(GROUP_OF_ARTICLE)[answers["article"]]
            found["group"]["from article"] = _percent(mapped == data.tensors["group"])
            found["both"] = {"agree": _percent(mapped == answers["group"])}
        return found


def fashion(scale: FashionScale) -> FashionWorld:
    """Both labels of each picture; every pixel has mean 0 and deviation 1 over the training set."""
    names = {"train": "train", "validation": "validation", "table": scale.table}
    counts = {"train": scale.train, "validation": scale.validation, "table": scale.test}
    parts = {part: FashionMNIST(split, full=scale.full) for part, split in names.items()}
    second = Classification("group", 3, FashionMNIST.groups)
    if scale.related is not None:
        parts = {part: turned(data, scale.related) for part, data in parts.items()}
        second = Classification("second", 3)
    deviation, mean = torch.std_mean(parts["train"].tensors["image"], 0)
    tasks = {"article": Classification("article", 10, FashionMNIST.articles), second.target: second}

    def standardised(part: str) -> TensorData:
        kept = _spread(len(parts[part]), counts[part])
        tensors = {name: x[kept] for name, x in parts[part].tensors.items()}
        return TensorData(tensors | {"image": (tensors["image"] - mean) / deviation.clamp(min=GREY_LEVEL)})

    def tower(task: str) -> nn.Sequential:
        return towers.fashion_cnn(tasks[task].outputs, scale.width, momentum=scale.momentum, inside=scale.inside)

    return FashionWorld(**{part: standardised(part) for part in parts}, tasks=tasks, tower=tower)


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
    seed = zlib.crc32(article.numpy())  # of its own for each set of pictures
    turn = torch.randint(len(TURNS), (len(data),), generator=torch.Generator().manual_seed(seed))
    image = data.tensors["image"].clone()
    for label, quarters in enumerate(TURNS):
        image[turn == label] = image[turn == label].rot90(quarters, (2, 3))
    by_group = torch.isin(article, torch.tensor(RELATED[:related], dtype=torch.long))
    return TensorData({"image": image, "article": article, "second": torch.where(by_group, group, turn)})


def _spread(available: int, wanted: int | None) -> Tensor:
    """Places of that many samples, evenly spaced."""
    wanted = available if wanted is None else wanted
    if wanted > available:
        raise ValueError(f"there are {available} pictures of Fashion-MNIST, not {wanted}: lower the scale's number")
    return torch.linspace(0, available - 1, wanted).round().long()


def _percent(right: Tensor) -> float:
    return 100 * right.float().mean().item()
