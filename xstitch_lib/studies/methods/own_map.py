"""The control of MTL-shared: as many layers, nothing shared."""

from dataclasses import dataclass
from typing import ClassVar

from xstitch_lib.networks import mtl_shared
from xstitch_lib.studies.bench import Apart, Bench
from xstitch_lib.studies.methods.method import Method, Trained


@dataclass(frozen=True, kw_only=True)
class OwnMap(Method):
    """MTL-shared's map before the heads, from the identity too, but one for each task.

    Nothing is shared; it has one map of weights more. Weight decay pulls these maps to zero, as it does MTL-shared's.
    """

    name: ClassVar[str] = "own map"

    def train(self, bench: Bench) -> Trained:
        net = mtl_shared(bench.fresh().__getitem__, bench.world.tasks)
        apart = Apart({task: net.alone(task) for task in net.towers})
        return Trained(apart, {"": self.both_phases(bench, apart)})
