"""What chapter "Gender and age" says of its data and records."""

from collections.abc import Mapping, Sequence

import pandas as pd

from xstitch_lib.data import FaceEmbeddings
from xstitch_lib.data.faces.embeddings import STAND_IN
from xstitch_lib.results import paper
from xstitch_lib.results.errata import second_script
from xstitch_lib.results.measures import better_over_draws
from xstitch_lib.results.overlap import draw_gains, intervals
from xstitch_lib.results.record import Record, load
from xstitch_lib.results.statistics import Difference, gains, summary
from xstitch_lib.studies.gender_age import PEOPLE, PLAIN, SCALES, SCRIPT, gender_age
from xstitch_lib.studies.reports.wording import level, unit_of, worded, worded_gain
from xstitch_lib.studies.worlds.faces import FacesScale

CLAIM = 2.0  # points, "about 2%"
PIXELS = ("utkface", "utkface_years")
NOT_YET = "(still to be run)"
PAIRS = {
    "dense": ("dense", "none"),
    "control": ("dense", "linear inside"),
    "inside": ("linear inside", "none"),
    "twins": ("self-stitch", "none"),
    "other_task": ("dense", "self-stitch"),
    "paper": ("per channel", "none"),
    "papers_start": ("per channel, (0.9, 0.1)", "none"),
    "logistic": ("logistic regression", "none"),
    "look_up": ("look-up", "dense"),
}
TASKS = ("gender", "age", "both")
Texts = dict[str, str]


def recorded() -> dict[str, Record | None]:
    """The records that the page is about, by names of their own; None where one is still to be made."""
    own = {scale: ("gender_age", scale) for scale in ("script", "readme", "pictures", "people")}
    return {name: _loaded(*of) for name, of in (own | {name: (name, "small") for name in PIXELS}).items()}


def _loaded(study: str, scale: str) -> Record | None:
    try:
        return load(study, scale)
    except FileNotFoundError:
        return None


def all_says(data: FaceEmbeddings, records: Mapping[str, Record | None]) -> Texts:
    """Everything that the page glues.

    Args:
        records: "script", "readme", "pictures", "people", "utkface", "utkface_years".
    """
    says = data_say(data) | quotes_say() | settings_say() | second_script() | progress_says(records)
    says |= script_says(records["script"], records["readme"])
    says |= gains_say(records["people"], "people") | levels_say(records["people"], "people")
    says |= recalls_say(records["people"])
    says |= gains_say(records["pictures"], "pictures") | {"pictures_two": _two_points(records["pictures"])}
    return says | utkface_says(records["utkface"], records["utkface_years"])


def table_of(record: Record | None) -> pd.DataFrame | None:
    """Its table, if it is there."""
    return None if record is None else record.table


def data_say(data: FaceEmbeddings) -> Texts:
    """Whose vectors the live part of the page is about, and how many numbers each has."""
    if data.source == STAND_IN:
        note = (
            "The real embeddings are not at hand here: what runs live on this page runs on a synthetic stand-in, "
            "random vectors on which logistic regression and nearest neighbours fare as on the real ones. Of dense "
            "units they say nothing: in the live table read the baselines and *none*. Only what is recorded is about "
            "people."
        )
    else:
        note = "What runs live on this page runs on the script's own embeddings, as the records do."
    return {"data_note": note, "numbers": f"{data.tensors['embedding'].shape[1]}"}


def quotes_say() -> Texts:
    """What the re-implementation's README says of its second script, in two versions."""
    names = ("gender age", "both tests", "two percent", "feature vectors")
    return {f"quote_{name.replace(' ', '_')}": paper.QUOTES[name][1] for name in names}


def settings_say() -> Texts:
    """How the scales are trained, in numbers that prose needs."""
    people, script = SCALES["people"], SCALES["script"]
    return {
        "script_epochs": f"{_epochs(script, SCRIPT)}",
        "readme_epochs": f"{_epochs(SCALES['readme'], PLAIN)}",
        "people_epochs": f"{_epochs(people, PEOPLE)}",
        "live_epochs": f"{_epochs(SCALES['live'], PEOPLE)}",
        "settled": f"{people.momentum:g}",
        "script_momentum": f"{script.momentum:g}",
    }


def _epochs(scale: FacesScale, samples: int) -> int:
    return round(scale.steps[1] * scale.batch_size / samples)


def accuracies(tables: Mapping[str, pd.DataFrame | None]) -> pd.DataFrame:
    """Accuracies in percent: a row an arm, a column a table and task; "" where nothing was run.

    Args:
        tables: what they are called → tidy, as a `Record` has it; None, still to be made.
    """
    columns = {}
    for name, table in tables.items():
        for task in ("gender", "age"):
            found = {} if table is None else _levels(table, task)
            columns[f"{name}, {task}"] = pd.Series({arm: f"{value:.1f}" for arm, value in found.items()}, dtype=object)
    order = [arm.name for arm in gender_age.arms]
    shown = pd.DataFrame(columns)
    return shown.reindex([arm for arm in order if arm in shown.index]).fillna("")


def _levels(table: pd.DataFrame, task: str) -> Mapping[str, float]:
    rows = table[(table.task == task) & (table.metric == "accuracy")]
    return rows.groupby("arm").value.mean().to_dict()


def levels_by_split(tables: Mapping[str, pd.DataFrame | None], arms: Sequence[str]) -> dict[str, dict[str, float]]:
    """For `xstitch_lib.page.plots.levels_by_setting`: arm → what a table is called → mean accuracy of both tasks."""
    levels = {name: _levels(table, "both") for name, table in tables.items() if table is not None}
    return {arm: {name: found[arm] for name, found in levels.items() if arm in found} for arm in arms}


def gains_say(record: Record | None, scale: str) -> Texts:
    """Of each pair that the scale has, under "scale_pair": its gain in both tasks' mean accuracy.

    Where the cells have several draws the interval is over these, corrected for their overlap. Verdicts, under
    "scale_pair_verdict", wait until the record is comparable.
    """
    says = {}
    for name, pair in PAIRS.items():
        if {*pair} <= {*gender_age.names(scale)}:
            says[f"{scale}_{name}"], says[f"{scale}_{name}_verdict"] = _told(record, *pair)
    return says


def _told(record: Record | None, first: str, second: str) -> tuple[str, str]:
    if record is None or not _in_common(record, first, second):
        return NOT_YET, NOT_YET
    found = better_over_draws(first, second)(record)["both"]
    return found.gain_text, found.verdict if record.comparable else "still being recorded"


def _in_common(record: Record, first: str, second: str) -> set[int]:
    return {*record.finished(first)} & {*record.finished(second)}


def levels_say(record: Record | None, prefix: str) -> Texts:
    """Mean accuracies of the arms that prose compares, in both tasks and in each, under "prefix_arm_task"."""
    says = {}
    names = {"none": "none", "dense": "dense", "look-up": "look_up", "logistic regression": "logistic"}
    names |= {"nearest neighbour": "nearest"}
    for arm, name in names.items():
        for task in TASKS:
            found = pd.Series(dtype=float) if record is None else level(record, arm, task, "accuracy")
            says[f"{prefix}_{name}_{task}"] = f"{found.mean():.1f} %" if len(found) else NOT_YET
    return says


def recalls_say(record: Record | None, arm: str = "none") -> Texts:
    """How often an arm is right about each label, and about gender and age of the person it gets wrong most often."""
    names = [*FaceEmbeddings.genders, *FaceEmbeddings.ages]
    says = {f"people_recall_{name.replace(' ', '_')}": NOT_YET for name in names} | {"people_worst": NOT_YET}
    rows = pd.DataFrame() if record is None else record.per_class.query("arm == @arm")
    if len(rows):
        means = rows.groupby(["metric", "class"]).value.mean()
        known = [name for name in names if ("recall", name) in means]
        says |= {f"people_recall_{name.replace(' ', '_')}": f"{means['recall', name]:.0f} %" for name in known}
        persons = means["accuracy"].filter(regex="^person ")
        says["people_worst"] = f"{persons.min():.0f} %" if len(persons) else NOT_YET
    return says


def script_says(record: Record | None, older: Record | None) -> Texts:
    """Where "about two percent" may come from: single pairs of runs, and the epoch that is best on the test."""
    says = gains_say(record, "script") | levels_say(record, "script")
    says |= {"script_dense_best": NOT_YET, "best_none": NOT_YET, "best_dense": NOT_YET}
    if record is not None and _in_common(record, "dense", "none"):
        quantity = record.quantities["both"]["accuracy"]
        says["script_dense_best"] = worded_gain(record.table, "dense", "none", "both", "best")
        for arm in ("none", "dense"):
            added = level(record, arm, "both", "best") - level(record, arm, "both", "accuracy")
            says[f"best_{arm}"] = worded(summary(added), quantity)
    says |= gains_say(older, "readme")
    says |= {"readme_least": NOT_YET, "readme_most": NOT_YET, "readme_two": NOT_YET}
    if older is not None and _in_common(older, "dense", "none"):
        by_seed = gains(older.table, "dense", "none", "both", "accuracy")
        says |= {"readme_least": f"{by_seed.min():+.2f}", "readme_most": f"{by_seed.max():+.2f}"}
        says["readme_two"] = _where(summary(by_seed))
    return says


def _two_points(record: Record | None) -> str:
    """Where the claimed number lies on other splits."""
    rows = () if record is None else intervals(record, [("dense", "none")], ["both"]).itertuples()
    return next((_where(row.by_draw) for row in rows), NOT_YET)


def _where(found: Difference) -> str:
    """Of the claimed number, where it lies; an interval needs two seeds."""
    if found.seeds < 2:
        return "not to be told from one seed"
    where = "above" if found.high < CLAIM else "below" if found.low > CLAIM else "inside"
    return f"{where} the interval"


def three_intervals(record: Record | None) -> pd.DataFrame:
    """Gains in both tasks' mean accuracy with three intervals: over seeds, people, and draws of the split."""
    rows = []
    for row in intervals(record, [*PAIRS.values()], ["both"]).itertuples() if record is not None else ():
        unit = unit_of(record.quantities["both"]["accuracy"])
        rows.append(
            {
                "in points of accuracy": f"{row.first} − {row.second}",
                "gain": f"{row.by_draw.mean:+.2f}{unit}",
                **{over: _ends(found) for over, found in _intervals_of(row).items()},
            }
        )
    return pd.DataFrame(rows or [{"in points of accuracy": NOT_YET}])


def _intervals_of(row) -> dict[str, Difference]:
    return {"over seeds": row.by_seed, "over people": row.by_person, "over draws, corrected": row.by_draw}


def _ends(found: Difference) -> str:
    return f"{found.low:+.2f} to {found.high:+.2f}" if found.seeds > 1 else "one seed"


def gains_by_draw(record: Record | None) -> tuple[dict[str, pd.Series], dict[str, Difference]]:
    """For `xstitch_lib.page.plots.paired_differences`: gains draw by draw, and their corrected intervals."""
    pairs = [PAIRS[name] for name in ("logistic", "dense", "control")]
    rows = {} if record is None else {(r.first, r.second): r for r in intervals(record, pairs, ["both"]).itertuples()}
    values = {f"{first} − {second}": draw_gains(record, first, second, "both") for first, second in rows}
    return values, {name: row.by_draw for name, row in zip(values, rows.values(), strict=True)}


def progress_says(records: Mapping[str, Record | None]) -> Texts:
    """Of each record, under "progress_name": how many of its runs are there."""
    says = {}
    for name, record in records.items():
        made = 0 if record is None else len(record.content["cells"])
        missing = 0 if record is None else len(record.missing)
        whole = "no run yet" if record is None else f"{made} of {made + missing} runs"
        says[f"progress_{name}"] = whole if missing or record is None else f"all {made} runs"
    return says


def utkface_says(classes: Record | None, years: Record | None) -> Texts:
    """UTKFace: what the paper's units gain over no units and over two towers of one task, in each task."""
    says = {"utk_years_self": NOT_YET}
    if years is not None and _in_common(years, "self-stitch", "none"):
        says["utk_years_self"] = worded_gain(years.table, "self-stitch", "none", "years", "MAE")
    for prefix, record, metrics in (
        ("utk", classes, {"gender": "accuracy", "age": "accuracy"}),
        ("utk_years", years, {"gender": "accuracy", "years": "MAE"}),
    ):
        for over in ("none", "self-stitch"):
            for task, metric in metrics.items():
                there = record is not None and _in_common(record, "per channel", over)
                text = worded_gain(record.table, "per channel", over, task, metric) if there else NOT_YET
                says[f"{prefix}_{task}_over_{over.split('-')[0]}"] = text
    return says
