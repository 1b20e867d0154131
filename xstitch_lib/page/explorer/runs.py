"""What the explorers draw: one run from a history, or the runs of a record's arms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xstitch_lib.results.record import Record
from xstitch_lib.training.history import History, is_loss


@dataclass(frozen=True)
class Run:
    """A stitched training run, or several that differ by seed.

    Attributes:
        curves: seed, step, task, metric, value.
        steps: those at which alphas were kept.
        alphas: layer → (seeds, steps, C or 1, T, T).
    """

    curves: pd.DataFrame
    steps: list[int]
    alphas: dict[str, np.ndarray]

    @property
    def tasks(self) -> list[str]:
        """In the order of the alphas."""
        return list(dict.fromkeys(self.curves.task[self.curves.metric.map(is_loss)]))


def runs(source: History | Record, arms: Sequence[str] | None = None) -> dict[str, Run]:
    """Name → run: of a history one, of a record one for each of ``arms`` (where not given, each with alphas).

    Raises:
        ValueError: if there are no alphas.
    """
    if isinstance(source, History):
        found = {"this run": _from_history(source)} if source.alphas else {}
    else:
        finished = {arm: source.finished(arm) for arm in (arms or source.content["arms"])}
        stitched = [a for a, seeds in finished.items() if seeds and source.cell(a, seeds[0])["alphas"].get("")]
        found = {arm: _from_record(source, arm) for arm in stitched}
    if not found:
        raise ValueError(f"{source} has no alphas: train a stitched network with xs.fit(..., snapshots=11)")
    return found


def _from_history(history: History) -> Run:
    alphas = {layer: values[None] for layer, values in history.alphas.items()}
    return Run(history.table.assign(seed=0), history.alpha_steps, alphas)


def _from_record(record: Record, arm: str) -> Run:
    found = [record.alphas(arm, seed) for seed in record.finished(arm)]
    alphas = {layer: np.stack([values[layer] for _, values in found]) for layer in found[0][1]}
    curves = record.curves
    curves = curves[(curves.arm == arm) & (curves.phase == 1) & (curves.part == "")]
    return Run(curves[["seed", "step", "task", "metric", "value"]], found[0][0], alphas)
