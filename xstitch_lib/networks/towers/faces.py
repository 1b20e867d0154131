"""Towers for gender and age: the re-implementation's for embeddings, and a small one for pictures of 64×64 pixels."""

from collections import OrderedDict
from itertools import pairwise

from torch import nn

from xstitch_lib.networks.towers.fashion import EPSILON
from xstitch_lib.networks.units.dense import DenseLayer


def face_mlp(
    outputs: int,
    width: int = 32,
    inputs: int = 128,
    dropout: float = 0.2,
    momentum: float = 0.1,
    inside: int = 0,
) -> nn.Sequential:
    """The TensorFlow re-implementation's tower for face embeddings, (B, inputs) → (B, outputs) scores.

    ====== ======================================== =======
    layer  what                                     map
    ====== ======================================== =======
    fc1    linear, batch norm, ReLU                 width
    fc2    linear, batch norm, ReLU, then drop2     width
    fc3    linear, batch norm, ReLU, then drop3     width
    score  linear, batch norm                       outputs
    ====== ======================================== =======

    Args:
        outputs: number of classes.
        width: values of fc1, fc2 and fc3; 32 is the re-implementation's.
        inputs: numbers of an embedding.
        dropout: share of values dropped after fc2 and fc3, behind their stitch points.
        momentum: share of each batch in the running statistics that evaluation uses; the re-implementation's is 0.001.
        inside: `DenseLayer` modules fc1_inside1, … after each of fc1, fc2 and fc3: what dense units add, without the
            other tower. Two in each of two towers are as many weights as the units.

    No layer has a bias; weights start He-normal.

    >>> tower = face_mlp(2)
    >>> sum([weights.numel() for weights in tower.parameters()])
    6404

    Source: the re-implementation's gender_age_multi_task_learning.py (commit 430e19e of
    helloyide/Cross-stitch-Networks-for-Multi-task-Learning).
    """
    layers: dict[str, nn.Module] = {}
    for number in (1, 2, 3):
        name = f"fc{number}"
        layers[name] = _stage(nn.Linear(inputs if number == 1 else width, width, bias=False), momentum, nn.ReLU())
        layers |= {f"{name}_inside{i + 1}": DenseLayer(width) for i in range(inside)}
        layers |= {f"drop{number}": nn.Dropout(dropout)} if number > 1 else {}
    layers["score"] = _stage(nn.Linear(width, outputs, bias=False), momentum)
    return nn.Sequential(OrderedDict(layers))


def face_cnn(outputs: int, width: int = 8) -> nn.Sequential:
    """A small tower for pictures (B, 3, 64, 64) → (B, outputs).

    Three stages conv1, pool1 … conv3, pool3: 3×3, batch norm, ReLU, then 2×2 maximum, with width, 2·width and 4·width
    channels; conv1 looks at every other pixel. Then fc4, linear with ReLU to 4·width values, and score.

    Args:
        outputs: number of classes, or 1.
        width: channels of conv1.

    >>> sum([weights.numel() for weights in face_cnn(2).parameters()])
    22570
    """
    layers: dict[str, nn.Module] = {}
    channels = [3, width, 2 * width, 4 * width]
    for number, (before, after) in enumerate(pairwise(channels), start=1):
        stride = 2 if number == 1 else 1
        convolution = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        layers[f"conv{number}"] = nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())
        layers[f"pool{number}"] = nn.MaxPool2d(2)
    layers["flatten"] = nn.Flatten()
    layers["fc4"] = nn.Sequential(nn.Linear(4 * 4 * channels[-1], channels[-1]), nn.ReLU())
    layers["score"] = nn.Linear(channels[-1], outputs)
    return nn.Sequential(OrderedDict(layers))


def _stage(layer: nn.Linear, momentum: float, *relu: nn.ReLU) -> nn.Sequential:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return nn.Sequential(layer, nn.BatchNorm1d(layer.out_features, eps=EPSILON, momentum=momentum), *relu)
