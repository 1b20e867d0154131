"""What a comparison says of a claim: its test, the correction, and one of four verdicts."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from xstitch_lib.results.bounds import bound
from xstitch_lib.results.statistics import Difference, gains, holm, summary
from xstitch_lib.tasks.quantities import Quantities

SUPPORTED, CONTRADICTED, NO_EFFECT, UNDECIDED = "supported", "contradicted", "no effect of note", "undecided"
LEVEL = 0.05


class Lost(NamedTuple):
    """In how many seeds a run of the first arm alone, of the second alone, or of both diverged."""

    first: int = 0
    second: int = 0
    both: int = 0

    def told(self, first: str, second: str, finished: int) -> str:
        """In words, with the arms' names: "1000 diverged in 8 of 8 seeds"."""
        parts = (first, self.first), (second, self.second), ("both", self.both)
        seeds = finished + sum(self)
        return ", ".join([f"{which} diverged in {count} of {seeds} seeds" for which, count in parts if count])

    @classmethod
    def of(cls, table: pd.DataFrame, first: str, second: str, task: str = "", metric: str = "") -> "Lost":
        """Counted in a tidy table, over the seeds that both arms have run; a value that is not finite is a lost run.

        >>> rows = [("a", 0, "", "diverged", None), ("b", 0, "seg", "mIU", 20.0)]
        >>> Lost.of(pd.DataFrame(rows, columns=["arm", "seed", "task", "metric", "value"]), "a", "b")
        Lost(first=1, second=0, both=0)
        """
        if "metric" not in table or "seed" not in table:
            return cls()
        bad = table.metric == "diverged"
        if metric:
            value = pd.to_numeric(table.value, errors="coerce")
            bad |= (table.task == task) & (table.metric == metric) & ~np.isfinite(value)
        ran, lost = [
            {arm: {*rows.seed} for arm, rows in found.groupby("arm", sort=False)} for found in (table, table[bad])
        ]
        common = ran.get(first, set()) & ran.get(second, set())
        one, other = [lost.get(arm, set()) & common for arm in (first, second)]
        return cls(len(one - other), len(other - one), len(one & other))


def p_value(values: Sequence[float], lost: Lost = Lost()) -> float:  # noqa: B008
    """Of a paired two-sided test that the mean difference is zero; 1 where there are too few seeds for one.

    A t test. Where runs diverged the ranks decide (Wilcoxon's test): a lost run is the largest loss of its arm.

    Args:
        values: one difference a seed that both arms finished; what is not finite is left out.

    >>> p_value([1.0, 1.1, 0.9, 1.0]) < 0.001, p_value([1.0]), p_value([0.0, 0.0])
    (True, 1.0, 1.0)
    >>> p_value([1.0, 1.1, 0.9, 1.0], Lost(first=1)) > 0.05
    True
    """
    values = _finite(values)
    if lost.first or lost.second:
        return _signed_rank_p(_with_lost(values, lost))
    if len(values) < 2 or not values.any():
        return 1.0
    if np.ptp(values) == 0:
        return 0.0
    return float(stats.ttest_1samp(values, 0).pvalue)


def _signed_rank_p(values: np.ndarray) -> float:
    """Wilcoxon's, from all signs where these can be counted; ties share a rank, zeros have none."""
    values = values[values != 0]
    ranks = stats.rankdata(abs(values))
    found = abs((np.sign(values) * ranks).sum())
    if len(values) > 16:
        return float(2 * stats.norm.sf(found / math.sqrt((ranks**2).sum())))
    signs = (np.arange(2 ** len(values))[:, None] >> np.arange(len(values)) & 1) * 2 - 1
    return float((abs(signs @ ranks) >= found - 1e-9).mean())


def direction(values: Sequence[float], lost: Lost = Lost()) -> float:  # noqa: B008
    """Above 0 if the first arm is ahead: the mean difference or, where runs diverged, the sum of signed ranks."""
    values = _finite(values)
    if lost.first or lost.second:
        signed = _with_lost(values, lost)
        return float((np.sign(signed) * stats.rankdata(abs(signed))).sum())
    return float(values.mean()) if len(values) else 0.0


def _finite(values: Sequence[float]) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values[np.isfinite(values)]


def _with_lost(values: np.ndarray, lost: Lost) -> np.ndarray:
    worst = 2 * abs(values).max(initial=1.0)
    return np.concatenate([values, [-worst] * lost.first, [worst] * lost.second])


class Finding(NamedTuple):
    """A gain with its interval, what it is measured in, and how it is judged.

    Attributes:
        gain: over the runs that finished.
        unit, digits: as the reader is told it.
        metric: which one of the task's.
        arms: what is compared.
        p, corrected: of its test alone, and by Holm over all comparisons that its sentence rests on.
        ahead: above 0 if the test is on the claim's side, below 0 if on the other.
        against: the number that the claim names; 0 where it names none.
        lost: runs that diverged.
        bound: a gain within ± this is of no note; None where none was named.
        paper: the gain that the paper reports; None where it reports none.
        others: the same of the task's other metrics, corrected over these.
        note: what else a reader has to know.
    """

    gain: Difference
    unit: str
    digits: int = 2
    metric: str = ""
    arms: tuple[str, str] = ("the first", "the second")
    p: float = 1.0
    corrected: float = 1.0
    ahead: float = 0.0
    against: float = 0.0
    lost: Lost = Lost()
    bound: float | None = None
    paper: float | None = None
    others: tuple["Finding", ...] = ()
    note: str = ""

    @property
    def verdict(self) -> str:
        """One of four."""
        low, high, lost = self.gain.low, self.gain.high, self.lost.first or self.lost.second
        if self.corrected < LEVEL and self.ahead > 0 and (lost or low > self.against):
            return SUPPORTED
        if self.corrected < LEVEL and self.ahead < 0 and (lost or high < self.against):
            return CONTRADICTED
        if self.bound and not lost and -self.bound <= low <= high <= self.bound:
            return NO_EFFECT
        return UNDECIDED

    @property
    def paper_inside(self) -> bool | None:
        """Whether the paper's gain lies inside the interval; None where there is no such gain or interval."""
        if self.paper is None or not np.isfinite(self.gain.low):
            return None
        return bool(self.gain.low <= self.paper <= self.gain.high)

    @property
    def gain_text(self) -> str:
        """The gain and its interval, with the unit."""
        return self.gain.short(self._unit, self.digits)

    @property
    def _unit(self) -> str:
        return self.unit if self.unit == "°" else f" {self.unit}"

    @property
    def remarks(self) -> list[str]:
        """What the verdict and the interval do not say: the correction, lost runs, the paper's gain, other metrics."""
        said = []
        clear = self.gain.low > self.against or self.gain.high < self.against
        if clear != (self.verdict in (SUPPORTED, CONTRADICTED)):
            said.append(f"p = {self.corrected:.2f} after correction")
        if any(self.lost):
            said.append(self.lost.told(*self.arms, self.gain.seeds))
        if self.paper_inside is not None:
            where = "inside" if self.paper_inside else "outside"
            said.append(f"the paper's {self.paper:+.1f} lies {where}")
        decided = [other for other in self.others if other.verdict in (SUPPORTED, CONTRADICTED)]
        said += [f"{o.metric} {o.verdict}, {o.gain_text}" for o in decided if o.verdict != self.verdict]
        return said + [self.note] * bool(self.note)

    def __str__(self) -> str:
        return "; ".join([f"**{self.verdict}**: {self.gain_text}", *self.remarks])


def verdict_of(difference: Difference, bound: float | None = None) -> str:
    """Of one comparison alone, by its interval; for several see `contrasts`.

    >>> verdict_of(Difference(0.3, 0.1, 0.5, 8)), verdict_of(Difference(0.1, -0.1, 0.3, 8), bound=0.5)
    ('supported', 'no effect of note')
    """
    clear = difference.low > 0 or difference.high < 0
    return Finding(difference, "", corrected=float(not clear), ahead=difference.mean, bound=bound).verdict


def corrected(found: Mapping[str, Finding], also: Sequence[float] = ()) -> dict[str, Finding]:
    """The findings with their p values corrected over all of them (Holm), and over others that the sentence rests on.

    Args:
        also: p values of further comparisons in the same family.
    """
    values = holm([*[finding.p for finding in found.values()], *also])
    return {task: f._replace(corrected=p) for (task, f), p in zip(found.items(), values, strict=False)}


def found_gain(table: pd.DataFrame, first: str, second: str, task: str, metric: str, against: float = 0.0) -> Finding:
    """How much better one arm is than another in one metric, with the test that it is more than ``against``.

    Args:
        table: tidy, as for `gains`, with the rows of runs that diverged.
    """
    values, quantity = gains(table, first, second, task, metric), Quantities.of(table).find(task, metric)
    lost = Lost.of(table, first, second, task, metric)
    p = p_value(values - against, lost)
    return Finding(
        *(summary(values), quantity.difference_unit, quantity.digits, metric, (first, second), p, p),
        *(direction(values - against, lost), against, lost, None if against else bound(task, metric)),
    )


def contrasts(table: pd.DataFrame, pairs: Sequence[tuple[str, str]], metrics: Mapping[str, str]) -> pd.DataFrame:
    """The paired gains of several pairs of arms, with p values corrected over all of them, tasks too (Holm).

    Training and test pictures are the same for all seeds, so intervals are about training alone.

    Args:
        table: as for `gains`.
        pairs: (first, second), named before the run.
        metrics: task → the metric of its contrasts, named before the run.

    Returns:
        One row a task and pair: task, metric, first, second, ``gain`` (a `Difference`; positive is better), ``p``,
        ``holm``, the same corrected, ``verdict``, and the `Finding` itself.
    """
    rows = {
        (task, metric, *pair): found_gain(table, *pair, task, metric)
        for task, metric in metrics.items()
        for pair in pairs
    }
    judged = corrected(rows)
    columns = ["task", "metric", "first", "second", "gain", "p", "holm", "verdict", "finding"]
    return pd.DataFrame([(*key, f.gain, f.p, f.corrected, f.verdict, f) for key, f in judged.items()], columns=columns)
