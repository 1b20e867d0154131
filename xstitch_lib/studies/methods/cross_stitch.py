"""All tasks' towers, stitched: the paper's method (section 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from xstitch_lib.looking.align import align
from xstitch_lib.networks import stitch
from xstitch_lib.networks.towers import POOLS
from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.methods.method import Method, Trained
from xstitch_lib.studies.worlds.world import inputs_of
from xstitch_lib.training.history import History

ALIGNED_ON = 100  # training pictures


@dataclass(frozen=True, kw_only=True)
class Stitching(Method):
    """The options of methods that stitch towers.

    Attributes:
        after, per, alpha_same: as in `stitch`.
        unit_lr_scale: in place of the scale's.
        learned: False, the alphas stay as they start.
    """

    after: tuple[str, ...] = POOLS
    per: str = "channel"
    alpha_same: float = 0.9
    unit_lr_scale: float | None = None
    learned: bool = True

    def stitched(self, bench: Bench, towers: Mapping[str, nn.Module]) -> nn.Module:
        """The network of these towers, with its units."""
        net = stitch(towers, self.after, inputs_of(bench.world.train, 1), self.per, self.alpha_same)
        net.units.requires_grad_(self.learned)
        return net


@dataclass(frozen=True, kw_only=True)
class CrossStitch(Stitching):
    """All tasks' towers, stitched.

    Attributes:
        start: "one-task", or "random": units are there from the first step on.
        partner: the first task's tower is joined to others of the "same" random initialisation, of "another", or of
            another and then "aligned" to it.
    """

    name: ClassVar[str] = "cross-stitch"
    start: str = "one-task"
    partner: str = "same"

    def train(self, bench: Bench) -> Trained:
        if self.start == "random":
            net = self.stitched(bench, bench.fresh())
            return Trained(net, {"": self.both_phases(bench, net)})
        towers, first = bench.one_task()
        histories = {"": {0: first}}
        if self.partner != "same":
            towers, others = with_partners(bench, towers, aligned=self.partner == "aligned")
            histories["partner"] = {0: others}
        net = self.stitched(bench, towers)
        histories[""][1] = self.phase(bench, net, bench.world.tasks, 1)
        return Trained(net, histories)


def with_partners(bench: Bench, towers: Mapping[str, nn.Module], aligned: bool) -> tuple[dict[str, nn.Module], History]:
    """The first task's tower, and the other tasks' from other random weights, with how these were trained."""
    (task, first), *_ = towers.items()
    others, history = bench.one_task(weights="b")
    partners = {name: tower for name, tower in others.items() if name != task}
    if aligned:
        (images,) = inputs_of(bench.world.train, ALIGNED_ON)
        partners = {name: align(tower, first, images) for name, tower in partners.items()}
    return {task: first} | partners, history
