"""A split network: the first layers shared (section 3.1)."""

from dataclasses import dataclass
from typing import ClassVar

from xstitch_lib.networks import split
from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.methods.method import Method, Trained


@dataclass(frozen=True, kw_only=True)
class Split(Method):
    """Layers before ``at`` shared, trained from the start for all tasks (section 3.1).

    Attributes:
        at: the first layer that is not shared.
    """

    name: ClassVar[str] = "split"
    at: str

    def train(self, bench: Bench) -> Trained:
        net = split(bench.fresh().__getitem__, bench.world.tasks, at=self.at)
        return Trained(net, {"": self.both_phases(bench, net)})
