"""NYU-v2, segmentation and surface normals: the paper's own data, on AlexNet as FCN-32s."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xstitch_lib.data import IGNORE, NYUv2, TensorData
from xstitch_lib.data.nyuv2.layout import find
from xstitch_lib.data.tensors import fingerprint
from xstitch_lib.networks import towers
from xstitch_lib.networks.towers.alexnet import IMAGENET_MEAN
from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.worlds.world import Metrics, World
from xstitch_lib.tasks import SemanticSegmentation, SurfaceNormals
from xstitch_lib.tasks.manhattan import manhattan
from xstitch_lib.tasks.quantities import Quantities
from xstitch_lib.training.augment import colour, compose, mirror, scale_crop
from xstitch_lib.training.evaluation import count
from xstitch_lib.training.history import History

BORDER = 8  # rows at the top and the bottom, from 240 to 256: FCN-32s wants sides that are multiples of 32
FC_OF_IMAGENET = 4096  # channels
AT_ONCE = 8  # frames of an evaluation step, since they are large


@dataclass(frozen=True, kw_only=True)
class NYUScale(Scale):
    """The defaults are what a GPU runs in minutes and two CPU cores in hours: narrow fc layers, 20 epochs a tower.

    Attributes:
        width: channels of fc6 and fc7. conv1 to conv5 start from ImageNet. So do fc6 and fc7, if they have 4096 and
            their weights can be had; a record's data then has the fingerprint "fc". Else they start at random.
        crop: whether training frames are enlarged at random (`scale_crop`), beside the paper's mirroring and colours.
        loss_stride: the training loss looks at every n-th pixel in each direction; metrics look at all.
    """

    world: str = "nyuv2"
    crop: bool = True
    width: int = 512
    loss_stride: int = 4
    steps: tuple[int, int] = (1200, 600)
    lr: tuple[float, float] = (0.01, 0.004)
    unit_lr_scale: float = 10.0
    batch_size: int = 8
    optimizer: str = "sgd"
    weight_decay: float = 5e-4

    def make(self) -> "NYUWorld":
        return nyuv2(self)


@dataclass(frozen=True)
class NYUWorld(World):
    """Normals are measured once more after post-processing.

    Attributes:
        features, fc: ImageNet's weights, which the convolutions start from, and fc6 and fc7; without ``fc``, at random.
    """

    features: Mapping[str, Tensor] = field(default_factory=dict)
    fc: Mapping[str, Tensor] = field(default_factory=dict)

    def fingerprints(self) -> dict[str, str]:
        found = super().fingerprints() | {"features": fingerprint(self.features)}
        return found | {"fc": fingerprint(self.fc)} if self.fc else found

    def quantities(self) -> Quantities:
        found = super().quantities()
        turned = {
            f"manhattan {name}": replace(quantity, title=f"{quantity.title}, turned to the room's directions")
            for name, quantity in found["normals"].items()
        }
        return Quantities({**found, "normals": {**found["normals"], **turned}})

    def results(self, net: nn.Module, histories: Mapping[str, Mapping[int, History]]) -> tuple[Metrics, dict[str, Any]]:
        normals = self.tasks["normals"]
        turned = _Manhattan(normals.target, normals.codebook, normals.loss_stride)
        metrics = count(_Twice(net), {**self.tasks, "turned": turned}, self.table, self.at_once)
        found = {task: metric.compute() for task, metric in metrics.items()}
        found["normals"] |= {f"manhattan {name}": value for name, value in found.pop("turned").items()}
        return found, {task: metrics[task].per_class() for task in self.tasks}


def nyuv2(scale: NYUScale) -> NYUWorld:
    """The official test frames, and the official training frames without those held out for validation."""
    root = find(None)
    train = _first(_frames("train", root), scale.train)
    tasks = {
        "seg": SemanticSegmentation("seg", len(NYUv2.classes), NYUv2.classes, scale.loss_stride),
        "normals": SurfaceNormals.from_data(train, loss_stride=scale.loss_stride),
    }
    weights = towers.imagenet_weights(fc=scale.width == FC_OF_IMAGENET)

    def tower(task: str) -> nn.Sequential:
        made = towers.alexnet_fcn(tasks[task].outputs, scale.width)
        towers.load_imagenet(made, weights)
        return made

    def of(part: str) -> dict[str, Tensor]:
        return {name.removeprefix(part): x for name, x in weights.items() if name.startswith(part)}

    return NYUWorld(
        train=train,
        validation=_first(_frames("validation", root), scale.validation),
        table=_first(_frames(scale.table, root), scale.test),
        tasks=tasks,
        tower=tower,
        augment=compose(mirror, *[scale_crop] * scale.crop, colour),
        at_once=AT_ONCE,
        features=of("features."),
        fc=of("classifier."),
    )


class _Manhattan(SurfaceNormals):
    """Normals whose prediction is turned to the room's three directions; the border has no say in them."""

    def predict(self, output: Tensor, batch: Mapping[str, Tensor] | None = None) -> Tensor:
        inside = super().predict(output, batch)[:, :, BORDER:-BORDER]
        return F.pad(manhattan(inside), (0, 0, BORDER, BORDER))


class _Twice(nn.Module):
    """What the network says of normals, under a second name."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        outputs = self.net(x)
        return {**outputs, "turned": outputs["normals"]}


@cache
def _frames(split: str, root: Path) -> NYUv2:
    """Read once, for all worlds."""
    return _bordered(NYUv2(root, split))


def _first(data: NYUv2, frames: int | None) -> NYUv2:
    return data.take(slice(frames))


def _bordered(data: TensorData) -> TensorData:
    """Rows of ImageNet's mean colour, without labels, above and below."""
    mean = (torch.tensor(IMAGENET_MEAN) * 255).round().byte().view(3, 1, 1)
    tensors = {name: F.pad(x, (0, 0, BORDER, BORDER)) for name, x in data.tensors.items()}  # unknown normals are 0
    for rows in (slice(BORDER), slice(-BORDER, None)):
        tensors["image"][..., rows, :] = mean
        tensors["seg"][..., rows, :] = IGNORE
    return data.with_tensors(tensors)
