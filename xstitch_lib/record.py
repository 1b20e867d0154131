"""Recorded results: one JSON file a study and scale, with all that later pages draw from it and where it comes from.

The format is ``recorded/schema.json``. A file is checked against it when it is read and before it is written.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xstitch_lib.files import replacing
from xstitch_lib.history import History
from xstitch_lib.quantities import Quantities

FOLDER = Path(__file__).parent / "recorded"
FORMAT = "xstitch_lib record 1"
MANY = 2**15  # alphas of a run at all steps
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
        seeds = self.content["settings"].get("seeds", self.seeds)  # the first records do not name them
        return [(arm, seed) for arm in self.content["arms"] for seed in seeds if (arm, seed) not in made]

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
            (cell["arm"], cell["seed"], task, name, metric, _number(value))
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
            (cell["arm"], cell["seed"], part, int(phase), task, metric, step, _number(value))
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
        packed = self.cell(arm, seed)["alphas"][part]
        return packed["steps"], unpack(packed)


def path_of(study: str, scale: str, folder: Path = FOLDER) -> Path:
    """The file of a recorded study."""
    return Path(folder) / f"{study}-{scale}.json"


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
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is damaged, it is not JSON ({error}): restore it from the repository") from error
    check(content, path)
    return Record(content)


def save(content: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Write a record; an interrupted call leaves the old one.

    Raises:
        ValueError: if ``content`` is not a record.
    """
    path = path_of(content["study"], content["scale"], folder)
    check(content, path)
    cells = ",\n".join([json.dumps(cell, allow_nan=False, separators=(",", ":")) for cell in content["cells"]])
    head = {name: value for name, value in content.items() if name != "cells"} | {"cells": []}  # last
    head = json.dumps(head, allow_nan=False, indent=1)
    with replacing(path) as file:
        file.write((head.removesuffix("[]\n}") + f"[\n{cells}\n]}}\n").encode())  # a line a cell: diffs stay readable
    return path


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
        rows += [(*start, t, m, _number(value)) for t, values in results.items() for m, value in values.items()]
    return pd.DataFrame(rows, columns=["study", "arm", "seed", "task", "metric", "value"])


def pack(history: History) -> dict[str, Any]:
    """The alphas of a run as text: the steps, and for each layer its shape and float16 values in base64.

    Of more than `MANY` numbers only the first and the last step's are kept: a wide network's would fill its record.
    """
    steps, alphas = history.alpha_steps, history.alphas
    if sum([values.size for values in alphas.values()]) > MANY:
        steps, alphas = [steps[0], steps[-1]], {layer: values[[0, -1]] for layer, values in alphas.items()}
    layers = {
        layer: {"shape": list(values.shape), "float16": base64.b64encode(values.astype("<f2").tobytes()).decode()}
        for layer, values in alphas.items()
    }
    return {"steps": steps, "layers": layers}


def unpack(packed: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Layer → (S, C or 1, T, T) float32 array."""
    return {
        layer: np.frombuffer(base64.b64decode(kept["float16"]), "<f2").astype(np.float32).reshape(kept["shape"])
        for layer, kept in packed["layers"].items()
    }


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
