"""What recorded runs say about learned weights: sorted, as in the paper's table 4, and summed up."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xstitch_lib.results.record import Record


def sorted_weights(record: Record, arms: Sequence[str], layers: Sequence[str], points: int = 33) -> pd.DataFrame:
    """Weights after training, each curve sorted over channels: arm, seed, layer, task, weight, channel, value.

    ``weight`` is "alpha_S" or "alpha_D"; ``channel`` runs from 0 to 1 along ``points`` quantiles.
    """
    places, rows = np.linspace(0, 1, points), []
    for arm, seed, layer, i, task, values in _last(record, arms, layers):
        for j in range(values.shape[-1]):
            curve = np.quantile(values[:, i, j], places)
            name = "alpha_S" if i == j else "alpha_D"
            rows += [(arm, seed, layer, task, name, place, value) for place, value in zip(places, curve, strict=True)]
    return pd.DataFrame(rows, columns=["arm", "seed", "layer", "task", "weight", "channel", "value"])


def own_minus_other(record: Record, arms: Sequence[str], layers: Sequence[str]) -> pd.DataFrame:
    """Mean alpha_S minus mean alpha_D, > 0 where a task prefers its own maps: arm, seed, layer, task, value."""
    rows = []
    for arm, seed, layer, i, task, values in _last(record, arms, layers):
        means = values[:, i].mean(0)
        rows.append((arm, seed, layer, task, means[i] - np.delete(means, i).mean()))
    return pd.DataFrame(rows, columns=["arm", "seed", "layer", "task", "value"])


def moved(record: Record, arms: Sequence[str]) -> pd.DataFrame:
    """How far a layer's weights end from where they started, on average: arm, seed, layer, value.

    An arm without units has no rows.
    """
    rows = []
    for arm in arms:
        for seed in record.finished(arm):
            if not record.cell(arm, seed)["alphas"]:
                continue
            _, alphas = record.alphas(arm, seed)
            rows += [(arm, seed, layer, float(abs(a[-1] - a[0]).mean())) for layer, a in alphas.items()]
    return pd.DataFrame(rows, columns=["arm", "seed", "layer", "value"])


def _last(record: Record, arms: Sequence[str], layers: Sequence[str]):
    for arm in arms:
        for seed in record.finished(arm):
            _, alphas = record.alphas(arm, seed)
            for layer in layers:
                for i, task in enumerate(record.content["metrics"]):
                    yield arm, seed, layer, i, task, alphas[layer][-1]
