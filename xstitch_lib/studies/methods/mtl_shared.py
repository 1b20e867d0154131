"""MTL-shared: a linear map shared before the heads (section 6.1)."""

from dataclasses import dataclass
from typing import ClassVar

from xstitch_lib.networks import mtl_shared
from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.methods.method import Method, Trained


@dataclass(frozen=True, kw_only=True)
class MTLShared(Method):
    """See `mtl_shared` (section 6.1)."""

    name: ClassVar[str] = "mtl-shared"

    def train(self, bench: Bench) -> Trained:
        net = mtl_shared(bench.fresh().__getitem__, bench.world.tasks)
        return Trained(net, {"": self.both_phases(bench, net)})
