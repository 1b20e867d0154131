"""The arms of the first pair's studies: how each network is built and trained, at one budget for all.

Every tower of every arm takes the steps of both phases, on the same batches. Arms that the paper starts from
one-task networks take their first phase from the towers that `Bench.one_task` trains once a seed.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from torch import nn

from xstitch_lib.history import History
from xstitch_lib.networks import align, ensemble, mtl_shared, split, stitch
from xstitch_lib.networks.towers import POOLS
from xstitch_lib.studies.bench import Apart, Bench
from xstitch_lib.tasks import Task

ALIGNED_ON = 100  # training pictures


@dataclass(frozen=True)
class Arm:
    """One row of a table.

    Attributes:
        name: what the row is called.
        method: a key of `METHODS`.
        at: of "split", the first layer that is not shared.
        after, per, alpha_same: of the stitched methods, as in `stitch`.
        unit_lr_scale: in place of the scale's.
        learned: False, the alphas stay as they start.
        start: "one-task", or "random": units are there from the first step on.
        partner: the first task's tower is joined to others of the "same" random initialisation, of "another", or of
            another and then "aligned" to it.
        changes: what differs from the scale's settings, such as ``{"train": 150}``.
    """

    name: str
    method: str
    at: str | None = None
    after: Sequence[str] = POOLS
    per: str = "channel"
    alpha_same: float = 0.9
    unit_lr_scale: float | None = None
    learned: bool = True
    start: str = "one-task"
    partner: str = "same"
    changes: Mapping[str, Any] = field(default_factory=dict)

    def run_name(self, part: str, unit_lr_scale: float) -> str:
        """What a run of this arm depends on: equal for arms of two studies that train the same."""
        left_out = ("name", "changes", "unit_lr_scale")  # a name changes nothing; the bench's scale has the others
        described = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}
        return f"{self.method} {part} {described} {unit_lr_scale}"


class Trained(NamedTuple):
    """A network that answers every task, and what its training left: part of the arm → phase → history."""

    net: nn.Module
    histories: dict[str, dict[int, History]]


def one_task(bench: Bench, arm: Arm) -> Trained:
    """A network a task, trained on its own (section 6.1)."""
    net, histories = _finished_towers(bench)
    return Trained(net, {"": histories})


def two_nets_a_task(bench: Bench, arm: Arm) -> Trained:
    """Two one-task networks a task, softmax averaged (section 6.1); the second from weights and order of its own."""
    second, others = _finished_towers(bench, weights="b", order="b")  # these first: all arms wait for the others
    first, histories = _finished_towers(bench)
    nets = {task: ensemble([first.nets[task], second.nets[task]]) for task in bench.world.tasks}
    return Trained(Apart(nets), {"": histories, "second": others})


def split_network(bench: Bench, arm: Arm) -> Trained:
    """Layers before ``arm.at`` shared, trained from the start for both tasks (section 3.1)."""
    net = split(bench.fresh().__getitem__, bench.world.tasks, at=arm.at)
    return Trained(net, {"": _both_phases(bench, arm, net)})


def mtl_shared_network(bench: Bench, arm: Arm) -> Trained:
    """See `mtl_shared` (section 6.1)."""
    net = mtl_shared(bench.fresh().__getitem__, bench.world.tasks)
    return Trained(net, {"": _both_phases(bench, arm, net)})


def own_map_network(bench: Bench, arm: Arm) -> Trained:
    """The control of MTL-shared: its map before the heads, from the identity too, but one for each task.

    Nothing is shared; it has one map of weights more. Weight decay pulls these maps to zero, as it does MTL-shared's.
    """
    net = mtl_shared(bench.fresh().__getitem__, bench.world.tasks)
    apart = Apart(
        {task: nn.Sequential(tower, deepcopy(net.latent), net.heads[task]) for task, tower in net.towers.items()}
    )
    return Trained(apart, {"": _both_phases(bench, arm, apart)})


def cross_stitch(bench: Bench, arm: Arm) -> Trained:
    """Both tasks' towers, stitched."""
    if arm.start == "random":
        net = _stitched(bench, arm, bench.fresh())
        return Trained(net, {"": _both_phases(bench, arm, net)})
    towers, first = bench.one_task()
    histories = {"": {0: first}}
    if arm.partner != "same":
        towers, others = _with_partners(bench, towers, aligned=arm.partner == "aligned")
        histories["partner"] = {0: others}
    net = _stitched(bench, arm, towers)
    histories[""][1] = _phase(bench, arm, net, bench.world.tasks, 1)
    return Trained(net, histories)


def self_stitch(bench: Bench, arm: Arm) -> Trained:
    """For each task two towers of it, stitched: as many weights behind an answer as in cross-stitch, no other task.

    Both towers learn; the first one answers. They start from the same weights where the two tasks' towers do, and
    differ in the order of the data in the first phase.
    """
    towers, first = bench.one_task()
    twins, others = bench.one_task(weights="a" if bench.world.one_start else "b", order="b")
    nets, histories = {}, {"": {0: first}, "twin": {0: others}}
    for name, task in bench.world.tasks.items():
        nets[name] = _stitched(bench, arm, {name: towers[name], f"{name} twin": twins[name]})
        both = {name: task, f"{name} twin": task}
        histories[name] = {1: _phase(bench, arm, nets[name], both, 1, part=name)}
    return Trained(Apart(nets), histories)


METHODS: dict[str, Callable[[Bench, Arm], Trained]] = {
    "one-task": one_task,
    "ensemble": two_nets_a_task,
    "split": split_network,
    "mtl-shared": mtl_shared_network,
    "own map": own_map_network,
    "cross-stitch": cross_stitch,
    "self-stitch": self_stitch,
}


def _finished_towers(bench: Bench, weights: str = "a", order: str = "a") -> tuple[Apart, dict[int, History]]:
    towers, first = bench.one_task(weights, order)
    net = Apart(towers)
    second = bench.train(net, bench.world.tasks, phase=1, name=f"one-task {weights}{order}", order=order)
    return net, {0: first, 1: second}


def _both_phases(bench: Bench, arm: Arm, net: nn.Module) -> dict[int, History]:
    return {phase: _phase(bench, arm, net, bench.world.tasks, phase) for phase in (0, 1)}


def _phase(bench: Bench, arm: Arm, net: nn.Module, tasks: Mapping[str, Task], phase: int, part: str = "") -> History:
    scale = bench.scale.unit_lr_scale if arm.unit_lr_scale is None else arm.unit_lr_scale
    return bench.train(net, tasks, phase, arm.run_name(part, scale), unit_lr_scale=scale)


def _with_partners(
    bench: Bench, towers: Mapping[str, nn.Module], aligned: bool
) -> tuple[dict[str, nn.Module], History]:
    """The first task's tower, and the other tasks' from other random weights, with how these were trained."""
    (task, first), *_ = towers.items()
    others, history = bench.one_task(weights="b")
    partners = {name: tower for name, tower in others.items() if name != task}
    if aligned:
        images = bench.world.train[:ALIGNED_ON]["image"]
        partners = {name: align(tower, first, images) for name, tower in partners.items()}
    return {task: first} | partners, history


def _stitched(bench: Bench, arm: Arm, towers: Mapping[str, nn.Module]) -> nn.Module:
    example = bench.world.train[:1]["image"]
    net = stitch(towers, arm.after, example, arm.per, arm.alpha_same)
    net.units.requires_grad_(arm.learned)
    return net
