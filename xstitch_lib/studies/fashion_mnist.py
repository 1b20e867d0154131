"""The TensorFlow re-implementation's claim: its stitching gains "more than 1 %" on Fashion-MNIST.

Its network and settings (`FashionScale`). Scales: "live" is what a chapter runs, narrow towers on the embedded slice,
with running statistics that settle in time; "small" the same for longer, for the dial; "medium" all pictures for 10
epochs; "full" for the re-implementation's 30, with two seeds; "epoch", one of all pictures, shows what it takes;
"narrow", all pictures on a quarter of the width, is for many variants with enough seeds.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from xstitch_lib.studies.arm import Arm
from xstitch_lib.studies.methods.cross_stitch import CrossStitch, Stitching
from xstitch_lib.studies.methods.one_task import OneTask
from xstitch_lib.studies.methods.self_stitch import SelfStitch
from xstitch_lib.studies.study import Study
from xstitch_lib.studies.worlds.fashion import RELATED, FashionScale

POINTS = ("pool1", "pool2", "fc3")
EMBEDDED, ALL = 6_000, 55_000  # training pictures


def _epochs(count: int, pictures: int) -> dict[str, Any]:
    """One phase of that many epochs, looked at after each."""
    return {"steps": (0, count * (pictures // FashionScale.batch_size)), "snapshots": count + 1}


LIVE = FashionScale(width=8, momentum=0.1, precision="no", **_epochs(2, EMBEDDED))
SMALL = FashionScale(width=8, momentum=0.1, **_epochs(15, EMBEDDED))
SCALES = {
    "live": LIVE,
    "medium": FashionScale(full=True, **_epochs(10, ALL)),
    "full": FashionScale(full=True, seeds=(0, 1), arms=("none", "per channel", "dense at fc3"), **_epochs(30, ALL)),
}


def _units(name: str, alpha_same: float = 1.0, changes: Mapping[str, Any] | None = None, **options: Any) -> Arm:
    """The paper's units at the re-implementation's three places; without options they start and learn as its own do."""
    return Arm(name, CrossStitch(after=POINTS, alpha_same=alpha_same, **options), changes or {})


def _dense(name: str, method: type[Stitching] = CrossStitch, after: tuple[str, ...] = ("fc3",)) -> Arm:
    return Arm(name, method(after=after, per="dense"))


NONE = Arm("none", OneTask())
PER_CHANNEL = _units("per channel")
DENSE = _dense("dense at fc3")
UNITS = [
    PER_CHANNEL,
    _units("per channel, ×100", unit_lr_scale=100.0),
    _units("per channel, (0.9, 0.1)", 0.9),
    _units("per channel, (0.9, 0.1), ×100", 0.9, unit_lr_scale=100.0),
    _units("per layer", per="layer"),
]
SELF = Arm("self-stitch, per channel", SelfStitch(after=POINTS, alpha_same=1.0))
INSIDE = Arm("linear inside", OneTask(), changes={"inside": 2})  # exactly the dense unit's number of weights
MAIN = [NONE, PER_CHANNEL, DENSE, INSIDE]

OVERALL: Mapping[str, str] = {"both": "accuracy"}  # the re-implementation's measure: the mean of both accuracies

fashion_mnist = Study(
    "fashion_mnist",
    "Does stitching gain more than 1 % on Fashion-MNIST, as the re-implementation says?",
    MAIN,
    SCALES,
    primary=[("per channel", "none"), ("dense at fc3", "none"), ("dense at fc3", "linear inside")],
    metrics=OVERALL,
)
fashion_variants = Study(
    "fashion_variants",
    "What do other units, a second tower of the same task, and statistics that settle in time change?",
    [
        NONE,
        DENSE,
        *UNITS,
        SELF,
        Arm("none, float32", OneTask(), changes={"precision": "no"}),
        _units("per channel, float32", changes={"precision": "no"}),
        _dense("self-stitch, dense at fc3", SelfStitch),
        Arm("one linear inside", OneTask(), changes={"inside": 1}),
        # the same training; only the statistics of evaluation follow it ten steps behind, not a thousand
        *[
            replace(arm, name=f"{arm.name}, momentum 0.1", changes={"momentum": 0.1})
            for arm in (NONE, PER_CHANNEL, DENSE)
        ],
    ],
    {
        "live": LIVE,
        # float32, which every machine has
        "narrow": FashionScale(
            full=True,
            width=8,
            momentum=0.1,
            precision="no",
            arms=tuple([arm.name for arm in (NONE, *UNITS, SELF)]),
            **_epochs(5, ALL),
        ),
        "medium": replace(SCALES["medium"], seeds=(0, 1)),
    },
    primary=[*[(arm.name, "none") for arm in UNITS], ("per channel", SELF.name)],
    metrics=OVERALL,
)
fashion_all_dense = Study(
    "fashion_all_dense",
    "What does the re-implementation's own net do, dense after all three layers?",
    [NONE, _dense("dense at fc3"), _dense("dense at pool2, fc3", after=("pool2", "fc3")),
     _dense("dense at all three", after=POINTS)],
    {"live": LIVE, "epoch": FashionScale(full=True, seeds=(0,), **_epochs(1, ALL)),
     "full": replace(SCALES["full"], seeds=tuple(range(8)), arms=None)},
    metrics=OVERALL,
)  # fmt: skip

relatedness = Study(
    "relatedness",
    "Where between two independent labels and two of which one is a function of the other does stitching help?",
    [
        replace(arm, name=f"{arm.name}, {related} of 10", changes={**arm.changes, "related": related})
        for related in (0, 3, 5, 7, len(RELATED))
        for arm in (*MAIN, *[SELF] * (related in (0, len(RELATED))))
    ],
    {"live": LIVE, "small": SMALL},
    metrics={"article": "accuracy", "second": "accuracy"},
)
