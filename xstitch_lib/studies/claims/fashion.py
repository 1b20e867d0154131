"""Claims about Fashion-MNIST, the re-implementation's data set: one percent, kinds of units, related labels."""

from xstitch_lib.results.measures import better, gains_more, gains_more_than
from xstitch_lib.studies.claims.claim import Claim, Group

VARIANTS = {  # arms of fashion_variants
    "per channel": "units from the identity",
    "per channel, ×100": "units from the identity, at a hundred times the rate,",
    "per channel, (0.9, 0.1)": "units from (0.9, 0.1)",
    "per channel, (0.9, 0.1), ×100": "units from (0.9, 0.1), at a hundred times the rate,",
    "per layer": "units that serve a whole layer",
}
PERCENT = {("both", "accuracy"): 1.0}  # the README's number, of its own unit
NO_UNITS = "towers without units"
ONE_PERCENT = Group(
    "fashion",
    "The re-implementation's claim",
    "12_one_percent_on_fashion_mnist",
    {"medium": "all of Fashion-MNIST, ten epochs"},
    (
        Claim("ours", "the paper's units gain more than one percent", ("fashion_mnist",),
              gains_more_than(1, "per channel", "none"), over=NO_UNITS),
        Claim("README", "the re-implementation's dense unit, at fc3, gains more than one percent", ("fashion_mnist",),
              gains_more_than(1, "dense at fc3", "none"), over=NO_UNITS),
        Claim("ours", "the paper's units gain at all", ("fashion_mnist",), better("per channel", "none"),
              over=NO_UNITS),
        Claim("ours", "the dense unit gains at all", ("fashion_mnist",), better("dense at fc3", "none"), PERCENT,
              NO_UNITS),
        Claim("ours", "the dense unit gains over as many weights inside the towers", ("fashion_mnist",),
              better("dense at fc3", "linear inside"), over="as many weights"),
        *[
            Claim("ours", f"{what} gain more between two tasks than between two towers of one task",
                  ("fashion_variants",), better(arm, f"self-stitch, {arm}"), over="a network of the same task")
            for arm, what in (("per channel", "the paper's units"), ("dense at fc3", "dense units"))
        ],
    ),
)  # fmt: skip
KINDS = Group(
    "fashion variants",
    "Kinds of units on Fashion-MNIST",
    "12_one_percent_on_fashion_mnist",
    {"narrow": "all of Fashion-MNIST, narrow towers, five epochs"},
    (
        *[
            claim
            for arm, what in VARIANTS.items()
            for claim in (
                Claim("ours", f"{what} gain more than one percent", ("fashion_variants",),
                      gains_more_than(1, arm, "none"), over=NO_UNITS),
                Claim("ours", f"{what} gain at all", ("fashion_variants",), better(arm, "none"), over=NO_UNITS),
            )
        ],
        Claim("ours", "units between two tasks gain more than units between two towers of one task",
              ("fashion_variants",), better("per channel", "self-stitch, per channel"),
              over="a network of the same task"),
    ),
)  # fmt: skip
UNITS = (("per channel", "the paper's units"), ("dense at fc3", "dense units"))
RELATED = Group(
    "relatedness",
    "Related labels on Fashion-MNIST",
    "11_how_related_must_tasks_be",
    {"small": "a slice of Fashion-MNIST"},
    (
        *[
            Claim("ours", f"{what} help where the labels are independent", ("relatedness",),
                  better(f"{arm}, 0 of 10", "none, 0 of 10"), over=NO_UNITS)
            for arm, what in UNITS
        ],
        *[
            Claim("ours", f"{what} gain more where one label is a function of the other", ("relatedness",),
                  gains_more((f"{arm}, 10 of 10", "none, 10 of 10"), (f"{arm}, 0 of 10", "none, 0 of 10")))
            for arm, what in (*UNITS, ("linear inside", "as many weights inside the towers"))
        ],
        *[
            Claim("ours", f"the paper's units gain more than between two towers of one task where {labels}",
                  ("relatedness",),
                  better(f"per channel, {related} of 10", f"self-stitch, per channel, {related} of 10"),
                  over="a network of the same task")
            for related, labels in ((0, "the labels are independent"), (10, "one label is a function of the other"))
        ],
    ),
)  # fmt: skip
GROUPS = (ONE_PERCENT, KINDS, RELATED)
