"""What chapter "Gender and age" says of its data and records."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from xstitch_lib.data import FaceEmbeddings
from xstitch_lib.data.faces import by_picture
from xstitch_lib.data.faces.embeddings import STAND_IN
from xstitch_lib.results import paper
from xstitch_lib.results.errata import PEOPLE as ALL_PEOPLE
from xstitch_lib.results.errata import PICTURES, second_script
from xstitch_lib.results.measures import better_over_draws
from xstitch_lib.results.overlap import PERSON, draw_gains, draws, intervals
from xstitch_lib.results.record import Record, load
from xstitch_lib.results.statistics import Difference, gains, summary
from xstitch_lib.studies.gender_age import PEOPLE, PLAIN, SCALES, SCRIPT, gender_age
from xstitch_lib.studies.reports.wording import level, unit_of, worded, worded_gain
from xstitch_lib.studies.worlds.faces import SCRIPT_SEED, FacesScale

CLAIM = 2.0  # points, "about 2%"
PIXELS = ("utkface", "utkface_years")
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
    "nearest": ("nearest neighbour", "dense"),
}
TASKS = ("gender", "age", "both")
Texts = dict[str, str]


def recorded() -> dict[str, Record]:
    """The records that the page is about, by names of their own."""
    own = {scale: ("gender_age", scale) for scale in ("script", "readme", "pictures", "people")}
    return {name: load(*of) for name, of in (own | {name: (name, "small") for name in PIXELS}).items()}


def all_says(data: FaceEmbeddings, records: Mapping[str, Record]) -> Texts:
    """Everything that the page glues.

    Args:
        records: as `recorded` names them.
    """
    says = data_say(data) | quotes_say() | settings_say() | second_script() | leak_says()
    says |= script_says(records["script"], records["readme"])
    says |= gains_say(records["people"], "people") | levels_say(records["people"], "people")
    says |= gains_say(records["pictures"], "pictures")
    (row,) = intervals(records["pictures"], [("dense", "none")], ["both"]).itertuples()
    says["pictures_two"] = _where(row.by_draw)
    return says | recalls_say(records["people"]) | utkface_says(records["utkface"], records["utkface_years"])


def data_say(data: FaceEmbeddings) -> Texts:
    """Whose vectors the live part of the page is about, and how many numbers each has."""
    if data.source == STAND_IN:
        note = (
            "The real embeddings are not at hand here: what runs live on this page runs on a synthetic stand-in, "
            "random vectors on which logistic regression and nearest neighbours fare as on the real ones. Of dense "
            "units they say nothing: in the live table read the baselines and the towers without units. Only what is "
            "recorded is about people."
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


def leak_says() -> Texts:
    """Of the script's split and of eight others by picture: who is in the test, and how often in training, too."""
    least, tested = {}, []
    for partition in range(-1, SCALES["pictures"].partitions):
        split = by_picture(ALL_PEOPLE * PICTURES, SCRIPT_SEED + 1 + partition)
        trained = np.bincount(split["train"] // PICTURES, minlength=ALL_PEOPLE)
        people = np.unique(split["test"] // PICTURES)
        least[partition] = trained[people].min()
        tested.append(len(people))
    del tested[0]
    return {
        "script_pictures_each": f"{least.pop(-1)}",
        "others_people": f"{min(tested)} to {max(tested)}",
        "others_pictures_each": f"{min(least.values())}",
    }


def accuracies(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Accuracies in percent: a row an arm, a column a table and task; "" where nothing was run.

    Args:
        tables: what they are called → tidy, as a `Record` has it.
    """
    columns = {}
    for name, table in tables.items():
        for task in ("gender", "age"):
            found = _levels(table, task)
            columns[f"{name}, {task}"] = pd.Series({arm: f"{value:.1f}" for arm, value in found.items()}, dtype=object)
    order = [arm.name for arm in gender_age.arms]
    shown = pd.DataFrame(columns)
    return shown.reindex([arm for arm in order if arm in shown.index]).fillna("")


def _levels(table: pd.DataFrame, task: str) -> Mapping[str, float]:
    rows = table[(table.task == task) & (table.metric == "accuracy")]
    return rows.groupby("arm").value.mean().to_dict()


def levels_by_split(tables: Mapping[str, pd.DataFrame], arms: Sequence[str]) -> dict[str, dict[str, float]]:
    """For `xstitch_lib.page.plots.levels_by_setting`: arm → what a table is called → mean accuracy of both tasks."""
    levels = {name: _levels(table, "both") for name, table in tables.items()}
    return {arm: {name: found[arm] for name, found in levels.items() if arm in found} for arm in arms}


def gains_say(record: Record, scale: str) -> Texts:
    """Of each pair that the scale has, under "scale_pair": its gain in both tasks' mean accuracy.

    Where the cells have several draws the interval is over these, corrected for their overlap. "scale_pair_verdict" and
    "scale_pair_p", corrected over the pairs named before, go with it; "scale_pair_in_gender" and "scale_pair_in_age"
    are each task's.
    """
    says = {}
    for name, pair in PAIRS.items():
        if {*pair} <= {*gender_age.names(scale)}:
            found = better_over_draws(*pair)(record)["both"]
            own = {"": found.gain_text, "_verdict": found.verdict, "_p": f"{found.corrected:.2f}"}
            own |= {f"_in_{task}": _gain(record, *pair, task) for task in ("gender", "age")}
            says |= {f"{scale}_{name}{ending}": text for ending, text in own.items()}
    return says


def _gain(record: Record, first: str, second: str, task: str) -> str:
    if not draws(record):
        return worded_gain(record.table, first, second, task, "accuracy")
    (row,) = intervals(record, [(first, second)], [task]).itertuples()
    return worded(row.by_draw, record.quantities[task]["accuracy"])


def levels_say(record: Record, prefix: str) -> Texts:
    """Mean accuracies of the arms that prose compares, in both tasks and in each, under "prefix_arm_task"."""
    names = {"none": "none", "dense": "dense", "look-up": "look_up", "logistic regression": "logistic"}
    names |= {"nearest neighbour": "nearest"}
    return {
        f"{prefix}_{name}_{task}": f"{level(record, arm, task, 'accuracy').mean():.1f} %"
        for arm, name in names.items()
        for task in TASKS
    }


def recalls_say(record: Record, arm: str = "none") -> Texts:
    """How often an arm is right about each label, and for how many people it nearly always tells the other gender."""
    rows = record.per_class.query("arm == @arm")
    means = rows[rows.metric == "recall"].groupby("class").value.mean()
    says = {f"people_recall_{name.replace(' ', '_')}": f"{value:.0f} %" for name, value in means.items()}
    persons = rows[(rows.task == "gender") & (rows.metric == "accuracy") & rows["class"].str.startswith(PERSON)]
    right = persons.groupby("class").value.mean()
    return says | {"people_misread": f"{(right < 10).sum()}"}


def script_says(record: Record, older: Record) -> Texts:
    """Where "about two percent" may come from: single pairs of runs, and the epoch that is best on the test."""
    says = gains_say(record, "script") | levels_say(record, "script") | gains_say(older, "readme")
    says["script_dense_best"] = worded_gain(record.table, "dense", "none", "both", "best")
    for arm in ("none", "dense"):
        added = level(record, arm, "both", "best") - level(record, arm, "both", "accuracy")
        says[f"best_{arm}"] = worded(summary(added), record.quantities["both"]["accuracy"])
    by_seed = gains(older.table, "dense", "none", "both", "accuracy")
    says |= {"readme_least": f"{by_seed.min():+.2f}", "readme_most": f"{by_seed.max():+.2f}"}
    return says | {"readme_two": _where(summary(by_seed))}


def _where(found: Difference) -> str:
    """Of the claimed number, where it lies."""
    where = "above" if found.high < CLAIM else "below" if found.low > CLAIM else "inside"
    return f"{where} the interval"


def three_intervals(record: Record) -> pd.DataFrame:
    """Gains in both tasks' mean accuracy with three intervals: over seeds, people, and draws of the split."""
    rows, unit = [], unit_of(record.quantities["both"]["accuracy"])
    for row in intervals(record, [*PAIRS.values()], ["both"]).itertuples():
        found = {"over seeds": row.by_seed, "over people": row.by_person, "over draws, corrected": row.by_draw}
        gain = {"in points of accuracy": f"{row.first} − {row.second}", "gain": f"{row.by_draw.mean:+.2f}{unit}"}
        rows.append(gain | {over: f"{one.low:+.2f} to {one.high:+.2f}" for over, one in found.items()})
    return pd.DataFrame(rows)


def gains_by_draw(record: Record) -> tuple[dict[str, pd.Series], dict[str, Difference]]:
    """For `xstitch_lib.page.plots.paired_differences`: gains draw by draw, and their corrected intervals."""
    pairs = [PAIRS[name] for name in ("logistic", "dense", "control")]
    rows = {(row.first, row.second): row for row in intervals(record, pairs, ["both"]).itertuples()}
    values = {f"{first} − {second}": draw_gains(record, first, second, "both") for first, second in rows}
    return values, {name: row.by_draw for name, row in zip(values, rows.values(), strict=True)}


def utkface_says(classes: Record, years: Record) -> Texts:
    """UTKFace: levels, what the paper's units gain in each task over none and two towers of one, and what the years do.

    A mean over seeds hides that a tower may go wrong in some: "utk_years_wins" and "utk_years_wrong" count them.
    """
    says = {
        "utk_test": f"{_samples(classes)}",
        "utk_gender": f"{level(classes, 'none', 'gender', 'accuracy').mean():.1f} %",
        "utk_age": f"{level(classes, 'none', 'age', 'accuracy').mean():.1f} %",
    }
    for prefix, record, metrics in (
        ("utk", classes, {"gender": "accuracy", "age": "accuracy"}),
        ("utk_years", years, {"gender": "accuracy", "years": "MAE"}),
    ):
        for over in ("none", "self-stitch"):
            for task, metric in metrics.items():
                text = worded_gain(record.table, "per channel", over, task, metric)
                says[f"{prefix}_{task}_over_{over.split('-')[0]}"] = text
    alone = level(years, "none", "years", "MAE")
    over = gains(years.table, "self-stitch", "none", "years", "MAE")
    than_ours = gains(years.table, "self-stitch", "per channel", "years", "MAE")
    wrong = alone > alone.median() + 1  # the others are within a tenth of a year
    return says | {
        "utk_years": f"{alone.median():.1f}",
        "utk_years_self": worded_gain(years.table, "self-stitch", "none", "years", "MAE"),
        "utk_years_wins": f"{(over > 0).sum()} of {len(over)}",
        "utk_years_wins_ours": f"{(than_ours > 0).sum()} of {len(than_ours)}",
        "utk_years_wrong": f"{wrong.sum()}",
        "utk_years_wrong_level": f"{alone[wrong].mean():.1f}",
        "utk_years_wrong_gain": f"{over[wrong].mean():.1f}",
        "utk_years_other_gain": f"{over[~wrong].mean():.1f}",
    }


def _samples(record: Record) -> int:
    rows = record.per_class.query("metric == 'samples' and task == 'gender'")
    return int(rows.groupby(["arm", "seed"]).value.sum().iloc[0])
