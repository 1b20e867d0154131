"""Claims, the paper's and others', each with the comparison of recorded runs that tests it: all verdicts of the book.

A measure takes the records of a claim's studies and returns task → `Finding`. Positive gains support the claim.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from xstitch_lib.alphas import own_minus_other
from xstitch_lib.networks.towers import POOLS
from xstitch_lib.record import Record, load
from xstitch_lib.statistics import LOWER_IS_BETTER, Difference, class_gains, contrasts, gains, summary
from xstitch_lib.studies import STUDIES

# as tables and figures name the tasks of a record
TASKS = {
    "seg": "segmentation",
    "normals": "normals",
    "both": "mean accuracy",
    "article": "articles",
    "second": "second label",
}
STARTS = ["(0.1, 0.9)", "(0.5, 0.5)", "(0.7, 0.3)", "(0.9, 0.1)"]


class Finding(NamedTuple):
    """A gain with its interval, what it is measured in, and the verdict on the claim."""

    gain: Difference
    unit: str
    verdict: str

    def __str__(self) -> str:
        return f"**{self.verdict}**: {self.gain.short(self.unit if self.unit == '°' else f' {self.unit}')}"


Measure = Callable[..., Mapping[str, Finding]]


@dataclass(frozen=True)
class Claim:
    """One sentence and its test.

    Attributes:
        source: the paper's section; "README", of the TensorFlow re-implementation; "ours" for a question of neither.
        text: the claim.
        studies: names of those whose records ``measure`` takes.
        measure: records → task → `Finding`.
    """

    source: str
    text: str
    studies: tuple[str, ...]
    measure: Measure


def unit_of(metric: str) -> str:
    return "°" if metric in LOWER_IS_BETTER else "points"


def better(first: str, second: str) -> Measure:
    """One arm is better than another, in each task's primary metric; Holm's p decides for a record's primary pairs.

    Nothing is found where a scale leaves one of the arms out.
    """

    def measure(record: Record) -> dict[str, Finding]:
        if not {first, second} <= set(record.content["arms"]):
            return {}
        primary = [tuple(pair) for pair in record.content["primary"]]
        pairs = primary if (first, second) in primary else [(first, second)]
        found = contrasts(record.table, pairs, record.content["metrics"])
        rows = found[(found["first"] == first) & (found.second == second)]
        return {row.task: Finding(row.gain, unit_of(row.metric), row.verdict) for row in rows.itertuples()}

    return measure


def gains_more_than(points: float, first: str, second: str) -> Measure:
    """The gain of one arm over another is larger than ``points``; the `Finding` has the gain itself."""

    def measure(record: Record) -> dict[str, Finding]:
        found = {}
        for task, metric in record.content["metrics"].items():
            values = gains(record.table, first, second, task, metric)
            found[task] = Finding(summary(values), unit_of(metric), summary(values - points).verdict)
        return found

    return measure


def worst_start_gains(starts: Record) -> dict[str, Finding]:
    """Table 1: even the worst of the paper's four starts is better than one-task."""
    found = {}
    for task, metric in starts.content["metrics"].items():
        by_start = [gains(starts.table, start, "one-task", task, metric) for start in STARTS]
        found[task] = _finding(min(by_start, key=np.mean), unit_of(metric))
    return found


def converges_faster(first: str, second: str) -> Measure:
    """One arm is ahead of another on average over the second phase, on validation pictures."""

    def measure(record: Record) -> dict[str, Finding]:
        curves, found = record.curves[record.curves.phase == 1], {}
        for task, metric in record.content["metrics"].items():
            along = curves[(curves.task == task) & (curves.metric == metric) & (curves.step > 0)]
            average = along.groupby(["arm", "seed", "task", "metric"], as_index=False).value.mean()
            found[task] = _finding(gains(average, first, second, task, metric), unit_of(metric))
        return found

    return measure


def rarest_gain(first: str, second: str, classes: int = 10) -> Measure:
    """Figure 6: the mean gain of the classes with the fewest labels."""

    def measure(record: Record) -> dict[str, Finding]:
        counts = pd.Series(record.content["labels"]["seg"])
        rarest = class_gains(record.per_class, first, second).loc[counts.nsmallest(classes).index]
        return {"seg": _finding(rarest.mean(), "points")}

    return measure


def rarer_gains_more(first: str, second: str, predicted: bool = False) -> Measure:
    """Figure 6: over classes, the rank correlation of gain and rareness; of all, or of those that are predicted."""

    def measure(record: Record) -> dict[str, Finding]:
        gain = class_gains(record.per_class, first, second)
        gain = gain.drop(hardly_predicted(record)) if predicted else gain
        rareness = -pd.Series(record.content["labels"]["seg"]).loc[gain.index]
        return {"seg": _finding(gain.corrwith(rareness, method="spearman"), "rank correlation")}

    return measure


def hardly_predicted(record: Record, iu: float = 1.0) -> list[str]:
    """Classes whose IU in one-task training is below a point: what a network knows of them does not show."""
    rows = record.per_class[(record.per_class.arm == ONE) & (record.per_class.metric == "IU")]
    means = rows.groupby("class").value.mean()
    return list(means[means < iu].index)


def only(task: str, measure: Measure) -> Measure:
    """A claim about one task."""
    return lambda *records: {task: measure(*records)[task]}


def gains_more(first: str, second: str) -> Measure:
    """The gain of one arm over another is larger in the first record than in the second, seed by seed."""

    def measure(here: Record, there: Record) -> dict[str, Finding]:
        found = {}
        for task, metric in here.content["metrics"].items():
            more, less = (gains(record.table, first, second, task, metric) for record in (here, there))
            found[task] = _finding((more - less).dropna(), unit_of(metric))
        return found

    return measure


def gains_more_if_related(arm: str) -> Measure:
    """The gain of an arm of `relatedness` over none is larger at the dial's upper end than at its lower."""

    def measure(record: Record) -> dict[str, Finding]:
        found = {}
        for task, metric in record.content["metrics"].items():
            least, most = (
                gains(record.table, f"{arm}, {end} of 10", f"none, {end} of 10", task, metric) for end in (0, 10)
            )
            found[task] = _finding((most - least).dropna(), unit_of(metric))
        return found

    return measure


def own_at(layer: str, arms: Sequence[str]) -> Measure:
    """Section 5.4: mean alpha_S is above mean alpha_D at a layer, whatever the start; the start where it is least."""

    def measure(record: Record) -> dict[str, Finding]:
        gaps, found = own_minus_other(record, arms, [layer]), {}
        for task in record.content["metrics"]:
            by_arm = [rows.value.to_numpy() for _, rows in gaps[gaps.task == task].groupby("arm")]
            found[task] = _finding(min(by_arm, key=np.mean), "weight")
        return found

    return measure


def own_more_than(layer: str, other: str, arm: str) -> Measure:
    """Mean alpha_S is further above mean alpha_D at one layer than at another."""

    def measure(record: Record) -> dict[str, Finding]:
        gaps, found = own_minus_other(record, [arm], [layer, other]), {}
        for task in record.content["metrics"]:
            by_layer = gaps[gaps.task == task].pivot(index="seed", columns="layer", values="value")
            found[task] = _finding(by_layer[layer] - by_layer[other], "weight")
        return found

    return measure


def shares_more(first: str, second: str, arm: str) -> Measure:
    """Section 5.4: one task's alpha_S and alpha_D are closer than another's, on average over layers."""

    def measure(record: Record) -> dict[str, Finding]:
        gaps = own_minus_other(record, [arm], POOLS).groupby(["seed", "task"]).value.mean().unstack()
        return {first: _finding(gaps[second] - gaps[first], "weight")}

    return measure


def takes_more(first: str, second: str, arm: str) -> Measure:
    """The same, by shares of variance: one task takes more from the other than the other from it."""

    def measure(record: Record) -> dict[str, Finding]:
        rows = record.sharing
        taken = rows[(rows.arm == arm) & (rows.task != rows.source)].groupby(["seed", "task"]).share.mean().unstack()
        return {first: _finding(taken[first] - taken[second], "share of variance")}

    return measure


def _finding(values: Sequence[float], measured_in: str) -> Finding:
    gain = summary(values)
    return Finding(gain, measured_in, gain.verdict)


CROSS, ONE, SELF = "cross-stitch", "one-task", "self-stitch"
THREE_STARTS = ["(0.9, 0.1)", "(0.5, 0.5)", "(0.1, 0.9)"]  # of the paper's table 4
LIKE_PAPER = "(0.9, 0.1)"  # of table 1: learned, a unit a channel, after pooling
CLAIMS = {
    "table 5": [
        Claim("6.2", "better than one network a task", ("table5",), better(CROSS, ONE)),
        Claim("6.2", "better than two networks a task, averaged", ("table5",), better(CROSS, "ensemble")),
        Claim("6.2", "better than the best split, without a search", ("table5",), better(CROSS, "split-conv2")),
        Claim("6.2", "better than MTL-shared", ("table5",), better(CROSS, "mtl-shared")),
        Claim("ours", "better than stitching two networks of the same task", ("table5",), better(CROSS, SELF)),
        Claim("ours", "better than an ensemble of as many weights", ("table5",),
              better(CROSS, "ensemble, equal weights")),
    ],
    "ablations": [
        Claim("5", "units after pooling are better than after every convolution", ("table1",),
              better(LIKE_PAPER, "after every conv")),
        Claim("5.1", "robust: the worst of four starts still gains over one-task", ("table1",), worst_start_gains),
        Claim("5.1", "starting at (0.9, 0.1) is better than at (0.1, 0.9)", ("table1",),
              better(LIKE_PAPER, "(0.1, 0.9)")),
        Claim("ours", "learned units are better than frozen ones", ("table1",),
              better(LIKE_PAPER, "frozen at (0.9, 0.1)")),
        Claim("ours", "one unit a channel is better than one a layer", ("table1",),
              better(LIKE_PAPER, "one unit a layer")),
        Claim("5.2", "units that learn ten times as fast converge faster", ("table2",), converges_faster("10", "1")),
        Claim("5.2", "a hundred times as fast converges faster still", ("table2",), converges_faster("100", "10")),
        Claim("5.2", "units that learn ten times as fast end better", ("table2",), better("10", "1")),
        Claim("5.2", "units that learn a hundred times as fast end better still", ("table2",), better("100", "10")),
        Claim("5.3", "towers that know their task are the better start", ("table3",), better("one-task", "random")),
    ],
    "data-starved": [
        Claim("6.3", "the ten rarest classes gain", ("table5",), rarest_gain(CROSS, ONE)),
        Claim("6.3", "the rarer a class, the more it gains", ("table5",), rarer_gains_more(CROSS, ONE)),
        Claim("ours", "the same, among classes that are predicted at all", ("table5",),
              rarer_gains_more(CROSS, ONE, predicted=True)),
        Claim("ours", "the rarer, the more it gains over stitching two networks of the same task", ("table5",),
              rarer_gains_more(CROSS, SELF)),
        Claim("ours", "the same, among classes that are predicted at all", ("table5",),
              rarer_gains_more(CROSS, SELF, predicted=True)),
        Claim("ours", "the ten rarest gain more than from stitching two networks of the same task", ("table5",),
              rarest_gain(CROSS, SELF)),
        Claim("6.3", "a task with few labels gains", ("few_labels_tuned",), only("seg", better(CROSS, ONE))),
        Claim("ours", "and more than from stitching two networks of the same task", ("few_labels_tuned",),
              only("seg", better(CROSS, SELF))),
        Claim("6.3", "a task with few labels gains more than one with many", ("few_labels_tuned", "table5"),
              only("seg", gains_more(CROSS, ONE))),
        Claim("ours", "with a quarter of the pictures, at the same rates and steps, each task gains more",
              ("fewer_pictures", "table5"), gains_more(CROSS, ONE)),
    ],
    "alphas": [
        Claim("5.4", "at pool5 both tasks prefer their own maps, whatever the start", ("alphas",),
              own_at("pool5", THREE_STARTS)),
        Claim("ours", "pool5 keeps more to its own task than pool1 does", ("alphas",),
              own_more_than("pool5", "pool1", LIKE_PAPER)),
        Claim("ours", "pool5 keeps more to its own task than fc7 does", ("alphas",),
              own_more_than("pool5", "fc7", LIKE_PAPER)),
        Claim("5.4", "from (0.5, 0.5), normals share more than segmentation does", ("alphas",),
              shares_more("normals", "seg", "(0.5, 0.5)")),
        Claim("ours", "the same, told by shares of variance", ("alphas",), takes_more("normals", "seg", "(0.5, 0.5)")),
        Claim("ours", "towers of one initialisation are better stitched than of two", ("alphas",),
              better(LIKE_PAPER, "another initialisation")),
        Claim("ours", "aligning towers of two initialisations helps", ("alphas",),
              better("another, aligned", "another initialisation")),
    ],
    "fashion": [
        Claim("README", "the paper's units gain more than one percent", ("fashion_mnist",),
              gains_more_than(1, "per channel", "none")),
        Claim("README", "the re-implementation's dense unit, at fc3, gains more than one percent", ("fashion_mnist",),
              gains_more_than(1, "dense at fc3", "none")),
        Claim("ours", "the paper's units gain at all", ("fashion_mnist",), better("per channel", "none")),
        Claim("ours", "the dense unit gains at all", ("fashion_mnist",), better("dense at fc3", "none")),
        Claim("ours", "the dense unit gains over as many weights inside the towers", ("fashion_mnist",),
              better("dense at fc3", "linear inside")),
    ],
    "relatedness": [
        Claim("ours", f"{what} help where the labels are independent", ("relatedness",),
              better(f"{arm}, 0 of 10", "none, 0 of 10"))
        for arm, what in (("per channel", "the paper's units"), ("dense at fc3", "dense units"))
    ] + [
        Claim("ours", f"{what} gain more where one label is a function of the other", ("relatedness",),
              gains_more_if_related(arm))
        for arm, what in (("per channel", "the paper's units"), ("dense at fc3", "dense units"),
                          ("linear inside", "as many weights inside the towers"))
    ],
}  # fmt: skip


def verdicts(about: str, scale: str = "small") -> pd.DataFrame:
    """What the records say of some claims: claim, its source, and a column a task with verdict and gain.

    Args:
        about: a key of `CLAIMS`.
        scale: of the records. Claims about studies without such a scale are left out.

    Raises:
        FileNotFoundError: if a study has not been recorded, with the command that does it.
    """
    claims = [claim for claim in CLAIMS[about] if all([scale in STUDIES[name].scales for name in claim.studies])]
    names = dict.fromkeys([name for claim in claims for name in claim.studies])
    records = {name: load(name, scale) for name in names}
    found = [claim.measure(*[records[name] for name in claim.studies]) for claim in claims]
    columns = {
        column: [str(by_task.get(task, "")) for by_task in found]
        for task, column in TASKS.items()
        if any(task in by_task for by_task in found)
    }
    return pd.DataFrame({"claim": [c.text for c in claims], "source": [c.source for c in claims]} | columns)
