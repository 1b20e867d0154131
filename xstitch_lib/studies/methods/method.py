"""What a method is: how an arm's network is built and trained."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from torch import nn

from xstitch_lib.results.identity import call, code_of
from xstitch_lib.tasks import Task
from xstitch_lib.training.history import History
from xstitch_lib.training.objective import Objective

if TYPE_CHECKING:
    from xstitch_lib.studies.bench import Bench


class Trained(NamedTuple):
    """A network that answers every task, and what its training left: part of the arm → phase → history."""

    net: nn.Module
    histories: dict[str, dict[int, History]]


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """A way to build and train a network for all tasks of a world; its fields are its options.

    Attributes:
        name: what records call it, and no other method. A record stores all options, defaults included, so that a new
            one with a default changes no recorded run.
        objective: how its runs combine the tasks' losses, as a `Recipe` takes it; None, their sum.

    Every tower of every arm takes the steps of both phases, on the same batches. Methods that the paper starts from
    one-task networks take their first phase from the towers that `Bench.one_task` trains once a seed.
    """

    name: ClassVar[str]
    objective: ClassVar[Callable[[Sequence[str]], Objective] | None] = None
    known: ClassVar[dict[str, type["Method"]]] = {}

    def __init_subclass__(cls):
        if "name" in vars(cls):
            call(Method.known, cls.name, cls)
        elif hasattr(cls, "name") and any([inspect.isfunction(found) for found in vars(cls).values()]):
            # else what several methods have in common, which has no name
            raise ValueError(f"{cls.__qualname__} trains otherwise than {cls.name!r}: give it a name of its own")

    @abstractmethod
    def train(self, bench: "Bench") -> Trained:
        """Train the network of the bench's world, seed and scale."""

    def phase(self, bench: "Bench", net: nn.Module, tasks: Mapping[str, Task], phase: int, part: str = "") -> History:
        """`Bench.train` under a name that says what the run depends on: equal for arms that train the same.

        Args:
            part: tells the networks of an arm apart that has several.
        """
        options = {f.name: getattr(self, f.name) for f in fields(self)}
        own = options.pop("unit_lr_scale", None)
        rate = bench.scale.unit_lr_scale if own is None else own
        name = f"{self.name} {part} {options} {rate}{code_of(type(self))}"
        return bench.train(net, tasks, phase, name, unit_lr_scale=rate, objective=type(self).objective)

    def both_phases(self, bench: "Bench", net: nn.Module) -> dict[int, History]:
        """A network that is trained from the start for all tasks."""
        return {phase: self.phase(bench, net, bench.world.tasks, phase) for phase in (0, 1)}
