"""A network a task, trained on its own (section 6.1)."""

from dataclasses import dataclass
from typing import ClassVar

from xstitch_lib.studies.bench import Apart, Bench
from xstitch_lib.studies.methods.method import Method, Trained
from xstitch_lib.training.history import History


@dataclass(frozen=True, kw_only=True)
class OneTask(Method):
    """A network a task, trained on its own (section 6.1)."""

    name: ClassVar[str] = "one-task"

    def train(self, bench: Bench) -> Trained:
        net, histories = finished_towers(bench)
        return Trained(net, {"": histories})


def finished_towers(bench: Bench, weights: str = "a", order: str = "a") -> tuple[Apart, dict[int, History]]:
    """One-task towers after both phases; arguments as for `Bench.one_task`."""
    towers, first = bench.one_task(weights, order)
    net = Apart(towers)
    second = bench.train(net, bench.world.tasks, phase=1, name=f"one-task {weights}{order}", order=order)
    return net, {0: first, 1: second}
