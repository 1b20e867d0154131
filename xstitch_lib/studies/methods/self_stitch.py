"""The control of cross-stitch: for each task two towers of it, stitched."""

from dataclasses import dataclass
from typing import ClassVar

from xstitch_lib.studies.bench import Apart, Bench
from xstitch_lib.studies.methods.cross_stitch import Stitching
from xstitch_lib.studies.methods.method import Trained


@dataclass(frozen=True, kw_only=True)
class SelfStitch(Stitching):
    """For each task two towers of it, stitched: as many weights behind an answer as in cross-stitch, no other task.

    Both towers learn; the first one answers. They start from the same weights where the two tasks' towers do, and
    differ in the order of the data in the first phase.
    """

    name: ClassVar[str] = "self-stitch"

    def train(self, bench: Bench) -> Trained:
        towers, first = bench.one_task()
        twins, others = bench.one_task(weights="a" if bench.world.one_start else "b", order="b")
        nets, histories = {}, {"": {0: first}, "twin": {0: others}}
        for name, task in bench.world.tasks.items():
            nets[name] = self.stitched(bench, {name: towers[name], f"{name} twin": twins[name]})
            both = {name: task, f"{name} twin": task}
            histories[name] = {1: self.phase(bench, nets[name], both, 1, part=name)}
        return Trained(Apart(nets), histories)
