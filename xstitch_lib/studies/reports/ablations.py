"""What chapter "Ablations" says of its records: tables 1 to 3 on rooms, and on the validation frames of NYU-v2."""

from collections.abc import Iterator, Mapping
from functools import partial

import pandas as pd

from xstitch_lib.results import paper
from xstitch_lib.results.alphas import moved
from xstitch_lib.results.measures import converges_faster
from xstitch_lib.results.record import Record
from xstitch_lib.results.statistics import gains, means, paper_gain, relative_gain
from xstitch_lib.results.tables import gains_beside, levels_beside_paper
from xstitch_lib.studies.reports.wording import row_name, unit_of, worded_gain

METRICS = [("normals", "mean"), ("normals", "median"), ("seg", "pixacc"), ("seg", "mIU"), ("seg", "fwIU")]
MAIN = {"seg": "mIU", "normals": "mean"}
UNITS = {"seg": "mIU, points", "normals": "mean angle, degrees less"}
TASKS = {  # the metrics of each, for tables that a page has room for
    "normals": [("normals", metric) for metric in ("mean", "median", "11.25", "22.5", "30")],
    "seg": [("seg", metric) for metric in ("pixacc", "mIU", "fwIU")],
}
START, FROZEN, ONE = "(0.9, 0.1)", "frozen at (0.9, 0.1)", "one-task"
NO_UNITS = "no units"  # one-task networks, which tables 2 and 3 lack
ROOMS_1 = {
    "start": (START, "(0.1, 0.9)"),
    "half": (START, "(0.5, 0.5)"),
    "frozen": (START, FROZEN),
    "fixed": (FROZEN, ONE),
    "layer": (START, "one unit a layer"),
    "convs": (START, "after every conv"),
}
NYU_1 = {
    "exchange": ("(0.1, 0.9)", START),
    "half": ("(0.5, 0.5)", START),
    "near": ("(0.7, 0.3)", START),
    "worst_two": ("(0.1, 0.9)", "(0.5, 0.5)"),
    "start": (START, ONE),
    "worst": ("(0.5, 0.5)", ONE),
    "learned": (START, FROZEN),
    "fixed": (FROZEN, ONE),
    "convs": (START, "after every conv"),
    "layer": (START, "one unit a layer"),
}


def gains_say(table: pd.DataFrame, pairs: Mapping[str, tuple[str, str]], prefix: str = "") -> dict[str, str]:
    """Of each pair, under its name: the gain in both main metrics, in the median and in pixel accuracy."""
    columns = {"seg": ("seg", "mIU"), "normals": ("normals", "mean")}
    columns |= {"pixels": ("seg", "pixacc"), "median": ("normals", "median")}
    return {
        f"{prefix}{name}_{short}": worded_gain(table, *pair, *column)
        for name, pair in pairs.items()
        for short, column in columns.items()
    }


def gains_over(table: pd.DataFrame, over: str) -> dict[str, dict[str, pd.Series]]:
    """For `xstitch_lib.page.plots.gain_bars`: task → arm → one gain a seed."""
    arms = [arm for arm in table.arm.unique() if arm != over]
    return {task: {arm: gains(table, arm, over, task, metric) for arm in arms} for task, metric in MAIN.items()}


def levels(table: pd.DataFrame, study: str) -> pd.DataFrame:
    """What each row of a study reaches, named as the chapter calls it."""
    return _named(means(table, METRICS).fillna("diverged"), study)


def in_paper(name: str) -> pd.DataFrame:
    """A table of the paper in the chapter's columns."""
    return _named(means(paper.QUANTITIES.attach(paper.table(name).assign(seed=0)), METRICS).fillna(""), name)


def _named(frame: pd.DataFrame, study: str) -> pd.DataFrame:
    """Rates are factors, and the rows of table 3 what stitched towers start from."""
    return frame.rename(index=partial(row_name, study))


def all_levels(records: Mapping[str, Record]) -> Iterator[pd.DataFrame]:
    """What all rows reach, with the paper's below ours: a table a study and task.

    Args:
        records: table of the paper → its record.
    """
    for name, record in records.items():
        for columns in TASKS.values():
            ours, theirs = [t.assign(arm=t.arm.map(partial(row_name, name))) for t in (record.table, paper.table(name))]
            yield levels_beside_paper(record.quantities.attach(ours), theirs, columns).rename_axis(name)


def starts_beside(rooms: Record, nyu: Record) -> pd.DataFrame:
    """Table 1: what each row gains over (0.9, 0.1), on rooms, on NYU-v2, and in the paper."""
    tables = {"rooms": rooms.table, "NYU-v2": nyu.table, "the paper": paper.table("table1")}
    return gains_beside(tables, START, MAIN)


def rates_beside(rooms: Record, rooms_starts: Record, nyu: Record, nyu_starts: Record) -> pd.DataFrame:
    """Table 2: what each factor, and no units at all, gains over ×1."""
    tables = {
        "rooms": with_no_units(rooms.table, rooms_starts.table),
        "NYU-v2": with_no_units(nyu.table, nyu_starts.table),
        "the paper": with_no_units(paper.table("table2"), paper.table("table5")),
    }
    named = {
        name: table.assign(arm=table.arm.where(table.arm == NO_UNITS, "×" + table.arm))
        for name, table in tables.items()
    }
    return gains_beside(named, "×1", MAIN)


def known_beside(nyu: Record, nyu_starts: Record) -> pd.DataFrame:
    """Table 3: what late units, and no units at all, gain over units from the first step on."""
    tables = {
        "NYU-v2": with_no_units(nyu.table, nyu_starts.table),
        "the paper": with_no_units(paper.table("table3"), paper.table("table5")),
    }
    names = {ONE: "stitched, from one-task towers", "ImageNet": "stitched, from ImageNet towers", NO_UNITS: NO_UNITS}
    named = {name: table.assign(arm=table.arm.map(names)).dropna(subset="arm") for name, table in tables.items()}
    return gains_beside(named, names["ImageNet"], MAIN)


def with_no_units(table: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """A table of stitched networks, and below it another one's one-task networks."""
    return pd.concat([table, other[other.arm == ONE].assign(arm=NO_UNITS)])


def lost(record: Record) -> str:
    """Which arms' runs diverged, and in how many seeds: "one unit a layer, 3 of 8"."""
    runs = record.provenance
    counts = runs[runs.status != "done"].arm.value_counts()
    return ", ".join([f"{arm}, {n} of {runs.seed.nunique()}" for arm, n in counts.items()]) or "none"


def rates_say(record: Record) -> dict[str, str]:
    """Table 2 on rooms: what factors gain at the end and on the way, and which diverge."""
    says = gains_say(record.table, {"fast": ("10", "1"), "faster": ("100", "10")})
    slower = converges_faster("100", "10")(record)
    says |= {f"slower_{task}": found.gain_text for task, found in slower.items()}
    return says | {"diverged": f"×{lost(record)}", "base_rate": f"{record.content['settings']['lr'][1]:g}"}


def curves_by_rate(record: Record) -> dict[str, pd.DataFrame]:
    """For `xstitch_lib.page.plots.curves_with_bands`: factor → validation angle, a row a step, a column a seed."""
    found = record.curves.query("phase == 1 and task == 'normals' and metric == 'mean'")
    arms = [arm for arm in record.content["arms"] if record.finished(arm)]
    return {f"×{arm}": found[found.arm == arm].pivot(index="step", columns="seed", values="value") for arm in arms}


def nyu_starts_say(record: Record) -> dict[str, str]:
    """Table 1 on NYU-v2's validation frames, and in the paper."""
    theirs, five = paper.table("table1"), paper.table("table5")
    says = gains_say(record.table, NYU_1, "nyu_") | {"nyu_lost_starts": lost(record)}
    for name in ("exchange", "half", "near"):
        says[f"paper_{name}"] = f"{paper_gain(theirs, *NYU_1[name], 'normals', 'mean'):+.1f}°"
    for name, table, arm in (("worst", theirs, "(0.1, 0.9)"), ("one", five, ONE)):
        says[f"paper_{name}_mIU"] = f"{table[(table.arm == arm) & (table.metric == 'mIU')].value.item():.1f}"
    return says


def nyu_rates_say(record: Record, starts: Record) -> dict[str, str]:
    """Table 2 there: what factors gain over ×1 and over no units, and how far units move."""
    table, says = with_no_units(record.table, starts.table), {}
    for arm in ("1", "10", "100", "1000"):
        says[f"nyu_distance_{arm}"] = _moved(record, arm)
        says[f"nyu_pixels_{arm}"] = worded_gain(table, arm, NO_UNITS, "seg", "pixacc")
        says |= gains_say(table, {f"nyu_rate_{arm}": (arm, "1")}) if arm != "1" else {}
    return says | {
        "nyu_ten_normals": worded_gain(table, "10", "100", "normals", "mean"),
        "nyu_ten_median": worded_gain(table, "10", "1", "normals", "median"),
        "nyu_rule": relative_gain(table, "100", "10", MAIN).short(" percent"),
    }


def nyu_known_says(record: Record, starts: Record) -> dict[str, str]:
    """Table 3 there: one-task towers against ImageNet's, both against no units, and what is taken at pool5."""
    table, theirs = with_no_units(record.table, starts.table), paper.table("table3")
    pairs = {"known": (ONE, "ImageNet"), "late": (ONE, NO_UNITS), "early": ("ImageNet", NO_UNITS)}
    says = gains_say(table, pairs, "nyu_")
    for task, metric in (("seg", "mIU"), ("normals", "mean"), ("normals", "median")):
        more = paper_gain(theirs, ONE, "ImageNet", task, metric)
        says[f"paper_known_{metric}"] = f"{more:+.1f}{unit_of(paper.QUANTITIES.find(task, metric))}"
    taken = record.sharing.query("task != source").groupby(["arm", "task", "layer"]).share.mean()
    return says | {
        f"nyu_taken_{arm}_{task}": f"{taken[arm, task, 'pool5']:.0%}" for arm in (ONE, "ImageNet") for task in MAIN
    }


def _moved(record: Record, arm: str) -> str:
    found = moved(record, [arm])
    return f"{found[found.layer == 'pool1'].value.mean():.2f}"
