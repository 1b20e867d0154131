"""The numbers of a record's curves and alphas: apart from the JSON, in one compressed file beside it."""

import base64
import hashlib
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xstitch_lib.training.history import History

MANY = 2**15  # alphas of a run at all steps


def apart(cells: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Cells without their curves and alphas, but with how many numbers these have, and all of these as three arrays.

    "steps" and "values" are those of all curves one after the other, "alphas" all units' float16 values; see `joined`.
    """
    steps, values, alphas = [np.empty(0, np.int32)], [np.empty(0)], [np.empty(0, np.float16)]

    def curve(points: Sequence[Sequence[float | None]]) -> int:
        steps.append(np.asarray(points[0], np.int32))
        values.append(np.asarray([number(value) for value in points[1]]))
        return len(points[0])

    def shape(layer: np.ndarray) -> list[int]:
        alphas.append(layer.ravel())
        return list(layer.shape)

    found = [_mapped(cell, curve, shape) for cell in cells]
    return found, {"steps": np.concatenate(steps), "values": np.concatenate(values), "alphas": np.concatenate(alphas)}


def joined(cells: Iterable[Mapping[str, Any]], arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """The cells that `apart` took apart."""
    steps, values, alphas = [arrays[name] for name in ("steps", "values", "alphas")]
    points = used = 0

    def curve(count: int) -> list[list[float | None]]:
        nonlocal points
        points += count
        some = slice(points - count, points)
        return [steps[some].tolist(), [None if value != value else value for value in values[some].tolist()]]

    def layer(shape: Sequence[int]) -> np.ndarray:
        nonlocal used
        used += math.prod(shape)
        return alphas[used - math.prod(shape) : used].reshape(shape)

    return [_mapped(cell, curve, layer) for cell in cells]


def _mapped(cell: Mapping[str, Any], curve: Callable[[Any], Any], layer: Callable[[Any], Any]) -> dict[str, Any]:
    """A cell with something else in the place of each curve and each unit's alphas."""
    own = {}
    if "curves" in cell:
        own["curves"] = {
            part: {
                phase: {task: {name: curve(x) for name, x in found.items()} for task, found in tasks.items()}
                for phase, tasks in phases.items()
            }
            for part, phases in cell["curves"].items()
        }
    if "alphas" in cell:
        own["alphas"] = {
            part: {**found, "layers": {name: layer(x) for name, x in found["layers"].items()}}
            for part, found in cell["alphas"].items()
        }
    return {**cell, **own}


def read(path: Path, sha256: str) -> dict[str, np.ndarray]:
    restore = "restore it from the repository, with the JSON file beside it"
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ValueError(f"{path}, the arrays of a record, is missing: {restore}") from error
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise ValueError(f"{path} is damaged: its sha256 is {found}, its record's JSON says {sha256}; {restore}")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


def kept(history: History) -> dict[str, Any]:
    """The alphas of a run: the steps, and for each layer its float16 values (S, C or 1, T, T).

    Of more than `MANY` numbers only the first and the last step's are kept: a wide network's would fill its record.
    """
    steps, alphas = history.alpha_steps, history.alphas
    if sum([values.size for values in alphas.values()]) > MANY:
        steps, alphas = [steps[0], steps[-1]], {layer: values[[0, -1]] for layer, values in alphas.items()}
    return {"steps": steps, "layers": {layer: values.astype("<f2") for layer, values in alphas.items()}}


def encode(values: np.ndarray) -> dict[str, Any]:
    """A float16 array as JSON has it, for the file of a single cell; `decode` is the way back."""
    return {"shape": list(values.shape), "float16": base64.b64encode(values.tobytes()).decode()}


def decode(found: dict[str, Any]) -> Any:
    """What `encode` made as an array, any other JSON object as it is."""
    if set(found) != {"shape", "float16"}:
        return found
    return np.frombuffer(base64.b64decode(found["float16"]), "<f2").reshape(found["shape"])


def number(value: float | None) -> float:
    return float("nan") if value is None else value
