"""What chapter "On the paper's own frames" says of table 5 on NYU-v2."""

from collections.abc import Iterator, Sequence

import pandas as pd
import torch
from torch import Tensor

from xstitch_lib.data import NYUv2
from xstitch_lib.results import paper
from xstitch_lib.results.alphas import moved
from xstitch_lib.results.classes import rarest_gain
from xstitch_lib.results.findings import contrasts
from xstitch_lib.results.record import Record, load
from xstitch_lib.results.settings import post_processing
from xstitch_lib.results.statistics import class_gains, gains, paper_gain, summary
from xstitch_lib.results.tables import levels_beside_paper
from xstitch_lib.studies.claims import TASKS
from xstitch_lib.studies.reports.table5 import CROSS, METRICS, ONE, PRIMARY, SELF, SHOWN
from xstitch_lib.studies.reports.wording import unit_of, worded, worded_gain
from xstitch_lib.studies.segmentation_normals import BEST_SPLIT
from xstitch_lib.studies.worlds.nyuv2 import NYUScale
from xstitch_lib.tasks import SemanticSegmentation, SurfaceNormals
from xstitch_lib.tasks.quantities import Quantities

FRAMES, PAPER_FRAMES = 699, 795  # of NYU-v2, to train on
PAPER_ALONE, PAPER_STITCHED, PAPER_BATCH = {"seg": 25_000, "normals": 15_000}, 10_000, 20  # steps, frames


def frames_say(frames: Record) -> dict[str, str]:
    """All that is said of table 5 on NYU-v2, of the shorter runs before it and of the longer ones after it."""
    says = nyu_says(frames) | nyu_partners_say(frames) | turned_says(frames)
    return says | brief_says(load("table5", "brief")) | longer_says()


def medium_says(medium: NYUScale) -> dict[str, str]:
    """The settings on NYU-v2, and how often a tower has seen each frame, here and in the paper."""
    first, second = medium.steps
    looks = {task: (steps + PAPER_STITCHED) * PAPER_BATCH / PAPER_FRAMES for task, steps in PAPER_ALONE.items()}
    return {
        "medium_width": str(medium.width),
        "medium_batch": str(medium.batch_size),
        "medium_first": f"{first:,}",
        "medium_second": f"{second:,}",
        "medium_epochs": f"{(first + second) * medium.batch_size / FRAMES:.0f}",
        "medium_seeds": str(len(medium.seeds)),
        "medium_rate": f"{medium.lr[0]:g}",
        "medium_rate_second": f"{medium.lr[1]:g}",
        "medium_factor": f"{medium.unit_lr_scale:g}",
        "medium_pixels": str(medium.loss_stride**2),
    } | {f"paper_looks_{task}": f"{often:.0f}" for task, often in looks.items()}


def real_frames(numbers: Sequence[int] = (5, 30, 55, 80)) -> dict[str, Tensor]:
    """For `xstitch_lib.page.plots.gallery`: frames of NYU-v2, normals and classes; empty where there are none."""
    try:
        real = NYUv2(split="validation")
    except FileNotFoundError:
        return {}
    some = real[torch.tensor(numbers)]
    return {
        "frame": some["image"].permute(0, 2, 3, 1),
        "normals": SurfaceNormals.from_data(real).draw(some["normals"]),
        "classes": SemanticSegmentation("seg", len(real.classes), real.classes).draw(some["seg"]),
    }


def levels_beside(record: Record) -> Iterator[pd.DataFrame]:
    """The same, with the paper's rows below ours."""
    for task in ("normals", "seg"):
        columns = [column for column in METRICS if column[0] == task]
        yield levels_beside_paper(record.table, paper.table("table5"), columns)


def nyu_gains(record: Record) -> pd.DataFrame:
    """Over one-task on NYU-v2, as text: a row an arm of ours, and below it the paper's where it has that arm.

    The paper's split stands below ours, though it is at another layer.
    """
    rows, five = [], paper.table("table5")
    for arm in [arm for arm in record.content["arms"] if arm != ONE]:
        rows.append({"over one-task": f"{arm}, ours"} | _over(record.table, arm, ONE))
        if (theirs := _in_paper(arm)) in {*five.arm}:
            gained = {f"{TASKS[task]} {m}": _paper_gain(five, theirs, task, m) for task, m in SHOWN}
            rows.append({"over one-task": f"{theirs}, the paper"} | gained)
    return pd.DataFrame(rows)


def nyu_says(record: Record) -> dict[str, str]:
    """On NYU-v2: every arm over one-task, ours and the paper's, one-task's levels, and how far the units moved."""
    table, five, says = record.table, paper.table("table5"), {"nyu_split": BEST_SPLIT}
    for arm in [arm for arm in record.content["arms"] if arm != ONE]:
        theirs = _in_paper(arm)
        for task, metric in SHOWN:
            says[f"nyu_{arm}_{metric}"] = worded_gain(table, arm, ONE, task, metric)
            if theirs in {*five.arm}:
                says[f"paper_{theirs}_{metric}"] = _paper_gain(five, theirs, task, metric)
    for name, found in (("nyu", table), ("paper", five)):
        levels = found[found.arm == ONE].groupby("metric").value.mean()
        says |= {f"{name}_level_{metric}": f"{levels[metric]:.1f}" for metric in ("mIU", "mean", "median")}
    by_layer = moved(record, [CROSS]).groupby("layer").value.mean()
    return says | {
        "nyu_moved": f"{by_layer.max():.2f} from its start at {by_layer.idxmax()}",
        "nyu_moved_least": f"{by_layer.min():.2f} at {by_layer.idxmin()}",
    }


def nyu_partners_say(record: Record) -> dict[str, str]:
    """On NYU-v2: cross-stitch against a second network of the same task and the split, and its corrected p."""
    table = record.table
    named = contrasts(table, record.content["primary"], record.content["metrics"]).set_index(["task", "second"])
    return {
        "nyu_other_seg": worded_gain(table, CROSS, SELF, "seg", "mIU"),
        "nyu_other_normals": worded_gain(table, CROSS, SELF, "normals", "mean"),
        "nyu_split_seg": worded_gain(table, CROSS, BEST_SPLIT, "seg", "mIU"),
        "nyu_split_normals": worded_gain(table, CROSS, BEST_SPLIT, "normals", "mean"),
        "nyu_ensemble_within": worded_gain(table, "ensemble", ONE, "normals", "11.25"),
        "nyu_holm": f"{named.holm['normals', ONE]:.3f}",
    }


def turned_says(record: Record) -> dict[str, str]:
    """What turning predicted normals to the room's three directions gains."""
    gained = post_processing(record).set_index(["arm", "metric"]).gain
    says = {f"turned_{metric}": gained[ONE, metric] for metric in ("mean", "median", "11.25")}
    return says | {"turned_cross_mean": gained[CROSS, "mean"]}


def brief_says(record: Record) -> dict[str, str]:
    """The shorter runs that had looked at the test frames before."""
    says = {"brief_steps": f"{sum(record.content['settings']['steps'])}", "brief_seeds": str(len(record.seeds))}
    for name, arm in (("slow", "units ×10"), ("fast", CROSS), ("self", SELF)):
        for task, metric in PRIMARY.items():
            says[f"brief_{name}_{task}"] = worded_gain(record.table, arm, ONE, task, metric)
    return says


def longer_says() -> dict[str, str]:
    """On NYU-v2, with the steps of `brief` and with twice as many: more steps over fewer, and stitching over none."""
    table = load("longer", "brief").table
    pairs = {n: (f"{CROSS}, {n} steps", f"{ONE}, {n} steps") for n in (630, 1260)}
    pairs["alone"] = (f"{ONE}, 1260 steps", f"{ONE}, 630 steps")
    return {
        f"longer_{name}": " and ".join([worded_gain(table, *pair, task, metric) for task, metric in PRIMARY.items()])
        for name, pair in pairs.items()
    }


def segmentation_curves(record: Record) -> dict[str, dict[str, pd.DataFrame]]:
    """For `xstitch_lib.page.plots.curves_with_bands`: mIU on validation frames, and the loss on those of training."""
    rows = record.curves.query("phase == 1 and task == 'seg' and part in ['', 'seg']")
    return {
        label: {
            arm: rows[(rows.arm == arm) & (rows.metric == metric)].pivot(index="step", columns="seed", values="value")
            for arm in (ONE, CROSS, SELF)
        }
        for metric, label in {"mIU": "mIU, validation frames", "loss": "loss, training frames"}.items()
    }


def own_map_gains(record: Record) -> pd.DataFrame:
    """What one more linear map a task gains over none, and one for both over one a task, as text."""
    pairs = [("own map", ONE), ("mtl-shared", "own map")]
    return pd.DataFrame(
        [{"": f"{first} over {second}"} | _over(record.table, first, second) for first, second in pairs]
    )


def own_map_says(record: Record, frames: Record) -> dict[str, str]:
    """The control of MTL-shared: how much of its gain the extra layer brings, where, and beside self-stitch.

    Args:
        frames: table 5's, whose arms were trained once more for the control.
    """
    table, says = record.table, {}
    both = pd.concat([frames.table, table[table.arm == "own map"]])
    for task, metric in SHOWN:
        says[f"own_{metric}"] = worded_gain(table, "own map", ONE, task, metric)
        says[f"over_own_{metric}"] = worded_gain(table, "mtl-shared", "own map", task, metric)
        says[f"self_over_own_{metric}"] = worded_gain(both, SELF, "own map", task, metric)
    half = gains(table, "mtl-shared", ONE, "seg", "mIU") / 2
    more = (gains(table, "own map", ONE, "seg", "mIU") - half).dropna()
    common = pd.Series(record.content["labels"]["seg"]).sort_values().index[10:]
    of_common = class_gains(record.per_class, "own map", ONE).loc[common].mean()
    return says | {
        "self_over_own_within": worded_gain(both, SELF, "own map", "normals", "11.25"),
        "own_over_half": worded(summary(more), record.quantities["seg"]["mIU"]),
        "own_rare": worded(rarest_gain("own map", ONE)(record)["seg"].gain, record.quantities["seg"]["IU"]),
        "own_common": worded(summary(of_common), record.quantities["seg"]["IU"]),
        "again_equal": _again_equal(record, frames),
    }


def held_out_says(record: Record, frames: Record) -> dict[str, str]:
    """The same gains on frames that no network learned from and that chose settings; arguments as `own_map_says`."""
    last = frames.content["settings"]["steps"][1]
    curves = pd.concat([frames.curves, record.curves.query("arm == 'own map'")])
    held_out = curves[(curves.phase == 1) & (curves.step == last) & curves.part.isin(["", *PRIMARY])]
    held_out = held_out[held_out.part.eq("") | held_out.part.eq(held_out.task)]
    says = {
        f"held_out_{arm}_{task}": worded_gain(held_out, arm, ONE, task, metric)
        for arm in (CROSS, SELF, "mtl-shared", "own map")
        for task, metric in PRIMARY.items()
    }
    seen, unseen = [gains(found, "mtl-shared", ONE, "seg", "mIU") for found in (record.table, held_out)]
    return says | {"mtl_apart": worded(summary((seen - unseen).dropna()), record.quantities["seg"]["mIU"])}


def _again_equal(record: Record, frames: Record, seeds: int = 4) -> str:
    """How many results of the first seeds' repeated runs are equal, to the last digit."""
    twice = record.table.merge(frames.table, on=["arm", "seed", "task", "metric"])
    twice = twice[twice.seed < seeds]
    return f"{(twice.value_x == twice.value_y).sum()} of {len(twice)}"


def _over(table: pd.DataFrame, first: str, second: str) -> dict[str, str]:
    return {f"{TASKS[task]} {metric}": worded_gain(table, first, second, task, metric) for task, metric in SHOWN}


def _in_paper(arm: str) -> str:
    return "split-conv4" if arm == BEST_SPLIT else arm


def _paper_gain(five: pd.DataFrame, arm: str, task: str, metric: str) -> str:
    return f"{paper_gain(five, arm, ONE, task, metric):+.1f}{unit_of(Quantities.of(five).find(task, metric))}"
