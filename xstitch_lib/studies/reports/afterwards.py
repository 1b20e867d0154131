"""What chapter "What came after" says: of other papers' numbers, of costs, and of the records that take them apart."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from xstitch_lib.looking import cost
from xstitch_lib.networks import stitch
from xstitch_lib.networks.towers import POOLS
from xstitch_lib.results.findings import contrasts
from xstitch_lib.results.record import Record, load
from xstitch_lib.results.statistics import gains, means, relative_gains, summary
from xstitch_lib.studies.afterwards import (
    AS_MTAN,
    DIAGONAL,
    JUDGED,
    LATER,
    ONE_TASK_ADAM,
    OTHERS,
    afterwards,
)
from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.reports.wording import worded, worded_gain
from xstitch_lib.studies.scale import Scale
from xstitch_lib.tasks.quantities import Quantities

METRICS = {"seg": "mIU", "normals": "mean"}
FELL = 5.0  # points of mIU below one-task: the network has hardly learned
ONE, CROSS, SELF = "one-task", "cross-stitch", "self-stitch"


def _both(seg: tuple[float, float], normals: tuple[float, float]) -> float:
    """What others report, one network per task and then cross-stitch, in percent, the mean of mIoU and mean angle."""
    return 50 * ((seg[1] - seg[0]) / seg[0] - (normals[1] - normals[0]) / normals[0])


# what others' tables say of cross-stitch, and what their code calls that
LITERATURE = pd.DataFrame(
    [
        ("MTAN", "SegNet, NYU-v2", "one row for all tasks, ones",
         "mIoU 15.1 → 14.7, normals 31.8 → 33.6°, depth's error 0.751 → 0.648", _both((15.1, 14.7), (31.8, 33.6))),
        ("CAGrad", "SegNet, NYU-v2", "MTAN's",
         "mIoU 38.3 → 37.4, normals 25.0 → 28.9°, depth's error 0.675 → 0.549; 7 % worse over nine metrics",
         _both((38.3, 37.4), (25.0, 28.9))),
        ("Recon", "SegNet, Cityscapes", "not told",
         "79 % worse over four metrics, nearly all of it depth's relative error; so is its shared network", None),
        ("Vandenhende et al.", "ResNet-18, PASCAL, five tasks", "one matrix per channel",
         "0.6 % better, at 3.9 times the multiplies as they count", 0.6),
    ],
    columns=["where", "networks and data", "its unit", "cross-stitch over one network per task", "percent"],
)  # fmt: skip
SHOWN = list(LITERATURE.columns[:-1])
# arms of `OTHERS` with every difference that they have, for a row that stands alone
NAMES = {
    "and one matrix a layer": "no rate, one matrix per layer",
    "and ones at the start": "no rate, one matrix per layer, ones",
    "and one row for all tasks": "no rate, one row for all tasks, ones",
    "sluice network": "sluice network's unit",
}
AS_PASCAL = OTHERS[0].name  # a unit a channel that lost its rate
NORMED = "one-task, batch norm"
SAME = {"MTAN": "self-MTAN", "NDDR-CNN": "self-NDDR"}  # a later method → it with the same task twice
CONTROLS = (*SAME.values(), NORMED)
# recorded before, on the same pictures and seeds: what it is → study, arm, and the study of its one-task networks
BEFORE = {
    "one matrix a layer, its rate kept": ("table1", "one unit a layer", "table1"),
    "no one-task towers": ("table3", "random", "table5"),
}


def over_one_task(record: Record, same: Record) -> dict[str, pd.DataFrame]:
    """Arm → a table of "it" and of its one-task networks, "one-task".

    Args:
        record: of `afterwards`.
        same: of `same_task`, whose arms stand beside what they are controls of.
    """
    table, found = record.table, {}
    for name in [CROSS, SELF, DIAGONAL.name, *[arm.name for arm in (*LATER, *OTHERS)]]:
        found[name] = _pair(table, name, table)
        if name in SAME:
            found[SAME[name]] = _pair(same.table, SAME[name], table)
    found[NORMED] = _pair(same.table, NORMED, table)
    return found | {AS_MTAN.name: _pair(table, AS_MTAN.name, table, ONE_TASK_ADAM.name)}


def recorded_before() -> dict[str, pd.DataFrame]:
    """The same of the arms that other studies have."""
    return {
        name: _pair(load(study, "small").table, arm, load(base, "small").table)
        for name, (study, arm, base) in BEFORE.items()
    }


def growth(towers: Mapping[str, nn.Module], images: Tensor, **options: Any) -> list[float]:
    """How large the first task's maps are after each unit, 1 before them; towers that are not stitched stand at 1.

    Sizes are root mean squares. Nothing is trained.

    Args:
        options: of `xstitch_lib.stitch`, units behind the poolings.
    """
    mixed, alone = [_sizes(towers, images, **how) for how in (options, {"alpha_same": 1.0})]
    return [1.0, *[mixed[layer] / alone[layer] for layer in alone]]


def _sizes(towers: Mapping[str, nn.Module], images: Tensor, **options: Any) -> dict[str, float]:
    net, sizes = stitch(towers, POOLS, images[:1], **options).eval(), {}

    def note(layer: str) -> Callable[..., None]:
        return lambda unit, maps, mixed: sizes.update({layer: mixed[0].square().mean().sqrt().item()})

    for layer, unit in net.units.items():
        unit.register_forward_hook(note(layer))
    with torch.no_grad():
        net(images)
    return sizes


def _pair(table: pd.DataFrame, arm: str, others: pd.DataFrame, base: str = ONE) -> pd.DataFrame:
    both = pd.concat([table[table.arm == arm].assign(arm="it"), others[others.arm == base].assign(arm=ONE)])
    return Quantities.of(table).attach(both)


def gains_shown(found: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, pd.Series]]:
    """For `xstitch_lib.page.plots.gain_bars`: task → arm → gain over one-task networks, one value a seed."""
    return {
        task: {NAMES.get(name, name): gains(table, "it", ONE, task, metric) for name, table in found.items()}
        for task, metric in METRICS.items()
    }


def differences_shown(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The same in words, and both tasks together in percent."""
    rows = []
    for name, table in found.items():
        each = {f"{task} {metric}": worded_gain(table, "it", ONE, task, metric) for task, metric in METRICS.items()}
        rows.append({"over one-task": NAMES.get(name, name)} | each | {"both, percent": _percent(table).short()})
    return pd.DataFrame(rows)


def _percent(table: pd.DataFrame):
    return summary(relative_gains(table, "it", ONE, METRICS))


def explained(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Each reported number beside ours: with the paper's unit, with the differences, and what these make up."""
    own, rows = relative_gains(found[CROSS], "it", ONE, METRICS), []
    for entry in LITERATURE.dropna(subset="percent").itertuples():
        row = {"where": entry.where, "reported, percent": f"{entry.percent:+.1f}"}
        theirs = relative_gains(found[AS_PASCAL if entry.percent > 0 else AS_MTAN.name], "it", ONE, METRICS)
        lost = summary((own - theirs).dropna())
        row |= {"ours": summary(own).short(), "ours with its unit": summary(theirs).short()}
        row["which makes up"] = f"{lost.short(digits=1)} of {summary(own).mean - entry.percent:.1f}"
        rows.append(row)
    return pd.DataFrame(rows)


def says(found: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """The numbers of the prose: percents of one-task networks, what each difference costs, and each task's own gain."""
    layer, started = recorded_before().values()
    names = {"nddr": "NDDR-CNN", "sluice": "sluice network", "mtan": "MTAN", "as_mtan": AS_MTAN.name, "self": SELF}
    names |= {"diagonal": DIAGONAL.name, "cross": CROSS, "uncertain": LATER[-1].name, "trunk": "shared network"}
    names |= {"same_mtan": "self-MTAN", "same_nddr": "self-NDDR", "norm": NORMED}
    told = {f"{short}_percent": _percent(found[name]).short(" percent") for short, name in names.items()}
    told |= {"layer_percent": _percent(layer).short(" percent"), "started_percent": _percent(started).short(" percent")}
    for name, table in {"cross": found[CROSS], "started": started, "norm": found[NORMED]}.items():
        told |= {f"{name}_{task}": worded_gain(table, "it", ONE, task, metric) for task, metric in METRICS.items()}
    for short in ("nddr", "sluice", "mtan", "uncertain"):
        told[f"{short}_over_cross"] = _apart(found, names[short], CROSS)
    for short, pair in zip(("mtan", "nddr", "cross"), [*SAME.items(), (CROSS, SELF)], strict=True):
        told |= {f"{short}_over_same_{task}": text for task, text in _each_task(found, *pair).items()}
    steps = [CROSS, *[arm.name for arm in OTHERS]]
    for short, before, after in zip(("rate", "matrix", "ones", "row"), steps, steps[1:], strict=False):
        told[f"{short}_costs"] = _apart(found, before, after)
    told["mtan_over_norm"] = _apart(found, "MTAN", NORMED)
    told |= {f"nddr_over_norm_{task}": text for task, text in _each_task(found, "NDDR-CNN", NORMED).items()}
    told["ones_and_row_cost"] = _apart(found, steps[2], steps[4])
    told["halves"] = _apart(found, "sluice network", steps[2])
    told |= {f"mixing_{task}": text for task, text in _each_task(found, CROSS, DIAGONAL.name).items()}
    weighed, trunk = LATER[4].name, LATER[3].name
    told |= {"weighed_percent": _percent(found[weighed]).short(" percent")}
    told["weighing_seg"] = _each_task(found, weighed, trunk)["seg"]
    fell = gains(found[steps[3]], "it", ONE, "seg", "mIU") < -FELL
    told["ones_fell"] = f"{fell.sum()} of {len(fell)}"
    return told


def _apart(found: Mapping[str, pd.DataFrame], first: str, second: str) -> str:
    """By how many percent of one-task networks an arm is ahead of another, seed by seed."""
    one, other = [relative_gains(found[name], "it", ONE, METRICS) for name in (first, second)]
    return summary((one - other).dropna()).short(" percent")


def _each_task(found: Mapping[str, pd.DataFrame], first: str, second: str) -> dict[str, str]:
    """By how much an arm is ahead of another in each task, seed by seed; both have the same one-task networks."""
    told = {}
    for task, metric in METRICS.items():
        one, other = [gains(found[name], "it", ONE, task, metric) for name in (first, second)]
        quantity = Quantities.of(found[first]).find(task, metric)
        told[task] = worded(summary((one - other).dropna()), quantity)
    return told


def judged(record: Record) -> pd.DataFrame:
    """The contrasts that were named before the run, corrected over all of them."""
    rows = {}
    for row in contrasts(record.table, afterwards.primary, METRICS).itertuples():
        name = f"{NAMES.get(row.first, row.first)} over {row.second}"
        rows.setdefault(name, {})[f"{row.task} {row.metric}"] = str(row.finding)
    return pd.DataFrame([{"named before the run": name} | cells for name, cells in rows.items()])


def levels(record: Record) -> pd.DataFrame:
    """Each arm's mean over seeds."""
    return means(record.table, [("seg", "mIU"), ("seg", "pixacc"), ("normals", "mean"), ("normals", "median")])


def costs(scale: Scale, arms: Iterable[str] = (ONE, CROSS, SELF, *JUDGED[:3], "shared network")) -> pd.DataFrame:
    """What an arm's network weighs and multiplies, before any training, beside one network per task."""
    rows = {}
    for name in arms:
        arm = afterwards.arm(name)
        bench = Bench(replace(scale, steps=(0, 0), **arm.changes), seed=0)
        rows[name] = cost(arm.method.train(bench).net, (1, *bench.world.train.peek()["image"].shape[1:]))
    first = rows[ONE]
    return pd.DataFrame(
        [
            {
                "": name,
                "weights": f"{found.parameters:,}",
                "of its units": f"{found.alphas:,}" if found.alphas else "",
                "multiplies": f"{found.multiplies / first.multiplies:.2f} ×",
                "memory": f"{found.activations / first.activations:.2f} ×",
            }
            for name, found in rows.items()
        ]
    )
