"""The control of MTAN: for each task a network whose two paths of masks both learn it."""

from dataclasses import dataclass
from typing import ClassVar

from xstitch_lib.networks import mtan
from xstitch_lib.studies.bench import Apart, Bench
from xstitch_lib.studies.methods.method import Trained
from xstitch_lib.studies.methods.mtan import MTAN
from xstitch_lib.studies.worlds.world import inputs_of


@dataclass(frozen=True, kw_only=True)
class SelfMTAN(MTAN):
    """MTAN with the same task twice: its masks, its batch norm and its steps, and no other task.

    Both paths learn, from masks that are drawn apart; the first one answers.
    """

    name: ClassVar[str] = "self-mtan"

    def train(self, bench: Bench) -> Trained:
        nets, histories, inputs = {}, {}, inputs_of(bench.world.train, 1)
        for name, task in bench.world.tasks.items():
            towers = {name: bench.fresh()[name], f"{name} twin": bench.fresh()[name]}
            with bench.drawing("attention"):
                nets[name] = mtan(towers.__getitem__, towers, self.blocks, inputs)
            both = dict.fromkeys(towers, task)
            histories[name] = {phase: self.phase(bench, nets[name], both, phase, part=name) for phase in (0, 1)}
        return Trained(Apart(nets), histories)
