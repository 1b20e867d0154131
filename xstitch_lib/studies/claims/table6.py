"""Claims about table 6, figure 5 and figure 2's second pair: detection and attributes."""

from xstitch_lib.results import paper
from xstitch_lib.results.classes import rarer_gains_more, rarest_gain
from xstitch_lib.results.measures import better
from xstitch_lib.studies.claims.claim import CROSS, ONE, SELF, Claim, Gains, Group, in_figure2, in_paper

TABLE = ("table6",)
DATA = {"small": "rooms", "medium": "aPascal"}
PAGE = "verdict"  # until its chapter stands
SPLITS = ("conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")


def _rarest(count: int) -> Claim:
    gains: Gains = {("attributes", "AP"): paper.FIGURE5[count]}
    measure = rarest_gain(CROSS, ONE, count, "attributes", "AP")
    return Claim("6.5", f"the {count} attributes with the fewest labels gain", TABLE, measure, gains,
                 "one network per task", beforehand=True)  # fmt: skip


def _row(source: str, text: str, first: str, second: str, gains: Gains | None = None, over: str = "") -> Claim:
    return Claim(source, text, TABLE, better(first, second), gains or {}, over, beforehand=True)


ALONE, SAME = "one network per task", "a network of the same task"
SIX = Group(
    "table 6",
    "Table 6 and figure 5: detection and attributes",
    PAGE,
    DATA,
    (
        _row("6.4", "better than one network per task", CROSS, ONE, in_paper("table6", CROSS, ONE), ALONE),
        _row("table 6", "better than two networks per task, averaged", CROSS, "ensemble",
             in_paper("table6", CROSS, "ensemble"), "an ensemble"),
        _row("6.4", "better than the split at conv2", CROSS, "split-conv2", in_paper("table6", CROSS, "split-conv2"),
             "a split"),
        _row("6.4", "better than the split at fc7", CROSS, "split-fc7", in_paper("table6", CROSS, "split-fc7"),
             "a split"),
        _row("table 6", "better than MTL-shared", CROSS, "mtl-shared", in_paper("table6", CROSS, "mtl-shared"),
             "MTL-shared"),
        _row("ours", "better than stitching two networks of the same task", CROSS, SELF, over=SAME),
        _row("ours", "better than units that may not mix", CROSS, "diagonal", over="units that may not mix"),
        _row("6", "one unit per layer is better than one per channel", CROSS, "cross-stitch a channel",
             over="other units"),
        _row("table 6", "two averaged networks are better than one", "ensemble", ONE,
             in_paper("table6", "ensemble", ONE), ALONE),
        _row("table 6", "MTL-shared is better than one network per task", "mtl-shared", ONE,
             in_paper("table6", "mtl-shared", ONE), ALONE),
        _rarest(10),
        _rarest(20),
        Claim("6.5", "the fewer labels an attribute has, the more it gains", TABLE,
              rarer_gains_more(CROSS, ONE, task="attributes", metric="AP"), beforehand=True),
    ),
)  # fmt: skip
SECOND_PAIR = Group(
    "figure 2, second pair",
    "Figure 2: every split of detection and attributes",
    "06_where_should_tasks_share",
    DATA,
    tuple([
        Claim("figure 2", f"sharing all layers below {layer} is better than sharing none", ("fig2_regions",),
              better(f"split-{layer}", ONE), in_figure2(f"split-{layer}"), ALONE, beforehand=True)
        for layer in SPLITS
    ]),
)  # fmt: skip
GROUPS = (SIX, SECOND_PAIR)
