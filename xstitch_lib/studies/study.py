"""A study is data: arms × scales × seeds, and the contrasts that were named before it ran."""

import glob
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from xstitch_lib.networks.named import did_you_mean
from xstitch_lib.results import identity
from xstitch_lib.results.record import FORMAT, Record, tidy
from xstitch_lib.studies import cell
from xstitch_lib.studies.arm import Arm
from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.worlds import load
from xstitch_lib.tasks.quantities import Quantities


@dataclass(frozen=True)
class Study:
    """A table or figure as a set of runs.

    Attributes:
        name: what it is called in `xstitch_lib.results.record` and on the command line.
        question: what it answers, one sentence.
        arms: its rows.
        scales: name → `Scale`.
        primary: pairs of arms whose differences were named before the run; all others are exploratory.
        metrics: task → the metric that these are measured in.
    """

    name: str
    question: str
    arms: Sequence[Arm]
    scales: Mapping[str, Scale]
    primary: Sequence[tuple[str, str]] = ()
    metrics: Mapping[str, str] = field(default_factory=lambda: {"seg": "mIU", "normals": "mean"})

    def run(
        self,
        scale: str = "small",
        seeds: Iterable[int] = range(1),
        arms: Sequence[str] | None = None,
        folder: str | Path | None = None,
    ) -> pd.DataFrame:
        """Run the study in this process.

        Args:
            scale: a key of ``scales``.
            seeds: each arm is run with each of them.
            arms: names of those wanted; None, all.
            folder: keeps trained networks and results, so that the next call goes on from there; None, networks alone
                are kept, in the one folder that all live runs share (`live_runs`).

        Returns:
            a tidy table with the columns study, arm, seed, task, metric, value; one row, with task "" and metric
            "diverged", for a run whose loss stopped being finite.

        Raises:
            ValueError: for an unknown scale or arm.
        """
        cells = [self.cell(name, scale, seed, folder) for seed in seeds for name in (arms or self.names(scale))]
        return _quantities(cells).attach(tidy(self.name, cells))

    def net(self, arm: str, scale: str, seed: int, folder: str | Path | None = None) -> nn.Module:
        """The trained network of one run, ``x → {task: output}``; from ``folder`` if it was trained there before."""
        _, trained = cell.train(self.arm(arm), self.scale(scale), seed, folder and Path(folder) / "runs")
        return trained.net

    def cell(self, arm: str, scale: str, seed: int, folder: str | Path | None = None) -> dict:
        """The finished cell of ``folder``, run now if it is not there yet; without ``folder`` it is measured anew."""
        settings = (self.arm(arm), self.scale(scale))
        if folder is None:
            return cell.run(*settings, seed, None)
        path = self.path(arm, scale, seed, folder)
        if not path.exists():
            cell.write(path, cell.run(*settings, seed, Path(folder) / "runs"))
        return cell.read(path, *settings)

    def take_over(self, recorded: Record, folder: str | Path) -> None:
        """Put the whole seeds of an unfinished record into ``folder``, so that they are not run again.

        A seed that lacks an arm is run again with all of them where its arms share towers, which no record holds;
        where there is no first phase they share none, and all runs are kept.

        Raises:
            ValueError: if the study has other settings now.
        """
        scale = recorded.content["scale"]
        names, alone = {*self.names(scale)}, not self.scale(scale).steps[0]
        kept = recorded if alone else recorded.whole_seeds() if names <= {*recorded.content["arms"]} else None
        for found in kept.content["cells"] if kept else []:
            arm, stored = self.arm(found["arm"]), recorded.settings(found["arm"])
            own = {"settings": stored, "quantities": recorded.content["quantities"]}
            if differing := identity.differences(stored, self.scale(scale), arm.method, arm.changes):
                raise ValueError(
                    f"{recorded} was made with other settings than its study has now ({'; '.join(differing)}): delete "
                    "it to begin anew"
                )
            cell.write(self.path(arm.name, scale, found["seed"], folder), {**found, **own})

    def record(self, scale: str, folder: str | Path) -> dict:
        """All cells of ``folder`` that are finished, as the content of a record, for `record.save`."""
        cells = [
            cell.read(self.path(name, scale, seed, folder), self.arm(name), self.scale(scale))
            for name in self.names(scale)
            for seed in self.finished(name, scale, folder)
        ]
        return {
            "format": FORMAT,
            "study": self.name,
            "scale": scale,
            "question": self.question,
            "settings": asdict(self.scale(scale)),
            "arms": {
                name: {
                    "method": self.arm(name).method.name,
                    "options": asdict(self.arm(name).method),
                    "changes": dict(self.arm(name).changes),
                }
                for name in self.names(scale)
            },
            "primary": [list(pair) for pair in self.primary if {*pair} <= {*self.names(scale)}],
            "metrics": dict(self.metrics),
            "labels": load(self.scale(scale)).label_counts(),
            "quantities": _quantities(cells).plain(),
            "cells": [
                {k: value for k, value in found.items() if k not in ("settings", "quantities")} for found in cells
            ],
        }

    def names(self, scale: str) -> list[str]:
        """The arms that are run at a scale."""
        return list(self.scale(scale).arms or [arm.name for arm in self.arms])

    def path(self, arm: str, scale: str, seed: int | str, folder: str | Path) -> Path:
        """Where a finished cell is kept."""
        return Path(folder) / f"{self.name}-{scale}" / f"{arm}.seed{seed}.json"

    def finished(self, arm: str, scale: str, folder: str | Path) -> list[int]:
        """The seeds of an arm whose cells ``folder`` holds."""
        path = self.path(glob.escape(arm), scale, "*", folder)
        return sorted([int(found.stem.rpartition("seed")[2]) for found in path.parent.glob(path.name)])

    def arm(self, name: str) -> Arm:
        """An arm by its name."""
        arms = {arm.name: arm for arm in self.arms}
        if name not in arms:
            raise ValueError(f"study {self.name!r} has no arm {name!r}{did_you_mean(name, arms)}")
        return arms[name]

    def scale(self, name: str) -> Scale:
        """A scale by its name."""
        if name not in self.scales:
            raise ValueError(f"study {self.name!r} has no scale {name!r}: choose one of {', '.join(self.scales)}")
        return self.scales[name]


def _quantities(cells: Iterable[Mapping[str, Any]]) -> Quantities:
    """Those of all cells, whose worlds may have other tasks."""
    found: dict[str, dict[str, Any]] = {}
    for one in cells:
        for task, own in one["quantities"].items():
            found.setdefault(task, {}).update(own)
    return Quantities.read(found)
