"""One arm of one seed: trained, measured, and written down as plain data (a cell of a record)."""

import json
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from xstitch_lib.data import Source
from xstitch_lib.files import replacing
from xstitch_lib.looking import correlation, sharing
from xstitch_lib.results import identity
from xstitch_lib.results.arrays import decode, encode, kept
from xstitch_lib.results.provenance import provenance
from xstitch_lib.studies.arm import Arm
from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.draws import joined
from xstitch_lib.studies.methods import Trained
from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.worlds.world import inputs_of
from xstitch_lib.training.history import History, is_loss


def train(arm: Arm, scale: Scale, seed: int, folder: Path | None) -> tuple[Bench, Trained]:
    """Train one arm; see `Method.train`. Of several draws it is the first."""
    bench = Bench(replace(scale, **arm.changes), seed, folder)
    return bench, arm.method.train(bench)


def run(arm: Arm, scale: Scale, seed: int, folder: Path | None) -> dict[str, Any]:
    """Train one arm and measure it; ``folder`` as for `Bench`.

    Returns:
        what ``recorded/schema.json`` calls a cell, with the settings it was made with and its quantities. An arm whose
        loss stops being finite has the status "diverged at step …" and no results.
    """
    started, origin, own = time.perf_counter(), provenance(), replace(scale, **arm.changes)
    made_with = identity.settings(scale, arm.method, arm.changes)
    cell = {"arm": arm.name, "seed": seed, "status": "done", "settings": made_with}
    found: dict[str, dict[str, Any]] = {}
    for draw in own.draws():
        bench = Bench(replace(own, **draw), seed, folder)
        origin |= {"precision": bench.precision, "code": identity.training_code()}
        cell["quantities"] = bench.world.quantities().plain()
        try:
            trained = arm.method.train(bench)
        except FloatingPointError as error:
            step = " ".join(str(error).split()[:3])
            return cell | {"status": f"diverged {step}", "provenance": origin | _seconds(started + bench.waited)}
        found[bench.world.draw] = _measured(bench, trained)
        started += bench.waited - _before(trained)
    return cell | joined(found) | {"provenance": origin | _seconds(started)}


def _before(trained: Trained) -> float:
    """Seconds that went into its runs before this process took them up."""
    runs = {id(history): history for phases in trained.histories.values() for history in phases.values()}
    return sum([history.seconds_before for history in runs.values()])


def _measured(bench: Bench, trained: Trained) -> dict[str, Any]:
    world = bench.world
    results, per_class = world.results(trained.net, trained.histories)
    return {
        "results": {task: _short(row) for task, row in results.items()},
        "per_class": {task: {name: _short(row) for name, row in rows.items()} for task, rows in per_class.items()},
        "curves": {
            part: {str(phase): _curves(history) for phase, history in phases.items()}
            for part, phases in trained.histories.items()
        },
        "alphas": {part: kept(run[1]) for part, run in trained.histories.items() if 1 in run and run[1].alphas},
        "sharing": _sharing(world.validation, trained.net) if _shares(trained.net) else {},
        "data": world.fingerprints(),
    }


def _shares(net: nn.Module) -> bool:
    """Whether units mix all tasks' maps by matrices, so that shares of variance say something."""
    return any([unit.matrices() is not None for unit in getattr(net, "units", {}).values()])


def _sharing(data: Source, net: nn.Module) -> dict[str, dict[str, list[list[float | None]]]]:
    """Layer → "share" and "correlation", T×T, means over the channels that change."""
    images = inputs_of(data, len(data))
    shares, correlations = sharing(net, images), correlation(net, images)
    return {
        layer: {
            name: [_shortened(row.tolist()) for row in found[layer].nanmean(0)]
            for name, found in (("share", shares), ("correlation", correlations))
        }
        for layer in shares
    }


def read(path: Path, arm: Arm, scale: Scale) -> dict[str, Any]:
    """A cell that was written before.

    Raises:
        ValueError: if it was made with other settings than its arm and scale have now.
    """
    cell = json.loads(path.read_text(), object_hook=decode)
    if "settings" not in cell:
        raise ValueError(f"{path} is of an older version of the library: delete it, or use another folder")
    if differing := identity.differences(cell["settings"], scale, arm.method, arm.changes):
        raise ValueError(
            f"{path} was made with other settings than its study has now ({'; '.join(differing)}): delete it, or use "
            "another folder"
        )
    return cell


def write(path: Path, cell: Mapping[str, Any]) -> None:
    """Write a cell; an interrupted call leaves nothing."""
    with replacing(path) as file:
        file.write(json.dumps(cell, allow_nan=False, default=encode).encode())


def _seconds(started: float) -> dict[str, float]:
    return {"seconds": round(time.perf_counter() - started, 1)}


def _curves(history: History) -> dict[str, dict[str, list[list[float | None]]]]:
    """task → metric → [steps, values]; of a loss every mean up to step 100, then one in 50 steps."""
    curves: dict[str, dict[str, list[list[float | None]]]] = {}
    for (task, metric), rows in history.table.groupby(["task", "metric"], sort=False):
        kept = rows[(rows.step <= 100) | (rows.step % 50 == 0)] if is_loss(metric) else rows
        curves.setdefault(task, {})[metric] = [kept.step.tolist(), _shortened(kept.value)]
    return curves


def _short(row: Mapping[str, float]) -> dict[str, float | None]:
    return dict(zip(row, _shortened(row.values()), strict=True))


def _shortened(values: Iterable[float]) -> list[float | None]:
    """Six digits are more than a metric has; JSON has no NaN."""
    short = [value if isinstance(value, int) else float(f"{value:.6g}") for value in values]
    return [value if math.isfinite(value) else None for value in short]
