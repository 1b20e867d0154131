"""What chapter 8 says of table 5: on rooms, and of its arms in other settings."""

from collections.abc import Iterator, Mapping

import pandas as pd
from torch import Tensor

from xstitch_lib.results.record import Record, load
from xstitch_lib.results.statistics import gain, gains, means, summary
from xstitch_lib.studies.claims import TASKS
from xstitch_lib.studies.reports.wording import worded, worded_gain, worded_gains
from xstitch_lib.studies.segmentation_normals import BEST_SPLIT
from xstitch_lib.studies.study import Study
from xstitch_lib.tasks import Task

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
    return worded_gains(load("diagonal", "small").table, pairs, PRIMARY)


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


def _along(record: Record, arm: str, task: str, metric: str, step: int) -> pd.Series:
    """A validation metric or training loss at a step of the second phase, one value a seed."""
    rows = record.curves
    rows = rows[(rows.arm == arm) & (rows.task == task) & (rows.metric == metric)]
    rows = rows[(rows.phase == 1) & rows.part.isin(["", task]) & (rows.step == step)]
    return rows.set_index("seed").value
