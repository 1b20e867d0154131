"""Differences between arms, paired by seed: the effect is the size of seed noise, so the seed is taken out."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats


class Difference(NamedTuple):
    """A mean paired difference with its interval; `str` writes it as a reader wants it."""

    mean: float
    low: float
    high: float
    seeds: int

    def __str__(self) -> str:
        return f"{self.mean:+.2f} (95 % interval {self.low:+.2f} to {self.high:+.2f}, {self.seeds} seeds)"

    @property
    def verdict(self) -> str:
        """What the interval says of the claim that the first arm is higher."""
        return "supported" if self.low > 0 else "not supported" if self.high < 0 else "undecided"


def paired_difference(first: Sequence[float], second: Sequence[float]) -> Difference:
    """The mean of ``first - second`` over seeds, with its 95 % t interval.

    Args:
        first, second: one value a seed, the same seeds in the same order; at least 2.

    Raises:
        ValueError: if the two differ in length, there are fewer than 2 seeds, or a value is not finite.

    >>> print(paired_difference([3.0, 4.0, 5.5], [2.0, 3.5, 4.0]))
    +1.00 (95 % interval -0.24 to +2.24, 3 seeds)

    Source: chapter "Two tasks on Fashion-MNIST".
    """
    if len(first) != len(second) or len(first) < 2:
        found = f"{len(first)} and {len(second)}"
        raise ValueError(f"a paired difference needs the same seeds twice, 2 or more; got {found}")
    if bad := np.count_nonzero(~np.isfinite([first, second])):
        raise ValueError(
            f"a paired difference needs finite values; got {bad} of {2 * len(first)} that are not: leave these seeds "
            "out of both arms, and say so"
        )
    differences = np.subtract(first, second)
    mean, count = float(differences.mean()), len(differences)
    margin = float(stats.t.ppf(0.975, count - 1) * stats.sem(differences))
    return Difference(mean, mean - margin, mean + margin, count)
