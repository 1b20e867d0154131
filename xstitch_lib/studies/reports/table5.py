"""What chapters 8 and "On the paper's own frames" say of table 5: on rooms, elsewhere, and on NYU-v2."""

from collections.abc import Iterator, Mapping, Sequence

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
from xstitch_lib.results.statistics import class_gains, gain, gains, means, paper_gain, summary
from xstitch_lib.results.tables import levels_beside_paper
from xstitch_lib.studies.claims import TASKS
from xstitch_lib.studies.reports.wording import unit_of, worded, worded_gain, worded_if_run
from xstitch_lib.studies.segmentation_normals import BEST_SPLIT
from xstitch_lib.studies.study import Study
from xstitch_lib.studies.worlds.nyuv2 import NYUScale
from xstitch_lib.tasks import SemanticSegmentation, SurfaceNormals, Task
from xstitch_lib.tasks.quantities import Quantities

# columns of the chapter's tables
METRICS = [
    ("normals", "mean"),
    ("normals", "median"),
    ("normals", "11.25"),
    ("normals", "22.5"),
    ("normals", "30"),
    ("seg", "pixacc"),
    ("seg", "mIU"),
    ("seg", "fwIU"),
]
SHOWN = [("seg", "mIU"), ("seg", "pixacc"), ("normals", "mean"), ("normals", "median")]  # where room is short
PRIMARY = {"seg": "mIU", "normals": "mean"}
BY_NAME = {"segmentation": "mIU, points", "normals": "mean angle, degrees less"}
# records of table 5's arms in other settings → as the figure names them
SETTINGS = {
    "fewer_pictures": "150 pictures",
    "table5": "600, as in table 5",
    "more_pictures": "2000 pictures",
    "stride4": "600, finer grid",
    "adam": "600, Adam",
}
FRAMES, PAPER_FRAMES = 699, 795  # of NYU-v2, to train on
PAPER_ALONE, PAPER_STITCHED, PAPER_BATCH = {"seg": 25_000, "normals": 15_000}, 10_000, 20  # steps, frames
CROSS, ONE, SELF = "cross-stitch", "one-task", "self-stitch"


def scales_say(study: Study) -> dict[str, str]:
    """How large the run in front of the reader is, and how much larger the recorded one."""
    live, small = study.scale("live"), study.scale("small")
    return {
        "live_pictures": str(live.train),
        "live_steps": str(sum(live.steps)),
        "times_pictures": f"{small.train / live.train:.0f}",
        "times_steps": f"{sum(small.steps) / sum(live.steps):.0f}",
        "best_split": BEST_SPLIT,
    }


def levels(table: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """What each arm reaches, as text: a table a task, which a page has room for."""
    for task in ("normals", "seg"):
        columns = [column for column in METRICS if column[0] == task]
        yield means(table, columns).dropna(how="all").fillna("")


def levels_beside(record: Record) -> Iterator[pd.DataFrame]:
    """The same, with the paper's rows below ours."""
    for task in ("normals", "seg"):
        columns = [column for column in METRICS if column[0] == task]
        yield levels_beside_paper(record.table, paper.table("table5"), columns)


def gains_over_one_task(record: Record) -> dict[str, dict[str, pd.Series]]:
    """For `xstitch_lib.page.plots.gain_bars`: task, as figures name it → arm → one gain a seed."""
    others = [arm for arm in record.content["arms"] if arm != ONE]
    return {
        TASKS[task]: {arm: gains(record.table, arm, ONE, task, metric) for arm in others}
        for task, metric in PRIMARY.items()
    }


def rooms_say(record: Record) -> dict[str, str]:
    """On rooms: cross-stitch against one-task, self-stitch and both ensembles, and self-stitch against one-task."""
    pairs = {
        "one": (CROSS, ONE),
        "self": (CROSS, SELF),
        "second": (SELF, ONE),
        "ensemble": (CROSS, "ensemble"),
        "equal": (CROSS, "ensemble, equal weights"),
    }
    return {
        f"{task}_{name}": worded_gain(record.table, *pair, task, metric)
        for task, metric in PRIMARY.items()
        for name, pair in pairs.items()
    } | {
        "median_ensemble": worded_gain(record.table, CROSS, "ensemble", "normals", "median"),
        "pixacc_equal": worded_gain(record.table, CROSS, "ensemble, equal weights", "seg", "pixacc"),
        "pixacc_one": worded_gain(record.table, CROSS, ONE, "seg", "pixacc"),
    }


def mixing_says() -> dict[str, str]:
    """On rooms: what mixing gains over units that may not mix, and what these gain over none."""
    pairs = {"mixing": (CROSS, "diagonal"), "unmixed": ("diagonal", ONE)}
    return worded_if_run("diagonal", "small", pairs, PRIMARY)


def longer_says() -> dict[str, str]:
    """On NYU-v2, with the steps of `brief` and with twice as many: stitching over none, and more steps over fewer."""
    pairs = {f"longer_{n}": (f"{CROSS}, {n} steps", f"{ONE}, {n} steps") for n in (630, 1260)}
    pairs["longer_alone"] = (f"{ONE}, 1260 steps", f"{ONE}, 630 steps")
    return worded_if_run("longer", "brief", pairs, PRIMARY)


def splits_say(record: Record, splits: Record) -> dict[str, str]:
    """The split that suits normals best: cross-stitch over it, its cost in segmentation, the chosen one's place.

    Args:
        splits: figure 2's, which has table 5's one-task runs, so seeds pair across both records.
    """
    both = pd.concat([record.table[record.table.arm == CROSS], splits.table])
    angle = splits.table.query("task == 'normals' and metric == 'mean' and arm != 'one-task'")
    ranked = list(angle.groupby("arm").value.mean().sort_values().index)
    return {
        "split_place": f"{ranked.index(BEST_SPLIT) + 1} of {len(ranked)}",
        "normals_split": ranked[0],
        "over_normals_split_mean": worded_gain(both, CROSS, ranked[0], "normals", "mean"),
        "over_normals_split_median": worded_gain(both, CROSS, ranked[0], "normals", "median"),
        "normals_split_cost": worded_gain(splits.table, ranked[0], ONE, "seg", "mIU"),
    }


def gains_by_setting(records: Mapping[str, Record]) -> dict[str, dict[str, dict[str, pd.Series]]]:
    """For `xstitch_lib.page.plots.gains_by_setting`: task, as figures name it → setting → arm → one gain a seed.

    Args:
        records: a key of `SETTINGS` → its record.
    """
    return {
        TASKS[task]: {
            SETTINGS[name]: {arm: gains(r.table, arm, ONE, task, metric) for arm in (CROSS, SELF, "ensemble")}
            for name, r in records.items()
        }
        for task, metric in PRIMARY.items()
    }


def settings_say(records: Mapping[str, Record]) -> dict[str, str]:
    """In each setting, who gains over whom; in how many which partner is ahead; what 2000 pictures add to 600."""
    pairs = {"one": (CROSS, ONE), "self": (CROSS, SELF), "second": (SELF, ONE), "ensemble": ("ensemble", ONE)}
    says = {
        f"{name}_{task}_{short}": worded_gain(record.table, *pair, task, metric)
        for name, record in records.items()
        for task, metric in PRIMARY.items()
        for short, pair in pairs.items()
    }
    for task, metric in PRIMARY.items():
        many, few = [gains(records[name].table, CROSS, ONE, task, metric) for name in ("more_pictures", "table5")]
        says[f"more_{task}"] = worded(summary((many - few).dropna()), records["table5"].quantities[task][metric])
    return says | {
        "self_ahead_seg": settings_ahead(records, SELF, CROSS, "seg"),
        "cross_ahead_normals": settings_ahead(records, CROSS, SELF, "normals"),
    }


def settings_ahead(records: Mapping[str, Record], first: str, second: str, task: str) -> str:
    """In how many settings the first arm is ahead, its interval above zero: "none", "one" … "all"."""
    found = [gain(record.table, first, second, task, PRIMARY[task]) for record in records.values()]
    ahead = sum([difference.low > 0 for difference in found])
    return "all" if ahead == len(found) else ("none", "one", "two", "three", "four")[ahead]


def overfitting_says(records: Mapping[str, Record]) -> dict[str, str]:
    """Training losses by number of pictures; with the fewest, what more steps and a stop at the best point do."""
    says = {
        f"{name}_loss_{arm}": f"{_along(records[name], arm, 'normals', 'loss', 1000).mean():.2f}"
        for name in ("fewer_pictures", "table5", "more_pictures")
        for arm in (ONE, CROSS, SELF)
    }
    fewer = records["fewer_pictures"]
    for arm in (ONE, CROSS):
        early, late = [_along(fewer, arm, "normals", "mean", step) for step in (100, 1000)]
        says[f"worse_{arm}"] = worded(summary(late - early), fewer.quantities["normals"]["mean"])
    watched = fewer.curves.query("phase == 1 and part == ''")
    for task, metric in PRIMARY.items():
        by_run = watched[(watched.task == task) & (watched.metric == metric)].groupby(["arm", "seed"]).value
        quantity = fewer.quantities[task][metric]
        best = by_run.max() if quantity.higher_is_better else by_run.min()
        says[f"best_{task}"] = worded(summary(quantity.gain(best[CROSS], best[ONE]).dropna()), quantity)
    return says | {"fewer_within": worded_gain(fewer.table, CROSS, ONE, "normals", "11.25")}


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


def pictures(
    tasks: Mapping[str, Task], test: Mapping[str, Tensor], answers: Mapping[tuple[str, str], Tensor], shown: Tensor
) -> dict[str, Tensor]:
    """For `xstitch_lib.page.plots.gallery`: some pictures, and for each task the truth and the arms' answers.

    Args:
        answers: (arm, task) → what its network says of all pictures.
        shown: numbers of the pictures.
    """
    rows = {"picture": test["image"][shown].permute(0, 2, 3, 1)}
    for task, name in (("normals", "normals"), ("seg", "classes")):
        rows[f"{name}, true"] = tasks[task].draw(test[task][shown])
        for arm in dict.fromkeys([arm for arm, _ in answers]):
            rows[f"{name}, {arm}"] = tasks[task].draw(answers[arm, task][shown])
    return rows


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


def frames_say(frames: Record) -> dict[str, str]:
    """All that is said of table 5 on NYU-v2, of the shorter runs before it and of the longer ones after it."""
    says = nyu_says(frames) | nyu_partners_say(frames) | turned_says(frames)
    return says | brief_says(load("table5", "brief")) | longer_says()


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


def validation_curves(record: Record) -> dict[str, pd.DataFrame]:
    """For `xstitch_lib.page.plots.curves_with_bands`: arm → mIU on validation frames, a row a step, a column a seed."""
    rows = record.curves.query("phase == 1 and task == 'seg' and metric == 'mIU' and part in ['', 'seg']")
    arms = (ONE, CROSS, SELF)
    return {arm: rows[rows.arm == arm].pivot(index="step", columns="seed", values="value") for arm in arms}


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


def _along(record: Record, arm: str, task: str, metric: str, step: int) -> pd.Series:
    """A validation metric or training loss at a step of the second phase, one value a seed."""
    rows = record.curves
    rows = rows[(rows.arm == arm) & (rows.task == task) & (rows.metric == metric)]
    rows = rows[(rows.phase == 1) & rows.part.isin(["", task]) & (rows.step == step)]
    return rows.set_index("seed").value


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
