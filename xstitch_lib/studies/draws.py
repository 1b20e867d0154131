"""A cell whose world has several draws, folds of a cross-validation for instance: their means, and each one's results.

Draws are no seeds. They share training samples, so intervals over them need `xstitch_lib.results.overlap`; a cell of
several counts once, as one seed.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xstitch_lib.results.arrays import number


def joined(draws: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One cell of several draws; of one it is that draw's own.

    Args:
        draws: name → results, per_class, curves, alphas, sharing and data, as a cell has them.

    Returns:
        results, curves and shares are means over draws, per_class those over the draws in which the class occurs;
        beside the classes stands each draw by its name, with its own row of results. Alphas are the first draw's:
        channels of different starts have nothing to do with each other. Data are told by a digest of all draws'.
    """
    (_, first), *others = draws.items()
    if not others:
        return dict(first)
    of = {name: [one[name] for one in draws.values()] for name in first}
    per_class = _mean_of_classes(of["per_class"])
    for task in first["results"]:
        per_class[task] = per_class.get(task, {}) | {name: one["results"][task] for name, one in draws.items()}
    return {
        "results": mean(of["results"]),
        "per_class": per_class,
        "curves": mean(of["curves"]),
        "alphas": first["alphas"],
        "sharing": mean(of["sharing"]),
        "data": {part: _digest([one[part] for one in of["data"]]) for part in first["data"]},
    }


def _mean_of_classes(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    tasks = {task: dict.fromkeys([name for one in found for name in one[task]]) for task in found[0]}
    return {
        task: {name: mean([one[task][name] for one in found if name in one[task]]) for name in names}
        for task, names in tasks.items()
    }


def _digest(digests: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()[:16]


def mean(found: Sequence[Any]) -> Any:
    """The mean of plain data of one form: dicts and lists entry by entry, numbers over those that are not None.

    >>> mean([{"a": [1, 2.0]}, {"a": [3, None]}])
    {'a': [2.0, 2.0]}
    """
    first, *others = found
    if all([one == first for one in others]):
        return first
    if isinstance(first, Mapping):
        return {name: mean([one[name] for one in found]) for name in first}
    if isinstance(first, list):
        return [mean(values) for values in zip(*found, strict=True)]
    values = np.array([number(value) for value in found])
    known = values[~np.isnan(values)]
    return float(f"{known.mean():.6g}") if len(known) else None
