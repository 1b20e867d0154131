"""What a claim is: a sentence, where it stands, the records and the comparison that test it, what the paper gains."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from xstitch_lib.results import paper
from xstitch_lib.results.findings import Finding
from xstitch_lib.results.measures import Measure
from xstitch_lib.results.record import Record

CROSS, ONE, SELF = "cross-stitch", "one-task", "self-stitch"
Gains = Mapping[tuple[str, str], float]  # (task, metric) → how much better, in the paper


@dataclass(frozen=True)
class Claim:
    """One sentence and its test.

    Attributes:
        source: the paper's section or table, where the test is the paper's; "README", of the TensorFlow
            re-implementation; "ours" for a question or a test of neither.
        text: the claim; its subject is the stitched network where it has none.
        studies: names of those whose records ``measure`` takes.
        measure: records → task → `Finding`; see `xstitch_lib.results.measures`.
        paper: what the paper reports of it.
        over: what the gain is over, as a figure's menu calls it; "" where that is one of a kind.
        scales: of its studies, those that it is about; None, all.
        elsewhere: scale → other studies, where another record has the arms.
    """

    source: str
    text: str
    studies: tuple[str, ...]
    measure: Measure
    paper: Gains = field(default_factory=dict)
    over: str = ""
    scales: tuple[str, ...] | None = None
    elsewhere: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def names(self, scale: str) -> tuple[str, ...]:
        """The studies whose records it takes at a scale."""
        return self.elsewhere.get(scale, self.studies)

    def judge(self, *records: Record) -> dict[str, Finding]:
        """Task → what the records say of it, with the paper's gain, in all metrics of the task."""
        return {task: self._told(found, task) for task, found in self.measure(*records).items()}

    def _told(self, finding: Finding, task: str) -> Finding:
        others = tuple([self._told(other, task) for other in finding.others])
        return finding._replace(others=others, paper=self.paper.get((task, finding.metric)))


@dataclass(frozen=True)
class Group:
    """The claims of one table or figure.

    Attributes:
        name: what `verdicts` is asked for.
        title: what readers are told.
        page: the chapter, a file of ``book/`` without its ending.
        data: scale → what its data are called; a row of the page *Verdict* has one cell each.
        claims: in the order of the page.
    """

    name: str
    title: str
    page: str
    data: Mapping[str, str]
    claims: tuple[Claim, ...]


def in_paper(table: str, first: str, second: str, there: str | None = None) -> Gains:
    """What one row of a table gains over another, which may stand in another table, in every metric.

    >>> in_paper("table5", "cross-stitch", "one-task")["normals", "mean"]
    0.7
    >>> in_paper("table1", "(0.1, 0.9)", "one-task", there="table5")["seg", "mIU"]
    -0.2
    """
    rows, others = paper.table(table), paper.table(there or table)
    both = paper.QUANTITIES.attach(rows[rows.arm == first]), paper.QUANTITIES.attach(others[others.arm == second])
    columns = both[0][["task", "metric"]].itertuples(index=False)
    return {(task, metric): _gain(*both, task, metric) for task, metric in columns}


def _gain(first, second, task: str, metric: str) -> float:
    one, other = [t[(t.task == task) & (t.metric == metric)].value.item() for t in (first, second)]
    return round(paper.QUANTITIES.find(task, metric).gain(one, other), 1) + 0.0


def in_figure2(split: str) -> Gains:
    """What figure 2's bars say of a split, read off them."""
    rows = paper.table("fig2")
    return {(r.task, r.metric): r.value for r in rows[rows.arm == split].itertuples()}
