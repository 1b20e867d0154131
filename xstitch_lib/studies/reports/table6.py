"""What chapter "Detection and attributes" says of table 6's record, and of the questions that stand beside it."""

from collections.abc import Mapping

import pandas as pd

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
    "averaged": ("ensemble", ONE),
    "diagonal": (CROSS, DIAGONAL),
    "rescaled": (DIAGONAL, ONE),
    "channel": (A_CHANNEL, CROSS),
    "channel_one": (A_CHANNEL, ONE),
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


def choices_shown(record: Record, about: str = "") -> pd.DataFrame:
    """Each setting that was tried beside the chosen one, of choices whose name begins so; see `against_chosen`."""
    return against_chosen(record, {name: found for name, found in OBJECTS_CHOICES.items() if name.startswith(about)})


def divergence_says(record: Record) -> dict[str, str]:
    """How often one unit a layer, and one a channel, diverged at the highest rate that was tried, and when."""
    return {f"{per}_diverged": diverged(record, f"a {per}, ×100") for per in ("layer", "channel")}


def diverged(record: Record, arm: str) -> str:
    """In how many of its seeds an arm did, and after how many steps at most."""
    statuses = [cell["status"] for cell in record.content["cells"] if cell["arm"] == arm]
    steps = [int(status.split()[-1]) for status in statuses if status.startswith("diverged")]
    when = f", within {max(steps)} steps" if steps else ""
    return f"{len(steps) or 'none'} of {len(statuses)} seeds{when}"


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


SHARES = (5, 25, 50)
FOREGROUND = {
    f"at most {share} %": {arm: (f"{arm}, {share} %", f"{ONE}, {share} %") for arm in (CROSS, SELF)} for share in SHARES
}


def foreground_says(record: Record) -> dict[str, str]:
    """For each share of regions that may show an object: one-task's levels, what stitching adds, and to whom."""
    says = {}
    for share, arms in zip(SHARES, FOREGROUND.values(), strict=True):
        for task, metric in METRICS.items():
            says[f"{task}_level_{share}"] = f"{level(record, f'{ONE}, {share} %', task, metric).mean():.1f}"
            for arm, pair in arms.items():
                says[f"{task}_{arm}_{share}"] = worded_gain(record.table, *pair, task, metric)
            between = [f"{arm}, {share} %" for arm in (CROSS, SELF)]
            says[f"{task}_other_{share}"] = worded_gain(record.table, *between, task, metric)
    few, many = [gains(record.table, *FOREGROUND[f"at most {s} %"][CROSS], "attributes", "mAP") for s in (5, 50)]
    return says | {"starved_more": summary((few - many).dropna()).short(" points")}


def few_attributes_say(record: Record) -> dict[str, str]:
    """A tenth of the attributes' labels: one-task's level, and who gains or loses by how much."""
    pairs = {name: PAIRS[name] for name in ("one", "second")}
    says = {f"few_{name}": worded_gain(record.table, *pair, "attributes", "mAP") for name, pair in pairs.items()}
    says["few_detection"] = worded_gain(record.table, *PAIRS["one"], "detection", "mAP")
    return says | {"few_level": f"{level(record, ONE, 'attributes', 'mAP').mean():.1f}"}


RATES = {
    f"×{rate}": {f"one {per}": (f"{per}, ×{rate}", ONE) for per in ("a layer", "a channel")} for rate in (1, 10, 100)
}
LOSSES = {
    f"loss ×{weight}": {arm: (f"{arm}, loss ×{weight}", f"{ONE}, loss ×{weight}") for arm in (CROSS, "mtl-shared")}
    for weight in (1, 4)
}
LOSS_PAIRS = {
    "loss_alone": (f"{ONE}, loss ×1", f"{ONE}, loss ×4"),
    "loss_shared": ("mtl-shared, loss ×1", "mtl-shared, loss ×4"),
    "loss_stitched": (f"{CROSS}, loss ×1", f"{ONE}, loss ×1"),
    "loss_tuned": (f"{CROSS}, loss ×4", f"{ONE}, loss ×4"),
}
PLACES = {
    "before": ("before the regions", ONE),
    "after": ("after the regions", ONE),
    "between": ("before the regions", "after the regions"),
}


def pairs_say(record: Record, pairs: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """What the first arm of each pair gains over the second: "detection_before" and so on."""
    return {
        f"{task}_{name}": worded_gain(record.table, *pair, task, metric)
        for task, metric in METRICS.items()
        for name, pair in pairs.items()
    }


def photos_say(record: Record) -> dict[str, str]:
    """Of aPascal what `table_says` says, "photos_detection_one" and so on, and how its networks were trained."""
    settings = record.content["settings"]
    says = table_says(record) | {
        "classes": f"{len(settings['told'])} classes ({', '.join(settings['told'])})",
        "steps": " and ".join([f"{steps:,}" for steps in settings["steps"]]),
        "batch": f"{settings['batch_size']} pictures of {settings['regions']} regions",
        "seeds": str(len(record.seeds)),
    }
    says |= {name: str(settings[name]) for name in ("size", "width")}
    return {f"photos_{name}": text for name, text in says.items()}
