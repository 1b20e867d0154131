"""What page "Verdict" and the front page say: every number of the paper beside ours, from the records."""

from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import NamedTuple

import pandas as pd

from xstitch_lib.results import paper
from xstitch_lib.results.record import Record, load
from xstitch_lib.results.statistics import paper_gain
from xstitch_lib.studies.claims import GROUPS, TASKS, Group, Row, bound_of, cell, rows
from xstitch_lib.studies.reports.wording import row_name, unit_of, worded_gain

NOT_RUN = "not run"


class Line(NamedTuple):
    """A claim in one quantity and on some data, as a figure draws it.

    Attributes:
        quantity: "normals, mean (°)".
        gain, low, high: None where nothing was run.
        paper: None where the paper has no number.
    """

    label: str
    quantity: str
    data: str
    over: str
    verdict: str
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    paper: float | None = None


@cache
def _rows(about: str, scale: str) -> tuple[Row, ...]:
    """A page asks for the same ones several times."""
    return tuple(rows(GROUPS[about], scale))


def lines(groups: Sequence[str] | None = None) -> list[Line]:
    """Every claim whose gain has a unit that others share, in every metric of its tasks.

    Args:
        groups: keys of `GROUPS`; None, all.
    """
    chosen = [GROUPS[name] for name in groups or GROUPS]
    return [
        line for group in chosen for scale in group.data for row in _rows(group.name, scale) for line in _lines(row)
    ]


def _lines(row: Row) -> Iterator[Line]:
    claim, data = row.claim, row.group.data[row.scale]
    if row.finding is None:
        for task, metric in claim.paper:
            quantity = paper.QUANTITIES.get(task, {}).get(metric)
            if quantity and row.why.count("`xstitch run"):
                named = _named(task, metric, quantity.difference_unit)
                yield Line(claim.text, named, data, claim.over, NOT_RUN, paper=claim.paper[task, metric])
        return
    for found in (row.finding, *row.finding.others):
        if found.metric and found.unit in ("°", "points") and found.metric not in ("IU", "AP"):
            named, interval = _named(row.task, found.metric, found.unit), found.gain
            numbers = [interval.mean, interval.low, interval.high] if interval.seeds > 1 else [None] * 3
            yield Line(claim.text, named, data, claim.over, found.verdict, *numbers, found.paper)


def _named(task: str, metric: str, unit: str) -> str:
    return f"{TASKS.get(task, task)}, {metric} ({unit})"


def table(about: str) -> pd.DataFrame:
    """A group's claims: one row a claim and task, the paper's gain, what is of note, and a cell for each data set."""
    group, found = GROUPS[about], {}
    for scale, data in group.data.items():
        for row in _rows(group.name, scale):
            for task in [row.task] if row.finding else _tasks(group, row):
                key = (row.claim.text, row.claim.source, task)
                found.setdefault(key, {})[data] = cell(row) if row.finding else f"{NOT_RUN}: {row.why}"
                if row.finding:
                    found[key]["row"] = row
    shown = []
    for (text, source, task), cells in found.items():
        row = cells.get("row")
        theirs = {t: (m, value) for (t, m), value in _papers(group, text).items() if row and m == row.finding.metric}
        reported = f"{theirs[task][1]:+.1f}" if task in theirs else _planned(group, text, task)
        of_note = bound_of(row.finding) if row and row.finding.bound else ""
        head = {"claim": text, "source": source, "task": TASKS.get(task, task), "the paper": reported}
        shown.append(head | {"of note beyond": of_note} | {d: cells.get(d, "") for d in group.data.values()})
    return pd.DataFrame(shown)


def _tasks(group: Group, row: Row) -> list[str]:
    """Those in which a claim that was not run would be told."""
    known = {other.task for scale in group.data for other in _rows(group.name, scale) if other.claim is row.claim}
    return sorted(known - {""}) or list(dict.fromkeys([task for task, _ in row.claim.paper])) or [""]


def _papers(group: Group, text: str) -> dict[tuple[str, str], float]:
    return dict(next(claim.paper for claim in group.claims if claim.text == text))


def _planned(group: Group, text: str, task: str) -> str:
    """The paper's gain in a task's first metric, where nothing was run that would say which one."""
    own = {t: value for (t, _), value in reversed(_papers(group, text).items())}
    return f"{own[task]:+.1f}" if task in own else ""


def other_metrics(about: str) -> pd.DataFrame:
    """The same claims in the tasks' other metrics."""
    group, found = GROUPS[about], {}
    for scale, data in group.data.items():
        for row in _rows(group.name, scale):
            for other in row.finding.others if row.finding else ():
                key = (row.claim.text, f"{TASKS[row.task]}, {other.metric}")
                cells = found.setdefault(key, {"the paper": "" if other.paper is None else f"{other.paper:+.1f}"})
                cells[data] = f"{other.verdict}: {other.gain_text}"
    return pd.DataFrame([{"claim": text, "metric": metric} | cells for (text, metric), cells in found.items()]).fillna(
        ""
    )


def counts(about: Sequence[str] | None = None) -> dict[str, int]:
    """Of all claims and tasks that were run: how many have which verdict."""
    found = [
        row.finding.verdict
        for name in about or GROUPS
        for s in GROUPS[name].data
        for row in rows(GROUPS[name], s)
        if row.finding
    ]
    return pd.Series(found).value_counts().to_dict()


def not_run() -> pd.DataFrame:
    """What was not run, why, and the command for it: one row a reason."""
    found = {
        (row.group.title, row.group.data[row.scale], row.why)
        for group in GROUPS.values()
        for scale in group.data
        for row in _rows(group.name, scale)
        if row.finding is None and "xstitch run" in row.why
    }
    return pd.DataFrame(sorted(found), columns=["what", "data", "why and how"])


def still_improving() -> dict[str, str]:
    """How far one network per task has come on NYU-v2, in two records of different length, beside the paper's level."""
    says = {}
    for name, scale in (("short", "brief"), ("long", "medium")):
        record = load("table5", scale)
        says[f"{name}_steps"] = f"{sum(record.content['settings']['steps']):,}"
        says[f"{name}_mIU"] = f"{_level(record, 'seg', 'mIU'):.1f}"
        says[f"{name}_angle"] = f"{_level(record, 'normals', 'mean'):.1f}"
    rows_of = paper.table("table5").query("arm == 'one-task' and metric == 'mIU'")
    return says | {"paper_mIU": f"{rows_of.value.item():.1f}"}


def _level(record: Record, task: str, metric: str) -> float:
    table = record.table
    return float(table[(table.arm == "one-task") & (table.task == task) & (table.metric == metric)].value.mean())


PARTNERS = {"cross-stitch": "the other task", "self-stitch": "the same task"}
PLACES = {"small": ("rooms", "rooms"), "medium": ("nyu", "NYU-v2")}
MAIN = {"normals": "mean", "seg": "mIU"}
SECOND = {"detection": "mAP", "attributes": "mAP"}


def panels(about: str, scale: str) -> dict[str, list[Line]]:
    """For `xstitch_lib.page.plots.forest`: a group's claims on some data, a panel a main metric."""
    found: dict[str, list[Line]] = {}
    for row in _rows(about, scale):
        if row.finding and row.finding.gain.seeds > 1:
            gain, metric, unit = row.finding.gain, row.finding.metric, row.finding.unit
            title = _named(row.task, metric, unit) if metric else f"{TASKS.get(row.task, row.task)} ({unit})"
            line = Line(row.claim.text, title, "", row.claim.over, row.finding.verdict, *gain[:3], row.finding.paper)
            found.setdefault(title, []).append(line)
    return dict(sorted(found.items()))


BESIDE_ONE = {
    "better than one network per task": "the other task",
    "two stitched networks of the same task are better than one": "the same task",
}
# group → claim → as the front page's figure calls it
FRONT = {
    "table 5": BESIDE_ONE,
    "table 6": BESIDE_ONE,
    "alphas": {
        "at pool5 both tasks prefer their own maps, whatever the start": "own maps at pool5",
        "from (0.5, 0.5), normals share more than segmentation does": "normals share more",
    },
}
LEARNED = "weight, in section 5.4's direction"


def front_lines() -> dict[str, list[Line]]:
    """For `xstitch_lib.page.plots.forest`: both tables' gains over one network per task, and what units learn."""
    panels: dict[str, list[Line]] = {}
    for about, labels in FRONT.items():
        for scale, data in GROUPS[about].data.items():
            for row in _rows(about, scale):
                if row.finding and row.claim.text in labels:
                    found = row.finding
                    title = _named(row.task, found.metric, found.unit) if found.metric else LEARNED
                    numbers = [*found.gain[:3], found.paper]
                    label = f"{data}, {labels[row.claim.text]}"
                    line = Line(label, title, data, row.claim.over, found.verdict, *numbers)
                    panels.setdefault(title, []).append(line)
    return panels


def front_says() -> dict[str, str]:
    """The sentences of the front page: gains on rooms, on NYU-v2 and on Fashion-MNIST, and the paper's."""
    says = {}
    for scale, (name, _) in PLACES.items():
        found = load("table5", scale).table
        for first in PARTNERS:
            for task, metric in MAIN.items():
                says[f"front_{name}_{first.split('-')[0]}_{task}"] = worded_gain(found, first, "one-task", task, metric)
    fashion = load("fashion_mnist", "medium").table
    for name, arm in (("paper", "per channel"), ("dense", "dense at fc3")):
        says[f"front_{name}_units"] = worded_gain(fashion, arm, "none", "both", "accuracy")
    for name, scale in (("rooms", "small"), ("photos", "medium")):
        found = load("table6", scale).table
        for first in PARTNERS:
            for task, metric in SECOND.items():
                says[f"front_{name}_{first.split('-')[0]}_{task}"] = worded_gain(found, first, "one-task", task, metric)
    for about, metrics in (("table5", MAIN), ("table6", SECOND)):
        for task, metric in metrics.items():
            unit = unit_of(paper.QUANTITIES.find(task, metric))
            theirs = paper_gain(paper.table(about), "cross-stitch", "one-task", task, metric)
            says[f"front_paper_{task}"] = f"{theirs:+.1f}{unit}"
    says |= {f"front_{kind.split()[0]}": str(count) for kind, count in counts().items()}
    return says


def levels(about: str) -> pd.DataFrame:
    """A table of the paper as it prints it: a row an arm, a column a metric."""
    rows_of = paper.table(about)
    columns = rows_of.task.map(TASKS) + " " + rows_of.metric
    shown = rows_of.assign(column=columns).pivot_table("value", "arm", "column", sort=False).map("{:.1f}".format)
    return shown.rename(index=partial(row_name, about))
