"""Claims about tables 1 to 3 and figure 2: how units start and learn, where they stand, where towers part."""

from xstitch_lib.results.measures import STARTS, better, converges_faster, worst_start_gains
from xstitch_lib.studies.claims.claim import ONE, Claim, Gains, Group, in_figure2, in_paper

LIKE_PAPER = "(0.9, 0.1)"  # of table 1: learned, a unit a channel, after pooling
FRAMES = {"small": "rooms", "medium": "NYU-v2, validation frames"}
PAGE = "07_ablations"
SPLITS = ("conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")


def _worst_start() -> Gains:
    """Of the paper's four starts the least gain over its one-task networks."""
    each = [in_paper("table1", start, ONE, there="table5") for start in STARTS]
    return {key: min([gains[key] for gains in each]) for key in each[0]}


def _over(start: str, text: str) -> Claim:
    gains = in_paper("table1", LIKE_PAPER, start)
    return Claim("table 1", text, ("table1",), better(LIKE_PAPER, start), gains, "another start")


def _faster(first: str, second: str, how: str, still: str) -> list[Claim]:
    """Two claims: on the way and at the end."""
    end = better(first, second)
    return [
        Claim("5.2", f"{how} converges faster{still}", ("table2",), converges_faster(first, second),
              over="a slower unit"),
        Claim("5.2", f"{how} ends better{still}", ("table2",), end, in_paper("table2", first, second),
              "a slower unit"),
    ]  # fmt: skip


ONE_TO_THREE = Group(
    "ablations",
    "Tables 1 to 3: starts, rates, and what towers know before",
    PAGE,
    FRAMES,
    (
        Claim("5", "units after pooling are better than after every convolution", ("table1",),
              better(LIKE_PAPER, "after every conv"), over="other units"),
        Claim("5.1", "robust, as we test it: the worst of four starts still gains over one-task", ("table1",),
              worst_start_gains, _worst_start(), "one network per task"),
        _over("(0.1, 0.9)", "starting at (0.9, 0.1) is better than at (0.1, 0.9)"),
        _over("(0.5, 0.5)", "starting at (0.9, 0.1) is better than at (0.5, 0.5)"),
        _over("(0.7, 0.3)", "starting at (0.9, 0.1) is better than at (0.7, 0.3)"),
        Claim("ours", "learned units are better than frozen ones", ("table1",),
              better(LIKE_PAPER, "frozen at (0.9, 0.1)"), over="other units"),
        Claim("ours", "one unit per channel is better than one per layer, at one rate", ("table1",),
              better(LIKE_PAPER, "one unit a layer"), over="other units"),
        *_faster("10", "1", "a rate of ×10", ""),
        *_faster("100", "10", "×100", " than ×10"),
        *_faster("1000", "100", "×1000", " than ×100"),
        Claim("5.3", "towers that know their task are a better start than ImageNet's", ("table3",),
              better(ONE, "ImageNet"), in_paper("table3", ONE, "ImageNet"), "another start", scales=("medium", "full")),
        Claim("ours", "towers that know their task are a better start than random ones", ("table3",),
              better(ONE, "random"), over="another start", scales=("live", "small")),
    ),
)  # fmt: skip
FIGURE_2 = Group(
    "figure 2",
    "Figure 2: every split of segmentation and normals",
    "06_where_should_tasks_share",
    {"small": "rooms", "medium": "NYU-v2, validation frames"},
    tuple([
        Claim("figure 2", f"sharing all layers below {layer} is better than sharing none", ("fig2",),
              better(f"split-{layer}", ONE, {"normals": "median"}), in_figure2(f"split-{layer}"),
              "one network per task")
        for layer in SPLITS
    ]),
)  # fmt: skip
GROUPS = (ONE_TO_THREE, FIGURE_2)
