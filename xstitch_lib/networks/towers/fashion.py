"""The tower of the TensorFlow re-implementation."""

from collections import OrderedDict

from torch import nn


def fashion_cnn(
    outputs: int, width: int = 32, dropout: float = 0.2, batch_norm: bool = True, linear: int = 0
) -> nn.Sequential:
    """The TensorFlow re-implementation's tower for Fashion-MNIST, (B, 1, 28, 28) → (B, outputs) scores.

    ====== =========================== ==============
    layer  what                        map
    ====== =========================== ==============
    conv1  3×3, batch norm, ReLU       width × 28×28
    pool1  2×2 maximum, then drop1     width × 14×14
    conv2  3×3, batch norm, ReLU       2·width × 14×14
    pool2  2×2 maximum, then drop2     2·width × 7×7
    fc3    linear, batch norm, ReLU,   32·width
           then lin1, lin2, … and
           drop3
    score  linear                      outputs
    ====== =========================== ==============

    Args:
        outputs: number of classes.
        width: channels of conv1; 32 is the re-implementation's.
        dropout: share of values dropped after each of the three stitch points pool1, pool2, fc3 (its "keep_prob" is
            1 minus this; where it drops is not documented).
        batch_norm: whether conv1, conv2 and fc3 normalise.
        linear: square linear layers lin1, lin2, … after fc3, without bias, that start as the identity: what a dense
            unit adds, kept inside the tower. Two in each of two towers are as many weights as the unit at fc3.

    Weights start He-normal, biases at 0.

    >>> tower = fashion_cnn(10)
    >>> sum([weights.numel() for weights in tower.parameters()])
    3243594

    Source: the re-implementation's README.
    """
    tower = nn.Sequential(
        OrderedDict(
            conv1=_with_relu(nn.Conv2d(1, width, 3, padding="same"), nn.BatchNorm2d, batch_norm),
            pool1=nn.MaxPool2d(2),
            drop1=nn.Dropout(dropout),
            conv2=_with_relu(nn.Conv2d(width, 2 * width, 3, padding="same"), nn.BatchNorm2d, batch_norm),
            pool2=nn.MaxPool2d(2),
            drop2=nn.Dropout(dropout),
            flatten=nn.Flatten(),
            fc3=_with_relu(nn.Linear(7 * 7 * 2 * width, 32 * width), nn.BatchNorm1d, batch_norm),
            **{f"lin{i + 1}": _identity(32 * width) for i in range(linear)},
            drop3=nn.Dropout(dropout),
            score=nn.Linear(32 * width, outputs),
        )
    )
    for name, module in tower.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and not name.startswith("lin"):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)
    return tower


def _with_relu(layer: nn.Conv2d | nn.Linear, norm: type[nn.Module], batch_norm: bool) -> nn.Sequential:
    channels = layer.weight.shape[0]
    return nn.Sequential(layer, norm(channels), nn.ReLU()) if batch_norm else nn.Sequential(layer, nn.ReLU())


def _identity(size: int) -> nn.Linear:
    layer = nn.utils.skip_init(nn.Linear, size, size, bias=False)  # draws no numbers: all else starts as without it
    nn.init.eye_(layer.weight)
    return layer
