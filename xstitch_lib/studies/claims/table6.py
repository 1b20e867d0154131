"""Claims about table 6, figure 5 and figure 2's second pair: detection and attributes."""

from xstitch_lib.results import paper
from xstitch_lib.results.classes import rarer_gains_more, rarest_gain
from xstitch_lib.results.measures import better, gains_more, only
from xstitch_lib.studies.claims.claim import CROSS, ONE, SELF, Claim, Gains, Group, in_figure2, in_paper

TABLE = ("table6",)
DATA = {"small": "rooms", "medium": "aPascal"}
PAGE = "14_detection_and_attributes"
SPLITS = ("conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
ATTRIBUTES = {"task": "attributes", "metric": "AP"}


def _row(source: str, text: str, first: str, second: str, gains: Gains | None = None, over: str = "") -> Claim:
    return Claim(source, text, TABLE, better(first, second), gains or {}, over)


def _between(first: str, second: str, task: str) -> Gains:
    """What figure 2's bars say of two splits."""
    one, other = in_figure2(first), in_figure2(second)
    return {key: round(one[key] - other[key], 2) for key in one if key[0] == task}


ALONE, SAME = "one network per task", "a network of the same task"
SIX = Group(
    "table 6",
    "Table 6: detection and attributes",
    PAGE,
    DATA,
    (
        _row("6.4", "better than one network per task", CROSS, ONE, in_paper("table6", CROSS, ONE), ALONE),
        _row("table 6", "better than two networks per task, averaged", CROSS, "ensemble",
             in_paper("table6", CROSS, "ensemble"), "an ensemble"),
        _row("ours", "better than the split that was chosen for both tasks", CROSS, "split-conv3", over="a split"),
        _row("6.4", "better than the split at conv2", CROSS, "split-conv2", in_paper("table6", CROSS, "split-conv2"),
             "a split"),
        _row("6.4", "better than the split at fc7", CROSS, "split-fc7", in_paper("table6", CROSS, "split-fc7"),
             "a split"),
        _row("table 6", "better than MTL-shared", CROSS, "mtl-shared", in_paper("table6", CROSS, "mtl-shared"),
             "MTL-shared"),
        _row("ours", "better than stitching two networks of the same task", CROSS, SELF, over=SAME),
        _row("ours", "two stitched networks of the same task are better than one", SELF, ONE, over=ALONE),
        _row("ours", "better than units that may not mix", CROSS, "diagonal", over="units that may not mix"),
        _row("6", "one unit per layer is better than one per channel", CROSS, "cross-stitch a channel",
             over="other units"),
        _row("ours", "with one unit per channel better than one network per task", "cross-stitch a channel", ONE,
             over=ALONE),
        _row("ours", "units that may not mix are better than none", "diagonal", ONE, over=ALONE),
        _row("table 6", "two averaged networks are better than one", "ensemble", ONE,
             in_paper("table6", "ensemble", ONE), ALONE),
        _row("table 6", "MTL-shared is better than one network per task", "mtl-shared", ONE,
             in_paper("table6", "mtl-shared", ONE), ALONE),
    ),
)  # fmt: skip


def _rarest(count: int) -> Claim:
    gains: Gains = {("attributes", "AP"): paper.FIGURE5[count]}
    return Claim("6.5", f"the {count} attributes with the fewest labels gain", TABLE,
                 rarest_gain(CROSS, ONE, count, **ATTRIBUTES), gains, ALONE)  # fmt: skip


FIGURE_5 = Group(
    "figure 5",
    "Figure 5: attributes with few labels",
    "09_data_starved_categories",
    DATA,
    (
        _rarest(10),
        _rarest(20),
        Claim("6.5", "the fewer labels an attribute has, the more it gains", TABLE,
              rarer_gains_more(CROSS, ONE, **ATTRIBUTES)),
        Claim("ours", "the ten with the fewest gain more than from stitching two networks of the same task", TABLE,
              rarest_gain(CROSS, SELF, 10, **ATTRIBUTES), over=SAME),
        Claim("ours", "the fewer labels, the more it gains over stitching two networks of the same task", TABLE,
              rarer_gains_more(CROSS, SELF, **ATTRIBUTES)),
    ),
)  # fmt: skip


def _asked(source: str, text: str, study: str, first: str, second: str, over: str) -> Claim:
    return Claim(source, text, (study,), better(first, second), over=over)


MORE, LESS = [(f"{CROSS}, {share} %", f"{ONE}, {share} %") for share in (5, 50)]
QUESTIONS = Group(
    "table 6, questions",
    "Section 6: why attributes gain, and which units are unstable",
    PAGE,
    {"small": "rooms"},
    (
        Claim("6.4", "attributes gain more where at most 5 percent of the regions show an object than where 50 do",
              ("foreground",), only("attributes", gains_more(MORE, LESS))),
        Claim("ours", "at 5 percent attributes gain more than from stitching two networks of the same task",
              ("foreground",), only("attributes", better(MORE[0], f"{SELF}, 5 %")), over=SAME),
        Claim("ours", "at 50 percent, with too little background, detection gains", ("foreground",),
              only("detection", better(*LESS)), over=ALONE),
        Claim("6.4", "with a tenth of their labels, at the rate of all of them, attributes gain", ("few_attributes",),
              only("attributes", better(CROSS, ONE)), over=ALONE),
        Claim("6.4", "and more than with all of them", ("few_attributes", "table6"),
              only("attributes", gains_more((CROSS, ONE), (CROSS, ONE)))),
        Claim("ours", "and more than from stitching two networks of the same task", ("few_attributes",),
              only("attributes", better(CROSS, SELF)), over=SAME),
        _asked("6", "at a rate of ×100 one unit per layer is better than one per channel", "units_rates",
               "a layer, ×100", "a channel, ×100", "other units"),
        _asked("ours", "one unit per layer is better at ×10 than at ×1", "units_rates", "a layer, ×10", "a layer, ×1",
               "another rate"),
        _asked("ours", "units before the regions are better than units after", "units_places", "before the regions",
               "after the regions", "other places"),
        # asked for after the figure had been seen
        Claim("ours", "at the paper's own weight of their loss, attributes gain", ("attribute_loss",),
              only("attributes", better(f"{CROSS}, loss ×1", f"{ONE}, loss ×1")), over=ALONE),
        _asked("ours", "MTL-shared is better with a quarter of the weight on the attributes' loss", "attribute_loss",
               "mtl-shared, loss ×1", "mtl-shared, loss ×4", "another weight"),
    ),
)  # fmt: skip
LATE, EARLY = "split-fc7", "split-conv2"
SECOND_PAIR = Group(
    "figure 2, second pair",
    "Figure 2: every split of detection and attributes",
    "06_where_should_tasks_share",
    DATA,
    (
        Claim("6.4", "detection is better split at fc7 than at conv2", ("fig2_regions",),
              only("detection", better(LATE, EARLY)), _between(LATE, EARLY, "detection")),
        Claim("6.4", "attributes are better split at conv2 than at fc7", ("fig2_regions",),
              only("attributes", better(EARLY, LATE)), _between(EARLY, LATE, "attributes")),
        *[
            Claim("figure 2", f"sharing all layers below {layer} is better than sharing none", ("fig2_regions",),
                  better(f"split-{layer}", ONE), in_figure2(f"split-{layer}"), ALONE)
            for layer in SPLITS
        ],
    ),
)  # fmt: skip
GROUPS = (SIX, FIGURE_5, QUESTIONS, SECOND_PAIR)
