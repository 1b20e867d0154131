"""The tower of the TensorFlow re-implementation."""

from collections import OrderedDict

from torch import nn

from xstitch_lib.networks.units.dense import DenseLayer

EPSILON = 1e-3  # of TensorFlow's batch norm


def fashion_cnn(
    outputs: int,
    width: int = 32,
    dropout: float = 0.2,
    batch_norm: bool = True,
    momentum: float = 0.1,
    inside: int = 0,
) -> nn.Sequential:
    """The TensorFlow re-implementation's tower for Fashion-MNIST, (B, 1, 28, 28) → (B, outputs) scores.

    ====== =========================== ==============
    layer  what                        map
    ====== =========================== ==============
    conv1  3×3, batch norm, ReLU       width × 28×28
    pool1  2×2 maximum                 width × 14×14
    conv2  3×3, batch norm, ReLU       2·width × 14×14
    pool2  2×2 maximum                 2·width × 7×7
    fc3    linear, batch norm, ReLU,   32·width
           then drop3
    score  linear, batch norm          outputs
    ====== =========================== ==============

    Args:
        outputs: number of classes.
        width: channels of conv1; 32 is the re-implementation's.
        dropout: share of values dropped after fc3, behind its stitch point (its "keep_prob" is 1 minus this).
        batch_norm: whether conv1, conv2, fc3 and the scores are normalised; without it they have biases.
        momentum: share of each batch in the running statistics that evaluation uses. The re-implementation's is 0.001,
            TensorFlow's default then, which takes thousands of steps to settle.
        inside: `DenseLayer` modules inside1, inside2, … between fc3 and drop3: what a dense unit adds, without the
            other tower. Two in each of two towers are as many weights as the unit at fc3.

    Weights start He-normal, biases at 0.

    >>> tower = fashion_cnn(10)
    >>> sum([weights.numel() for weights in tower.parameters()])
    3242484

    Source: the re-implementation's code (commit 0542040 of
    helloyide/Cross-stitch-Networks-for-Multi-task-Learning, the project's seed 002).
    """

    def stage(layer: nn.Conv2d | nn.Linear, norm: type[nn.Module], *relu: nn.ReLU) -> nn.Module:
        normalised = [norm(layer.weight.shape[0], eps=EPSILON, momentum=momentum)] if batch_norm else []
        return nn.Sequential(layer, *normalised, *relu) if normalised or relu else layer

    bias, maps = not batch_norm, 7 * 7 * 2 * width
    conv1 = nn.Conv2d(1, width, 3, padding="same", bias=bias)
    conv2 = nn.Conv2d(width, 2 * width, 3, padding="same", bias=bias)
    fc3, score = nn.Linear(maps, 32 * width, bias=bias), nn.Linear(32 * width, outputs, bias=bias)
    for layer in (conv1, conv2, fc3, score):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if bias:
            nn.init.zeros_(layer.bias)
    return nn.Sequential(
        OrderedDict(
            conv1=stage(conv1, nn.BatchNorm2d, nn.ReLU()),
            pool1=nn.MaxPool2d(2),
            conv2=stage(conv2, nn.BatchNorm2d, nn.ReLU()),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc3=stage(fc3, nn.BatchNorm1d, nn.ReLU()),
            **{f"inside{i + 1}": DenseLayer(32 * width) for i in range(inside)},
            drop3=nn.Dropout(dropout),
            score=stage(score, nn.BatchNorm1d),
        )
    )
