"""What chapter "Detection and attributes" says of table 6's record, and of the questions that stand beside it."""

from collections.abc import Mapping

import pandas as pd

from xstitch_lib.results.findings import Lost
from xstitch_lib.results.measures import better
from xstitch_lib.results.record import Record
from xstitch_lib.results.settings import against_chosen
from xstitch_lib.results.statistics import gain, gains, summary
from xstitch_lib.studies.claims import TASKS
from xstitch_lib.studies.claims.claim import CROSS, ONE, SELF, in_paper
from xstitch_lib.studies.detection_attributes import BEST_SPLITS, METRICS, OBJECTS_CHOICES, PAPERS_SPLITS
from xstitch_lib.studies.reports.verdict import Line
from xstitch_lib.studies.reports.wording import level, worded_gain
from xstitch_lib.studies.worlds.room_objects import RoomObjectsScale

COLUMNS = [*METRICS.items()]
UNITS = {TASKS[task]: "mAP, points" for task in METRICS}
A_CHANNEL, DIAGONAL = f"{CROSS} a channel", "diagonal"
IN_PAPER = ("ensemble", *PAPERS_SPLITS, "mtl-shared", CROSS)
# what the prose calls a comparison → its two arms
PAIRS = {
    "one": (CROSS, ONE),
    "self": (CROSS, SELF),
    "second": (SELF, ONE),
    "split": (CROSS, BEST_SPLITS[0]),
    "detection_split": (CROSS, BEST_SPLITS[1]),
    "averaged": ("ensemble", ONE),
    "diagonal": (CROSS, DIAGONAL),
    "rescaled": (DIAGONAL, ONE),
    "channel": (A_CHANNEL, CROSS),
    "channel_one": (A_CHANNEL, ONE),
    "shared": ("mtl-shared", ONE),
    "best": (BEST_SPLITS[0], ONE),
}


def over_one_task(record: Record) -> dict[str, list[Line]]:
    """For `xstitch_lib.page.plots.forest`: a panel a task, what each arm gains over one network per task.

    The paper's gains are beside where its table 6 has the arm; a verdict is corrected over both tasks.
    """
    panels: dict[str, list[Line]] = {f"{TASKS[task]}, {metric} points": [] for task, metric in METRICS.items()}
    for arm in [arm for arm in record.content["arms"] if arm != ONE]:
        theirs = in_paper("table6", arm, ONE) if arm in IN_PAPER else {}
        for (task, finding), (title, lines) in zip(better(arm, ONE)(record).items(), panels.items(), strict=True):
            paper = theirs.get((task, finding.metric))
            lines.append(Line(arm, title, "", ONE, finding.verdict, *finding.gain[:3], paper))
    return panels


def table_says(record: Record) -> dict[str, str]:
    """The comparisons of `PAIRS` in each task: "detection_one", "attributes_second" and so on; one-task's levels."""
    says = {
        f"{task}_{name}": worded_gain(record.table, *pair, task, metric)
        for task, metric in METRICS.items()
        for name, pair in PAIRS.items()
        if {*pair} <= {*record.content["arms"]}
    }
    says |= {f"{task}_level": f"{level(record, ONE, task, metric).mean():.1f}" for task, metric in COLUMNS}
    found = gain(record.table, CROSS, ONE, *COLUMNS[0])
    return says | {"detection_width": f"{found.high - found.low:.1f}"}


def scale_says(scale: RoomObjectsScale) -> dict[str, str]:
    """How a scale trains, in words, and what the paper gains."""
    first, then = scale.steps
    recipe = (
        f"{scale.train} pictures in batches of {scale.batch_size} with {scale.regions} regions each, {first} steps "
        f"alone, then {then} of what the arm makes of the towers"
    )
    theirs = {f"paper_{task}": f"{value:+.1f} points" for (task, _), value in in_paper("table6", CROSS, ONE).items()}
    return {"small_recipe": recipe} | theirs


def choices_shown(record: Record) -> pd.DataFrame:
    """Each setting that was tried beside the chosen one; see `against_chosen`."""
    return against_chosen(record, OBJECTS_CHOICES)


def gains_of(record: Record, settings: Mapping[str, Mapping[str, tuple[str, str]]]) -> dict:
    """For `xstitch_lib.page.plots.gains_by_setting`: task → setting → arm → one gain a seed.

    Args:
        settings: setting → arm, as the figure names it → the pair of the record's arms.
    """
    return {
        TASKS[task]: {
            setting: {name: gains(record.table, *pair, task, metric) for name, pair in arms.items()}
            for setting, arms in settings.items()
        }
        for task, metric in METRICS.items()
    }


FOREGROUND = {f"at most {share} %": {CROSS: (f"{CROSS}, {share} %", f"{ONE}, {share} %")} for share in (5, 25, 50)}
RATES = {
    f"units' rate ×{x}": {f"one unit {per}": (f"{per}, ×{x}", ONE) for per in ("a layer", "a channel")}
    for x in (1, 10, 100)
}
PLACES = {name: {"": (name, ONE)} for name in (CROSS, "before the regions", "after the regions")}
LOSSES = {
    f"×{weight}": {arm: (f"{arm}, loss ×{weight}", f"{ONE}, loss ×{weight}") for arm in (CROSS, "mtl-shared")}
    for weight in ("0.25", "1", "4")
}


def foreground_says(record: Record) -> dict[str, str]:
    """One-task's attributes and what stitching adds, for each share of regions that may show an object."""
    says = {}
    for share, pair in zip((5, 25, 50), FOREGROUND.values(), strict=True):
        for task, metric in METRICS.items():
            says[f"{task}_level_{share}"] = f"{level(record, f'{ONE}, {share} %', task, metric).mean():.1f}"
            says[f"{task}_at_{share}"] = worded_gain(record.table, *pair[CROSS], task, metric)
    few, many = [gains(record.table, *FOREGROUND[f"at most {s} %"][CROSS], "attributes", "mAP") for s in (5, 50)]
    return says | {"starved_more": summary((few - many).dropna()).short(" points")}


def rates_say(record: Record) -> dict[str, str]:
    """Which granularity diverged at which rate, and what they gain where they did not."""
    says = {}
    for per, short in (("a layer", "layer"), ("a channel", "channel")):
        for x in (1, 10, 100):
            arm = f"{per}, ×{x}"
            lost = Lost.of(record.table, arm, ONE).first
            says[f"{short}_{x}_lost"] = f"{lost} of {len(record.seeds)}"
            for task, metric in METRICS.items():
                says[f"{short}_{x}_{task}"] = worded_gain(record.table, arm, ONE, task, metric)
    return says


def few_attributes_say(record: Record) -> dict[str, str]:
    """A tenth of the attributes' labels: the level, and the gains."""
    says = {
        f"few_{name}": worded_gain(record.table, *PAIRS[name], "attributes", "mAP")
        for name in ("one", "self", "second")
    }
    says["few_detection"] = worded_gain(record.table, CROSS, ONE, "detection", "mAP")
    return says | {"few_level": f"{level(record, ONE, 'attributes', 'mAP').mean():.1f}"}


def losses_say(record: Record) -> dict[str, str]:
    """What the weight of the attributes' loss does to MTL-shared, and to what it is compared with."""
    says = {}
    for weight, short in (("0.25", "quarter"), ("1", "one"), ("4", "four")):
        for task, metric in METRICS.items():
            for arm in (ONE, "mtl-shared", CROSS):
                found = level(record, f"{arm}, loss ×{weight}", task, metric).mean()
                says[f"{arm.split('-')[0]}_{task}_{short}"] = f"{found:.1f}"
    return says


def places_say(record: Record) -> dict[str, str]:
    """Units on maps of the picture alone, on vectors of regions alone, and their difference."""
    pairs = {"before": ("before the regions", ONE), "after": ("after the regions", ONE)}
    pairs["apart"] = ("before the regions", "after the regions")
    return {
        f"{name}_{task}": worded_gain(record.table, *pair, task, metric)
        for name, pair in pairs.items()
        for task, metric in METRICS.items()
    }
