"""Claims, the paper's and others', each with the comparison of records that tests it: all verdicts of the book."""

from dataclasses import dataclass

import pandas as pd

from xstitch_lib.results.measures import (
    Finding,
    Measure,
    better,
    converges_faster,
    gains_more,
    gains_more_than,
    only,
    own_at,
    own_more_than,
    rarer_gains_more,
    rarest_gain,
    shares_more,
    takes_less,
    takes_more,
    worst_start_gains,
)
from xstitch_lib.results.record import load
from xstitch_lib.studies import STUDIES

# as tables and figures name the tasks of a record
TASKS = {
    "seg": "segmentation",
    "normals": "normals",
    "both": "mean accuracy",
    "article": "articles",
    "second": "second label",
}


@dataclass(frozen=True)
class Claim:
    """One sentence and its test.

    Attributes:
        source: the paper's section; "README", of the TensorFlow re-implementation; "ours" for a question of neither.
        text: the claim.
        studies: names of those whose records ``measure`` takes.
        measure: records → task → `Finding`; see `xstitch_lib.results.measures`.
    """

    source: str
    text: str
    studies: tuple[str, ...]
    measure: Measure


CROSS, ONE, SELF = "cross-stitch", "one-task", "self-stitch"
THREE_STARTS = ["(0.9, 0.1)", "(0.5, 0.5)", "(0.1, 0.9)"]  # of the paper's table 4
LIKE_PAPER = "(0.9, 0.1)"  # of table 1: learned, a unit a channel, after pooling
VARIANTS = {  # arms of fashion_variants
    "per channel": "units from the identity",
    "per channel, ×100": "units from the identity, at a hundred times the rate,",
    "per channel, (0.9, 0.1)": "units from (0.9, 0.1)",
    "per channel, (0.9, 0.1), ×100": "units from (0.9, 0.1), at a hundred times the rate,",
    "per layer": "units that serve a whole layer",
}
CLAIMS = {
    "table 5": [
        Claim("6.2", "better than one network a task", ("table5",), better(CROSS, ONE)),
        Claim("6.2", "better than two networks a task, averaged", ("table5",), better(CROSS, "ensemble")),
        Claim("6.2", "better than the split that is best for both tasks together on rooms", ("table5",),
              better(CROSS, "split-conv2")),
        Claim("6.2", "better than MTL-shared", ("table5",), better(CROSS, "mtl-shared")),
        Claim("ours", "better than stitching two networks of the same task", ("table5",), better(CROSS, SELF)),
        Claim("ours", "better than an ensemble of as many weights", ("table5",),
              better(CROSS, "ensemble, equal weights")),
    ],
    "own map": [
        Claim("ours", "one more linear map for each task is better than none", ("latent_map",), better("own map", ONE)),
        Claim("ours", "MTL-shared, where it is one for both, is better still", ("latent_map",),
              better("mtl-shared", "own map")),
    ],
    "ablations": [
        Claim("5", "units after pooling are better than after every convolution", ("table1",),
              better(LIKE_PAPER, "after every conv")),
        Claim("5.1", "robust, as we test it: the worst of four starts still gains over one-task", ("table1",),
              worst_start_gains),
        Claim("5.1", "starting at (0.9, 0.1) is better than at (0.1, 0.9)", ("table1",),
              better(LIKE_PAPER, "(0.1, 0.9)")),
        Claim("ours", "learned units are better than frozen ones", ("table1",),
              better(LIKE_PAPER, "frozen at (0.9, 0.1)")),
        Claim("ours", "one unit a channel is better than one a layer, at one rate", ("table1",),
              better(LIKE_PAPER, "one unit a layer")),
        Claim("5.2", "units that learn ten times as fast converge faster", ("table2",), converges_faster("10", "1")),
        Claim("5.2", "a hundred times as fast converges faster still", ("table2",), converges_faster("100", "10")),
        Claim("5.2", "units that learn ten times as fast end better", ("table2",), better("10", "1")),
        Claim("5.2", "units that learn a hundred times as fast end better still", ("table2",), better("100", "10")),
        Claim("5.3", "towers that know their task are a better start than ImageNet's", ("table3",),
              better("one-task", "ImageNet")),
        Claim("ours", "towers that know their task are a better start than random ones", ("table3",),
              better("one-task", "random")),
    ],
    "data-starved": [
        Claim("6.3", "the ten rarest classes gain", ("table5",), rarest_gain(CROSS, ONE)),
        Claim("6.3", "the rarer a class, the more it gains", ("table5",), rarer_gains_more(CROSS, ONE)),
        Claim("ours", "the same, among classes that are predicted at all", ("table5",),
              rarer_gains_more(CROSS, ONE, predicted=True)),
        Claim("ours", "the rarer, the more it gains or the less it loses over stitching two networks of the same task",
              ("table5",), rarer_gains_more(CROSS, SELF)),
        Claim("ours", "the same, among classes that are predicted at all", ("table5",),
              rarer_gains_more(CROSS, SELF, predicted=True)),
        Claim("ours", "the ten rarest gain more than from stitching two networks of the same task", ("table5",),
              rarest_gain(CROSS, SELF)),
        Claim("6.3", "a task with few labels gains", ("few_labels_tuned",), only("seg", better(CROSS, ONE))),
        Claim("ours", "and more than from stitching two networks of the same task", ("few_labels_tuned",),
              only("seg", better(CROSS, SELF))),
        Claim("6.3", "a task with few labels gains more than one with many, each at its own rate",
              ("few_labels_tuned", "table5"), only("seg", gains_more((CROSS, ONE), (CROSS, ONE)))),
        Claim("ours", "with a quarter of the pictures, at the same rates and steps, each task gains more",
              ("fewer_pictures", "table5"), gains_more((CROSS, ONE), (CROSS, ONE))),
    ],
    "alphas": [
        Claim("5.4", "at pool5 both tasks prefer their own maps, whatever the start", ("alphas",),
              own_at("pool5", THREE_STARTS)),
        Claim("ours", "pool5 keeps more to its own task than pool1 does", ("alphas",),
              own_more_than("pool5", "pool1", LIKE_PAPER)),
        Claim("ours", "the same, told by shares of variance", ("alphas",), takes_less("pool5", "pool1", LIKE_PAPER)),
        Claim("ours", "pool5 keeps more to its own task than fc7 does", ("alphas",),
              own_more_than("pool5", "fc7", LIKE_PAPER)),
        Claim("ours", "the same, told by shares of variance", ("alphas",), takes_less("pool5", "fc7", LIKE_PAPER)),
        Claim("ours", "from (0.5, 0.5), normals share more than segmentation does", ("alphas",),
              shares_more("normals", "seg", "(0.5, 0.5)")),
        Claim("ours", "the same, told by shares of variance", ("alphas",), takes_more("normals", "seg", "(0.5, 0.5)")),
        Claim("ours", "towers of one initialisation are better stitched than of two", ("alphas",),
              better(LIKE_PAPER, "another initialisation")),
        Claim("ours", "aligning towers of two initialisations helps", ("alphas",),
              better("another, aligned", "another initialisation")),
    ],
    "fashion": [
        Claim("ours", "the paper's units gain more than one percent", ("fashion_mnist",),
              gains_more_than(1, "per channel", "none")),
        Claim("README", "the re-implementation's dense unit, at fc3, gains more than one percent in ten epochs",
              ("fashion_mnist",), gains_more_than(1, "dense at fc3", "none")),
        Claim("ours", "the paper's units gain at all", ("fashion_mnist",), better("per channel", "none")),
        Claim("ours", "the dense unit gains at all", ("fashion_mnist",), better("dense at fc3", "none")),
        Claim("ours", "the dense unit gains over as many weights inside the towers", ("fashion_mnist",),
              better("dense at fc3", "linear inside")),
    ],
    "fashion variants": [
        claim
        for arm, what in VARIANTS.items()
        for claim in (
            Claim("ours", f"{what} gain more than one percent", ("fashion_variants",),
                  gains_more_than(1, arm, "none")),
            Claim("ours", f"{what} gain at all", ("fashion_variants",), better(arm, "none")),
        )
    ] + [
        Claim("ours", "units between two tasks gain more than units between two towers of one task",
              ("fashion_variants",), better("per channel", "self-stitch, per channel")),
    ],
    "relatedness": [
        Claim("ours", f"{what} help where the labels are independent", ("relatedness",),
              better(f"{arm}, 0 of 10", "none, 0 of 10"))
        for arm, what in (("per channel", "the paper's units"), ("dense at fc3", "dense units"))
    ] + [
        Claim("ours", f"{what} gain more where one label is a function of the other", ("relatedness",),
              gains_more((f"{arm}, 10 of 10", "none, 10 of 10"), (f"{arm}, 0 of 10", "none, 0 of 10")))
        for arm, what in (("per channel", "the paper's units"), ("dense at fc3", "dense units"),
                          ("linear inside", "as many weights inside the towers"))
    ],
}  # fmt: skip


def verdicts(about: str, scale: str = "small") -> pd.DataFrame:
    """What the records say of some claims: claim, its source, and a column a task with verdict and gain.

    Args:
        about: a key of `CLAIMS`.
        scale: of the records. Claims about studies or arms that the scale leaves out, and about studies of which too
            many runs are still to come (`Record.comparable`), are left out. Where runs are still to come or have
            diverged, a cell tells how many seeds it is from.

    Raises:
        FileNotFoundError: if a study has not been recorded, with the commands that help.
    """
    claims = [claim for claim in CLAIMS[about] if all([scale in STUDIES[name].scales for name in claim.studies])]
    names = dict.fromkeys([name for claim in claims for name in claim.studies])
    records = {name: load(name, scale) for name in names}
    known = [claim for claim in claims if all([records[name].comparable for name in claim.studies])]
    measured = [(claim, claim.measure(*[records[name] for name in claim.studies])) for claim in known]
    found = [(claim, by_task) for claim, by_task in measured if by_task]
    planned = {name: {*found.seeds} | {seed for _, seed in found.missing} for name, found in records.items()}
    seeds = [min([len(planned[name]) for name in claim.studies]) for claim, _ in found]
    columns = {
        column: [_cell(by_task.get(task), n) for (_, by_task), n in zip(found, seeds, strict=True)]
        for task, column in TASKS.items()
        if any(task in by_task for _, by_task in found)
    }
    return pd.DataFrame({"claim": [c.text for c, _ in found], "source": [c.source for c, _ in found]} | columns)


def _cell(finding: Finding | None, seeds: int) -> str:
    if finding is None:
        return ""
    return f"{finding}" if finding.gain.seeds == seeds else f"{finding}, {finding.gain.seeds} of {seeds} seeds"
