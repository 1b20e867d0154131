"""MTAN: a shared network whose features each task reads through masks of its own."""

from dataclasses import dataclass
from typing import ClassVar

from xstitch_lib.networks import mtan
from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.methods.method import Method, Trained
from xstitch_lib.studies.worlds.world import inputs_of


@dataclass(frozen=True, kw_only=True)
class MTAN(Method):
    """See `mtan`; trained from the start for all tasks.

    Attributes:
        blocks: as in `mtan`; here an AlexNet's layers of one resolution, and its fully connected ones.
    """

    name: ClassVar[str] = "mtan"
    blocks: tuple[tuple[str, str], ...] = (("conv1", "conv1"), ("conv2", "conv2"), ("conv3", "conv5"), ("fc6", "fc7"))

    def train(self, bench: Bench) -> Trained:
        towers = bench.fresh()
        with bench.drawing("attention"):
            net = mtan(towers.__getitem__, bench.world.tasks, self.blocks, inputs_of(bench.world.train, 1))
        return Trained(net, {"": self.both_phases(bench, net)})
