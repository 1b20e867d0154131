"""What chapter "Where should tasks share?" says of figure 2's record, and what each split costs."""

from collections.abc import Mapping

import pandas as pd
from scipy import stats

from xstitch_lib.looking import cost
from xstitch_lib.networks.split import split
from xstitch_lib.results import paper
from xstitch_lib.results.record import Record
from xstitch_lib.results.statistics import gain, gains, summary
from xstitch_lib.studies.detection_attributes import METRICS as SECOND_PAIR
from xstitch_lib.studies.reports.wording import worded_gain
from xstitch_lib.studies.segmentation_normals import BEST_SPLIT, SPLITS
from xstitch_lib.studies.worlds import World
from xstitch_lib.studies.worlds.rooms import RoomsScale

ARMS = [f"split-{layer}" for layer in SPLITS]
METRICS = {"seg": "mIU", "normals": "median"}
COSTS = ["parameters", "multiplies", "activations"]


def recipe(scale: RoomsScale) -> str:
    """How a scale trains, in words."""
    first, then = scale.steps
    return (
        f"{scale.train} pictures in batches of {scale.batch_size}, {first} steps at a rate of {scale.lr[0]:g}, "
        f"then {then} from {scale.lr[1]:g} down to 0"
    )


def by_task(record: Record, metrics: Mapping[str, str] = METRICS) -> dict[str, dict[str, pd.Series]]:
    """For `xstitch_lib.page.plots.gain_bars`: task → split → gain over one-task, one value a seed."""
    table = record.table
    return {
        task: {arm: gains(table, arm, "one-task", task, metric) for arm in ARMS} for task, metric in metrics.items()
    }


def splits_say(record: Record) -> dict[str, str]:
    """Best and worst split of each task, whose intervals miss zero, who wins in which seeds, and single steps."""
    says, found = {"best_split": BEST_SPLIT}, by_task(record)
    for task, by_arm in found.items():
        says |= _ranked(task, by_arm)
    steps = {"conv": summary(found["seg"]["split-conv2"])}
    steps["fc"] = summary((found["seg"]["split-fc8"] - found["seg"]["split-fc7"]).dropna())
    mean = {arm: gain(record.table, arm, "one-task", "normals", "mean") for arm in ARMS}
    above = [f"{arm} ({g.short('°')})" for arm, g in mean.items() if g.low > 0]
    return says | {
        "first_step": steps["conv"].short(" points"),
        "last_step": steps["fc"].short(" points"),
        "above_mean_angle": ", ".join(above) or "none",
        "fc6_over_conv2": worded_gain(record.table, "split-fc6", "split-conv2", "normals", "median"),
        "fc6_over_conv2_seg": worded_gain(record.table, "split-fc6", "split-conv2", "seg", "mIU"),
        "luck_shared": _luck_shared(record),
    }


def second_pair_says(record: Record) -> dict[str, str]:
    """The same of detection and attributes; late against early splits, and how often conv2 wins."""
    says = {}
    for task, by_arm in by_task(record, SECOND_PAIR).items():
        says |= _ranked(task, by_arm)
        says[f"late_{task}"] = worded_gain(record.table, "split-fc7", "split-conv2", task, SECOND_PAIR[task])
        says[f"last_{task}"] = summary(by_arm["split-fc8"]).short(" points")
    return says


def _ranked(task: str, by_arm: Mapping[str, pd.Series]) -> dict[str, str]:
    found = {arm: summary(values) for arm, values in by_arm.items()}
    ranked = sorted(found, key=lambda arm: found[arm].mean)
    winners = pd.DataFrame(by_arm).idxmax(axis=1).value_counts()
    says = {
        f"above_{task}": ", ".join([arm for arm, gained in found.items() if gained.low > 0]) or "none",
        f"below_{task}": ", ".join([arm for arm, gained in found.items() if gained.high < 0]) or "none",
        f"winners_{task}": ", ".join([f"{arm} ({n} of {winners.sum()} seeds)" for arm, n in winners.items()]),
    }
    for place, arm in (("worst", ranked[0]), ("best", ranked[-1])):
        says[f"{place}_{task}"] = arm
        says[f"{place}_{task}_gain"] = found[arm].short("°" if task == "normals" else " points")
    return says


def _luck_shared(record: Record) -> str:
    """Over seeds, the correlations of one-task's median angle with that of each split."""
    rows = record.table[(record.table.task == "normals") & (record.table.metric == "median")]
    levels = rows.pivot(index="seed", columns="arm", values="value")
    found = [float(stats.pearsonr(levels["one-task"], levels[arm]).statistic) for arm in ARMS]
    return f"{min(found):+.2f} to {max(found):+.2f}"


def in_paper() -> pd.DataFrame:
    """Figure 2's bars as text: a row a split, a column a task; + is better."""
    bars = paper.table("fig2").pivot(index="arm", columns="task", values="value")
    bars = bars.loc[ARMS, ["seg", "normals", "detection", "attributes"]]
    return bars.assign(normals=-bars.normals).map("{:+.2f}".format).rename_axis("split")


def costs(world: World, shape: tuple[int, ...]) -> pd.DataFrame:
    """What each split needs, as a part of what one network per task needs, as text."""

    def of(net) -> pd.Series:
        found = cost(net, shape)
        return pd.Series({name: getattr(found, name) for name in COSTS})

    alone = sum([of(world.tower(task)) for task in world.tasks])
    rows = {f"split-{layer}": of(split(world.tower, world.tasks, at=layer)) / alone for layer in SPLITS}
    return pd.DataFrame(rows).T.map("{:.2f}".format).rename_axis("split")
