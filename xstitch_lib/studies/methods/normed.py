"""One-task networks with batch norm, which towers of the paper lack and later methods bring."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from xstitch_lib.networks.graft import graft
from xstitch_lib.studies.bench import Apart, Bench
from xstitch_lib.studies.methods.method import Method, Trained


@dataclass(frozen=True, kw_only=True)
class Normed(Method):
    """A network per task, trained on its own, with batch norm between each layer and its ReLU."""

    name: ClassVar[str] = "one-task, batch norm"

    def train(self, bench: Bench) -> Trained:
        net = Apart({task: with_batch_norm(tower) for task, tower in bench.fresh().items()})
        return Trained(net, {"": self.both_phases(bench, net)})


def with_batch_norm(tower: nn.Sequential) -> nn.Module:
    """A tower whose blocks of a convolution and a ReLU have batch norm between the two.

    >>> from xstitch_lib.networks.towers import small_alexnet_fcn
    >>> [type(layer).__name__ for layer in with_batch_norm(small_alexnet_fcn(3, width=4)).fc7[1]]
    ['BatchNorm2d', 'ReLU']
    """
    blocks = [block for block in tower if isinstance(block, nn.Sequential)]
    return graft(tower, {relu: nn.Sequential(nn.BatchNorm2d(conv.out_channels), relu) for conv, relu in blocks})
