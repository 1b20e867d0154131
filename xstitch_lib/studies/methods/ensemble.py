"""Two one-task networks a task, softmax averaged (section 6.1)."""

from dataclasses import dataclass
from typing import ClassVar

from xstitch_lib.networks import ensemble
from xstitch_lib.networks.ensemble import mean_softmax
from xstitch_lib.studies.bench import Apart, Bench
from xstitch_lib.studies.methods.method import Method, Trained
from xstitch_lib.studies.methods.one_task import finished_towers


@dataclass(frozen=True, kw_only=True)
class Ensemble(Method):
    """Two one-task networks a task, softmax averaged (section 6.1); the second from weights and order of its own."""

    name: ClassVar[str] = "ensemble"

    def train(self, bench: Bench) -> Trained:
        second, others = finished_towers(bench, weights="b", order="b")  # these first: all arms wait for the others
        first, histories = finished_towers(bench)
        nets = {
            name: ensemble([first.nets[name], second.nets[name]], getattr(task, "average", mean_softmax))
            for name, task in bench.world.tasks.items()
        }
        return Trained(Apart(nets), {"": histories, "second": others})
