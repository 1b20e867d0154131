"""Recorded results: of each study and scale all that later pages draw from it, and where it comes from.

A JSON file, whose format is ``recorded/schema.json``, and beside it one of arrays, curves and alphas, which the first
names with its checksum. Files are checked when they are read and before they are written.
"""

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock

from xstitch_lib.files import replacing
from xstitch_lib.results.arrays import apart, joined, number, read
from xstitch_lib.tasks.quantities import Quantities

FOLDER = Path(__file__).parents[1] / "recorded"
FORMAT = "xstitch_lib record 2"
NOTE = "XSTITCH_RECORDS_READ"
FEWEST = 4  # seeds with all arms, from which on these are compared though some runs are still to come


class Record:
    """A recorded study; made by `load`.

    Attributes:
        content: the file as it is: study, scale, question, settings, arms, primary contrasts, label counts, cells.
    """

    def __init__(self, content: Mapping[str, Any]):
        self.content = content

    def __repr__(self) -> str:
        arms, seeds = len(self.content["arms"]), len(self.seeds)
        to_come = f", {len(self.missing)} runs to come" if self.missing else ""
        name = f"{self.content['study']!r}, scale={self.content['scale']!r}"
        return f"Record({name}, {arms} arms, {seeds} seeds{to_come})"

    @property
    def seeds(self) -> list[int]:
        """Of all cells, sorted."""
        return sorted({cell["seed"] for cell in self.content["cells"]})

    @property
    def missing(self) -> list[tuple[str, int]]:
        """Arm and seed of each run that is still to come; a long study is recorded run by run."""
        made = {(cell["arm"], cell["seed"]) for cell in self.content["cells"]}
        seeds = self.content["settings"]["seeds"]
        return [(arm, seed) for arm in self.content["arms"] for seed in seeds if (arm, seed) not in made]

    def settings(self, arm: str) -> dict[str, Any]:
        """What an arm's cells were made with, as `xstitch_lib.results.identity` compares it."""
        own = self.content["arms"][arm]
        scale = {**self.content["settings"], **own["changes"]}
        return {"scale": scale, "method": own["method"], "options": own["options"]}

    @property
    def comparable(self) -> bool:
        """Whether no run is still to come, or four seeds or more have all arms."""
        return not self.missing or len(self.whole_seeds().seeds) >= FEWEST

    def whole_seeds(self) -> "Record":
        """The same without the seeds that lack an arm."""
        arms = [(cell["seed"], cell["arm"]) for cell in self.content["cells"]]
        whole = {seed for seed in self.seeds if {(seed, arm) for arm in self.content["arms"]} <= {*arms}}
        return Record({**self.content, "cells": [cell for cell in self.content["cells"] if cell["seed"] in whole]})

    @cached_property
    def quantities(self) -> Quantities:
        """What its metrics are."""
        return Quantities.read(self.content["quantities"])

    @cached_property
    def table(self) -> pd.DataFrame:
        """Tidy: study, arm, seed, task, metric, value; see `tidy`."""
        return self.quantities.attach(tidy(self.content["study"], self.content["cells"]))

    @cached_property
    def per_class(self) -> pd.DataFrame:
        """Tidy: arm, seed, task, class, metric, value; label counts are a metric too."""
        rows = [
            (cell["arm"], cell["seed"], task, name, metric, number(value))
            for cell in self.content["cells"]
            for task, classes in cell.get("per_class", {}).items()
            for name, values in classes.items()
            for metric, value in values.items()
        ]
        return self.quantities.attach(pd.DataFrame(rows, columns=["arm", "seed", "task", "class", "metric", "value"]))

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Tidy: arm, seed, part, phase, task, metric, step, value.

        ``part`` tells the runs of an arm apart where it has several; phase 0 comes before the arm's own, 1.
        """
        rows = [
            (cell["arm"], cell["seed"], part, int(phase), task, metric, step, number(value))
            for cell in self.content["cells"]
            for part, phases in cell.get("curves", {}).items()
            for phase, tasks in phases.items()
            for task, metrics in tasks.items()
            for metric, points in metrics.items()
            for step, value in zip(*points, strict=True)
        ]
        columns = ["arm", "seed", "part", "phase", "task", "metric", "step", "value"]
        return self.quantities.attach(pd.DataFrame(rows, columns=columns))

    @cached_property
    def sharing(self) -> pd.DataFrame:
        """Tidy: arm, seed, layer, task, source, share, correlation; see `xstitch_lib.sharing`. Of stitched arms."""
        rows = [
            (cell["arm"], cell["seed"], layer, task, source, found["share"][i][j], found["correlation"][i][j])
            for cell in self.content["cells"]
            for layer, found in cell.get("sharing", {}).items()
            for tasks in [[task for task in cell["results"] if task != "both"]]
            for i, task in enumerate(tasks)
            for j, source in enumerate(tasks)
        ]
        return pd.DataFrame(rows, columns=["arm", "seed", "layer", "task", "source", "share", "correlation"])

    @property
    def provenance(self) -> pd.DataFrame:
        """One row a cell: arm, seed, status, seconds, commit, command, device, threads, versions, date."""
        return pd.DataFrame(
            [
                {"arm": cell["arm"], "seed": cell["seed"], "status": cell["status"], **cell["provenance"]}
                for cell in self.content["cells"]
            ]
        )

    def finished(self, arm: str) -> list[int]:
        """The seeds of an arm's runs, without those that diverged."""
        return [cell["seed"] for cell in self.content["cells"] if (cell["arm"], cell["status"]) == (arm, "done")]

    def cell(self, arm: str, seed: int) -> Mapping[str, Any]:
        """One run as it was recorded.

        Raises:
            KeyError: if there is none.
        """
        for cell in self.content["cells"]:
            if (cell["arm"], cell["seed"]) == (arm, seed):
                return cell
        raise KeyError(f"{self} holds no arm {arm!r} with seed {seed}")

    def alphas(self, arm: str, seed: int, part: str = "") -> tuple[list[int], dict[str, np.ndarray]]:
        """The steps, and layer → (S, C or 1, T, T) float32 array, of a stitched network's second phase."""
        found = self.cell(arm, seed)["alphas"][part]
        return found["steps"], {layer: values.astype(np.float32) for layer, values in found["layers"].items()}


def path_of(study: str, scale: str, folder: Path = FOLDER) -> Path:
    """The file of a recorded study; the book's build has noted, in a file that ``$NOTE`` names, which are asked for."""
    name = f"{study}-{scale}.json"
    if note := os.environ.get(NOTE):
        with open(note, "a") as file:
            file.write(f"{name}\n")
    return Path(folder) / name


def load(study: str, scale: str = "full", folder: Path = FOLDER) -> Record:
    """Read a recorded study.

    Raises:
        FileNotFoundError: if it has not been recorded at that scale, with the commands that help.
        ValueError: if the file is damaged or is not a record.

    Source: chapter "Segmentation and normals".
    """
    path = path_of(study, scale, folder)
    if not path.is_file():
        raise FileNotFoundError(
            f"{study} has not been recorded at scale {scale!r}: see `xstitch list` for what is, and "
            f"`xstitch run {study} --scale …` to record one of its scales"
        )
    content = _content(path)
    if not path.with_name(content["arrays"]["file"]).exists():  # another process may have written a new one just now
        content = _content(path)
    arrays = content.pop("arrays")
    numbers = read(path.with_name(arrays["file"]), arrays["sha256"])
    return Record({**content, "cells": joined(content["cells"], numbers)})


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is damaged, it is not JSON ({error}): restore it from the repository") from error
    check(content, path)
    return content


def save(content: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Write a record; an interrupted call leaves the old one.

    Raises:
        ValueError: if ``content`` is not a record.
    """
    path = path_of(content["study"], content["scale"], folder)
    cells, arrays = apart(content["cells"])
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    beside = path.with_name(f"{path.stem}.{digest[:8]}.npz")  # not the old one's name: that stays until the JSON is new
    head = {name: value for name, value in content.items() if name != "cells"}
    head |= {"arrays": {"file": beside.name, "sha256": digest}, "cells": []}  # last
    check({**head, "cells": cells}, path)
    lines = ",\n".join([json.dumps(cell, allow_nan=False, separators=(",", ":")) for cell in cells])
    head = json.dumps(head, allow_nan=False, indent=1)
    with _turn(path):
        with replacing(beside) as file:
            file.write(packed.getvalue())
        with replacing(path) as file:
            file.write((head.removesuffix("[]\n}") + f"[\n{lines}\n]}}\n").encode())  # a line a cell: readable diffs
        for old in path.parent.glob(f"{path.stem}.{'[0-9a-f]' * 8}.npz"):
            if old != beside:
                old.unlink()
    return path


def _turn(path: Path) -> FileLock:
    """Held by whoever writes a record's two files; it lies where temporary files do, one a user."""
    name = hashlib.sha256(f"{Path.home()} {path.resolve()}".encode()).hexdigest()[:16]
    return FileLock(Path(tempfile.gettempdir()) / f"xstitch-record-{name}.lock")


def check(content: Any, path: Path) -> None:
    """Raise a ValueError unless ``content`` is a record as ``recorded/schema.json`` describes it."""
    from fastjsonschema import JsonSchemaValueException  # not on the training path

    try:
        _validator()(content)
    except JsonSchemaValueException as error:
        raise ValueError(
            f"{path} is not a record of this version: {error.message[:200]}; restore it or record again"
        ) from error
    runs = [(cell["arm"], cell["seed"]) for cell in content["cells"]]
    if len(set(runs)) < len(runs) or not {arm for arm, _ in runs} <= set(content["arms"]):
        raise ValueError(f"{path} may hold each of its arms {list(content['arms'])} once a seed; got {runs}")


@cache
def _validator() -> Callable[[Any], Any]:
    from fastjsonschema import compile  # not on the training path

    return compile(json.loads((FOLDER / "schema.json").read_text()))


def tidy(study: str, cells: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Cells as a table: study, arm, seed, task, metric, value.

    A run whose loss stopped being finite is one row with the metric "diverged" and no value.
    """
    rows = []
    for cell in cells:
        start = (study, cell["arm"], cell["seed"])
        results = cell.get("results", {"": {"diverged": None}})
        rows += [(*start, t, m, number(value)) for t, values in results.items() for m, value in values.items()]
    return pd.DataFrame(rows, columns=["study", "arm", "seed", "task", "metric", "value"])
