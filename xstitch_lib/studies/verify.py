"""Run recorded cells again: the promise that a number in the book can be had by anyone."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from xstitch_lib.results.provenance import has_bf16
from xstitch_lib.results.record import Record, tidy
from xstitch_lib.studies import cell
from xstitch_lib.studies.arm import Arm
from xstitch_lib.studies.methods import Method
from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.worlds import recorded_scale, tuples


def recorded_settings(record: Record, arm: str) -> tuple[Arm, Scale]:
    """The arm and the scale as they were when they were recorded.

    Raises:
        ValueError: for a method or a world that is not there any more.
    """
    stored = record.content["arms"][arm]
    if stored["method"] not in Method.known:
        raise ValueError(f"no method {stored['method']!r}: choose one of {', '.join(Method.known)}")
    kind, scale = Method.known[stored["method"]], recorded_scale(record.content["settings"])
    for of, told in ((kind, stored["options"]), (type(scale), stored["changes"])):
        if gone := set(told) - {f.name for f in fields(of)}:
            raise ValueError(f"{of.__name__} has no {', '.join(sorted(gone))} any more: check out the recorded commit")
    return Arm(arm, kind(**tuples(stored["options"])), tuples(stored["changes"])), scale


def lacking(record: Record) -> str:
    """What this machine lacks of the precision that a record was made with, in a sentence; "" if nothing."""
    precisions = {cell["provenance"]["precision"] for cell in record.content["cells"]}
    if "bf16" not in precisions or has_bf16():
        return ""
    return (
        "this machine has no bf16, in which cells were recorded: they are trained in float32 here, so their numbers "
        "differ by rounding, which a long training makes as large as another seed would"
    )


def verify(record: Record, arms: Sequence[str] | None = None, seeds: Sequence[int] | None = None) -> Iterator[str]:
    """Run whole cells again with their recorded thread count, and tell how far their results are off.

    On the processor they were recorded on the results are equal; on another one rounding differs, and a run of
    thousands of steps ends elsewhere, about as far away as another seed's.
    """
    for kind, asked, known in (("arms", arms, record.content["arms"]), ("seeds", seeds, record.seeds)):
        if unknown := set(asked or []) - set(known):
            raise ValueError(f"{record} has no {kind} {sorted(unknown)}: choose from {', '.join(map(str, known))}")
    for recorded in record.content["cells"]:
        if (arms is None or recorded["arm"] in arms) and (seeds is None or recorded["seed"] in seeds):
            arm, scale = recorded_settings(record, recorded["arm"])
            with _threads(recorded["provenance"]["threads"]), tempfile.TemporaryDirectory() as folder:
                found = cell.run(arm, scale, recorded["seed"], Path(folder))
            yield f"{recorded['arm']}, seed {recorded['seed']}: {_compare(recorded, found, _spread(record, recorded))}"


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _spread(record: Record, cell: Mapping[str, Any]) -> Mapping[tuple[str, str], float]:
    """(task, metric) → the standard deviation over the seeds of a cell's arm."""
    table = record.table[record.table.arm == cell["arm"]]
    return table.groupby(["task", "metric"]).value.std().to_dict()


def _compare(recorded: dict, found: dict, spread: Mapping[tuple[str, str], float]) -> str:
    if recorded["status"] != found["status"]:
        return f"was {recorded['status']}, is {found['status']}"
    if recorded.get("data") != found.get("data"):
        return f"the data differ: they were {recorded['data']}, are {found['data']}"
    keys = ["study", "arm", "seed", "task", "metric"]
    both = tidy("", [recorded]).merge(tidy("", [found]), "outer", keys, suffixes=("_recorded", "_found"))
    off = both[both.value_recorded.ne(both.value_found) & both[["value_recorded", "value_found"]].notna().any(axis=1)]
    differing = [
        f"{r.task} {r.metric} was {r.value_recorded:g}, is {r.value_found:g}{_beside(spread.get((r.task, r.metric)))}"
        for r in off.itertuples()
    ]
    was, now = [cell["provenance"]["precision"] for cell in (recorded, found)]
    if differing and was != now:
        differing.append(f"precision was {was}, is {now}")
    return "; ".join(differing) or "equal"


def _beside(deviation: float | None) -> str:
    """What seeds differ by, where there are two or more."""
    return f" (seeds differ by {deviation:.2g})" if deviation and deviation == deviation else ""
