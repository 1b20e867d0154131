"""Claims, the paper's and others', each with the comparison of records that tests it: all verdicts of the book.

A file a table or figure; each has its `Group`s, and `GROUPS` collects them. One more file needs its name here.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import pandas as pd

from xstitch_lib.results.findings import Finding
from xstitch_lib.results.record import Record, load
from xstitch_lib.studies import STUDIES
from xstitch_lib.studies.claims import ablations, afterwards, alphas, faces, fashion, figure6, table5, table6
from xstitch_lib.studies.claims.claim import Claim, Group

GROUPS = {
    group.name: group
    for file in (table5, figure6, ablations, alphas, table6, fashion, faces, afterwards)
    for group in file.GROUPS
}
CLAIMS = {name: group.claims for name, group in GROUPS.items()}
# as tables and figures name the tasks of a record
TASKS = {
    "seg": "segmentation",
    "normals": "normals",
    "detection": "detection",
    "attributes": "attributes",
    "both": "mean accuracy",
    "article": "articles",
    "second": "second label",
    "gender": "gender",
    "age": "age",
    "years": "age in years",
    "all": "both tasks",
}


class Row(NamedTuple):
    """What a scale's records say of a claim in one task, or why they say nothing.

    Attributes:
        planned: how many seeds the studies have.
        why: where ``finding`` is None, in words, with the command that would help.
    """

    group: Group
    claim: Claim
    scale: str
    task: str
    finding: Finding | None
    planned: int = 0
    why: str = ""


def rows(group: Group, scale: str) -> Iterator[Row]:
    """Every claim of a group that the scale is about: one row a task, or one that says why there is none."""
    read = cache(lambda name: load(name, scale))  # a record's tables are made once
    for claim in group.claims:
        if claim.scales and scale not in claim.scales:
            continue
        records, why = _records(claim, scale, read)
        found = {} if why else claim.judge(*records)
        if not found:
            yield Row(group, claim, scale, "", None, why=why or "an arm that it compares is no part of this scale")
        planned = min([len({*r.seeds} | {seed for _, seed in r.missing}) for r in records], default=0)
        for task, finding in found.items():
            yield Row(group, claim, scale, task, finding, planned)


def _records(claim: Claim, scale: str, read: Callable[[str], Record]) -> tuple[list[Record], str]:
    """Those of its studies, or why there are none."""
    names, found = claim.names(scale), []
    for name in names:
        if name not in STUDIES:
            return [], f"study `{name}` is not recorded yet: `xstitch run {name} --scale {scale}`"
        if scale not in STUDIES[name].scales:
            return [], f"study `{name}` has no scale `{scale}`"
        try:
            found.append(read(name))
        except FileNotFoundError:
            return [], f"not recorded: `xstitch run {name} --scale {scale}`"
        if not found[-1].comparable:
            return [], f"{len(found[-1].missing)} runs are to come: `xstitch run {name} --scale {scale}`"
    return found, ""


def verdicts(about: str, scale: str = "small") -> pd.DataFrame:
    """What the records say of some claims: claim, its source, its bound, and a column a task with verdict and gain.

    Args:
        about: a key of `CLAIMS`.
        scale: of the records. Claims about studies or arms that the scale leaves out, that are not recorded, or of
            which too many runs are still to come (`Record.comparable`), are left out; page "Verdict" names them. Where
            runs are still to come or have diverged, a cell tells how many.
    """
    return shown([row for row in rows(GROUPS[about], scale) if row.finding])


def shown(found: list[Row]) -> pd.DataFrame:
    """Rows with findings as a table: one a claim."""
    claims = list({id(row.claim): row.claim for row in found}.values())
    cells = {(id(row.claim), row.task): row for row in found}
    columns = {"claim": [claim.text for claim in claims], "source": [claim.source for claim in claims]}
    for task, name in TASKS.items():
        if any(row.task == task for row in found):
            columns[name] = [cell(cells[id(c), task]) if (id(c), task) in cells else "" for c in claims]
    of_note = [
        ", ".join([bound_of(row.finding) for row in found if row.claim is c and row.finding.bound]) for c in claims
    ]
    return pd.DataFrame(columns | ({"of note beyond": of_note} if any(of_note) else {}))


def bound_of(finding: Finding) -> str:
    """As a reader is told it: "±0.35°"."""
    return f"±{finding.bound:.2f}{finding.unit if finding.unit == '°' else f' {finding.unit}'}"


def cell(row: Row) -> str:
    """Verdict, gain and remarks; the number of seeds where some are still to come."""
    seeds = row.finding.gain.seeds
    to_come = row.planned - seeds - sum(row.finding.lost)
    return f"{row.finding}" + (f", {seeds} of {row.planned} seeds" if to_come > 0 else "")
