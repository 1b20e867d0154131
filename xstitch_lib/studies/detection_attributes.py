"""The paper's second pair of tasks, detection and attributes: table 6, figure 5 and the second half of figure 2.

Scales: "live" is what a chapter runs in front of its reader, "small" what is recorded: Rooms at 48×64, a small Fast
R-CNN, 4 pictures of 64 regions a step. "medium" is aPascal on AlexNet's convolutions, 512 values in fc6 and fc7; "full"
is the paper's: 4096 of them, all of VOC 2008, and its number of steps. What was chosen was chosen by `objects_choices`,
on validation pictures of another stream and with seeds that no table uses; the split is carried over to aPascal,
whose rate `apascal_choices` chose.
"""

from collections.abc import Sequence
from dataclasses import replace

from xstitch_lib.networks.towers import POOLS
from xstitch_lib.studies.arm import Arm
from xstitch_lib.studies.methods.cross_stitch import CrossStitch
from xstitch_lib.studies.methods.diagonal import Diagonal
from xstitch_lib.studies.methods.ensemble import Ensemble
from xstitch_lib.studies.methods.mtl_shared import MTLShared
from xstitch_lib.studies.methods.one_task import OneTask
from xstitch_lib.studies.methods.self_stitch import SelfStitch
from xstitch_lib.studies.methods.split import Split
from xstitch_lib.studies.segmentation_normals import SPLITS
from xstitch_lib.studies.study import Study
from xstitch_lib.studies.worlds.apascal import APascalScale
from xstitch_lib.studies.worlds.room_objects import RoomObjectsScale

ROOMS = {
    "live": RoomObjectsScale(
        stream=1, train=200, validation=50, test=100, steps=(300, 150), warmup=50, snapshots=2, precision="no"
    ),
    "small": RoomObjectsScale(stream=1, steps=(3000, 1500)),  # by `objects_choices`
}
APASCAL = {
    "medium": APascalScale(
        # with at least 30 boxes among the test pictures at hand, which were picked for animals
        told=("car", "cat", "chair", "cow", "dog", "horse", "person", "sheep"),
        arms=("one-task", "ensemble", "cross-stitch", "self-stitch"),
        seeds=(0, 1, 2, 3),
        size=320,  # of most pictures here the shorter side is 333 to 375 pixels
        steps=(900, 450),  # a seed's four arms take eighty core-minutes
        lr=(0.003, 0.003),  # by `apascal_choices`
        proposals=500,
    ),
    # section 6.1; where the paper names no number, Fast R-CNN's
    "full": APascalScale(
        size=600,
        allow_missing=False,
        proposals=2000,
        width=4096,
        steps=(30_000, 10_000),
        lr=(0.001, 0.0001),
        schedule="constant",
        unit_lr_scale=1000.0,
        precision="bf16",
    ),
}
METRICS = {"detection": "mAP", "attributes": "mAP"}


def _rates(lr: float) -> dict:
    """Both phases' rates, the second two fifths of the first."""
    return {"lr": (lr, 0.4 * lr)}


def _loss(weight: float) -> dict:
    return {"attribute_loss": weight}


BY_LAYER = dict(per="layer")
ONE_TASK = Arm("one-task", OneTask())
# The rule, written down before the run: of rates, regions and lengths the largest mean of both tasks' relative gains
# over the first row; the loss's weight of each arm by the same mean, among 1 and 4; the units' factor of each of both
# granularities likewise, a run that diverges in any seed being out; the best split for a task by that task.
objects_choices = Study(
    "objects_choices",
    "Which rates, loss weights, units' rates and splits do best on validation pictures?",
    [
        ONE_TASK,
        *[Arm(f"one-task, rate {lr:g}", OneTask(), changes=_rates(lr)) for lr in (0.02, 0.1)],
        *[Arm(f"one-task, loss ×{weight:g}", OneTask(), changes=_loss(weight)) for weight in (1.0, 16.0)],
        *[Arm(f"one-task, {count} regions", OneTask(), changes={"regions": count}) for count in (32, 128)],
        Arm("one-task, float32", OneTask(), changes={"precision": "no"}),
        Arm("one-task, twice as long", OneTask(), changes={"steps": (3000, 1500)}),
        *[
            Arm(f"split-{layer}, loss ×{weight:g}", Split(at=layer), changes=_loss(weight))
            for layer in SPLITS
            for weight in (1.0, 4.0)
        ],
        *[Arm(f"mtl-shared, loss ×{weight:g}", MTLShared(), changes=_loss(weight)) for weight in (1.0, 4.0)],
        Arm("cross-stitch, loss ×1", CrossStitch(**BY_LAYER), changes=_loss(1.0)),
        Arm("self-stitch, loss ×1", SelfStitch(**BY_LAYER), changes=_loss(1.0)),
        Arm("self-stitch", SelfStitch(**BY_LAYER)),
        *[Arm(f"a layer, units ×{x:g}", CrossStitch(unit_lr_scale=x, per="layer")) for x in (1.0, 10.0, 100.0)],
        *[Arm(f"a channel, units ×{x:g}", CrossStitch(unit_lr_scale=x)) for x in (1.0, 10.0, 100.0)],
    ],
    {
        "small": replace(
            ROOMS["small"],
            stream=0,
            table="validation",
            test=300,
            validation=50,
            snapshots=2,
            seeds=(100, 101),
            steps=(1500, 750),
        )
    },
    metrics=METRICS,
)

# The rule, written down before the run: of the rates the largest mean of both tasks' relative gains over the first.
apascal_choices = Study(
    "apascal_choices",
    "Which rate does best on aPascal's validation pictures?",
    [ONE_TASK, *[Arm(f"one-task, rate {lr:g}", OneTask(), changes={"lr": (lr, lr)}) for lr in (0.003, 0.01)]],
    {
        "medium": replace(
            APASCAL["medium"],
            arms=None,
            seeds=(100,),
            table="validation",
            snapshots=2,
            steps=(600, 300),
            lr=(0.001, 0.001),
        )
    },
    metrics=METRICS,
)

# what `objects_choices` compares: the arm that was chosen, and the settings among which
WEIGHTS = ("×1", "×4")
OBJECTS_CHOICES = {
    "rate, regions or steps, one-task": (
        "one-task, twice as long",
        {
            "rate 0.05, 64 regions, 1500 + 750 steps": "one-task",
            **{f"rate {lr:g}": f"one-task, rate {lr:g}" for lr in (0.02, 0.1)},
            **{f"{count} regions": f"one-task, {count} regions" for count in (32, 128)},
            "3000 + 1500 steps": "one-task, twice as long",
        },
    ),
    "attributes' loss, one-task": (
        "one-task",
        {"×1": "one-task, loss ×1", "×4": "one-task", "×16": "one-task, loss ×16"},
    ),
    **{
        f"attributes' loss, split-{layer}": (
            f"split-{layer}, loss ×{1 if layer in SPLITS[2:] else 4}",
            {weight: f"split-{layer}, loss {weight}" for weight in WEIGHTS},
        )
        for layer in SPLITS
    },
    "attributes' loss, MTL-shared": (
        "mtl-shared, loss ×4",
        {weight: f"mtl-shared, loss {weight}" for weight in WEIGHTS},
    ),
    "attributes' loss, cross-stitch": (
        "a layer, units ×10",
        {"×1": "cross-stitch, loss ×1", "×4": "a layer, units ×10"},
    ),
    "attributes' loss, self-stitch": ("self-stitch", {"×1": "self-stitch, loss ×1", "×4": "self-stitch"}),
    **{
        f"units' rate, one {per}": (f"{per}, units ×10", {f"×{x}": f"{per}, units ×{x}" for x in (1, 10, 100)})
        for per in ("a layer", "a channel")
    },
    "precision, one-task": ("one-task", {"bf16": "one-task", "float32": "one-task, float32"}),
}

# By `objects_choices`: the splits whose loss has a weight of 1 at every scale, and the best split for both tasks
# together and for attributes, then that for detection.
LOSS_OF_ONE = SPLITS[2:]
BEST_SPLITS = ("split-conv3", "split-conv5")
PAPERS_SPLITS = ("split-conv2", "split-fc7")  # table 6
SPLIT_ARMS = [
    Arm(f"split-{layer}", Split(at=layer), changes=_loss(1.0) if layer in LOSS_OF_ONE else {}) for layer in SPLITS
]
fig2_regions = Study(
    "fig2_regions",
    "Which layers should detection and attributes share?",
    [ONE_TASK, *SPLIT_ARMS],
    ROOMS | {name: replace(scale, arms=None) for name, scale in APASCAL.items()},
    metrics=METRICS,
)
table6 = Study(
    "table6",
    "Does cross-stitching help detection and attributes, and is it the other task that helps?",
    [
        ONE_TASK,
        Arm("ensemble", Ensemble()),
        *[arm for arm in SPLIT_ARMS if arm.name in (*BEST_SPLITS, *PAPERS_SPLITS)],
        Arm("mtl-shared", MTLShared()),
        Arm("cross-stitch", CrossStitch(**BY_LAYER)),
        Arm("cross-stitch a channel", CrossStitch()),
        Arm("self-stitch", SelfStitch(**BY_LAYER)),
        Arm("diagonal", Diagonal(**BY_LAYER)),
    ],
    ROOMS | APASCAL,
    primary=[("cross-stitch", other) for other in ("one-task", "self-stitch", BEST_SPLITS[0])],
    metrics=METRICS,
)


def _asked(name: str, question: str, arms: Sequence[Arm], **changes) -> Study:
    """A question with few arms: exploratory, on table 6's pictures and four of its seeds."""
    scales = {"small": replace(ROOMS["small"], seeds=(0, 1, 2, 3), **changes)}
    return Study(name, question, arms, scales, metrics=METRICS)


PAIR = {"one-task": OneTask(), "cross-stitch": CrossStitch(**BY_LAYER)}
foreground = _asked(
    "foreground",
    "Do attributes gain because few of the regions show an object, as section 6.4 says?",
    [
        Arm(f"{name}, {100 * share:g} %", method, {"foreground": share})
        for share in (0.05, 0.25, 0.5)
        for name, method in (PAIR | {"self-stitch": SelfStitch(**BY_LAYER)}).items()  # after the pair had been seen
    ],
)
attribute_loss = _asked(
    "attribute_loss",
    "How much of an arm's gain or loss is the weight of the attributes' loss?",
    [
        Arm(f"{name}, loss ×{weight:g}", method, _loss(weight))
        for weight in (0.25, 1.0, 4.0)
        for name, method in (PAIR | {"mtl-shared": MTLShared()}).items()
    ],
)
few_attributes = _asked(
    "few_attributes",
    "What if only a tenth of the pictures have attribute labels?",
    [*[Arm(name, method) for name, method in PAIR.items()], Arm("self-stitch", SelfStitch(**BY_LAYER))],
    labelled=0.1,
)
units_rates = _asked(
    "units_rates",
    "Is it the granularity of the units that is unstable, as section 6 says, or their rate?",
    [
        ONE_TASK,
        *[Arm(f"a layer, ×{x:g}", CrossStitch(unit_lr_scale=x, per="layer")) for x in (1.0, 10.0, 100.0)],
        *[Arm(f"a channel, ×{x:g}", CrossStitch(unit_lr_scale=x)) for x in (1.0, 10.0, 100.0)],
    ],
)
MAPS, VECTORS = POOLS[:3], POOLS[3:]
units_places = _asked(
    "units_places",
    "Do units help before the regions are cut out, or after?",
    [
        ONE_TASK,
        Arm("cross-stitch", CrossStitch(**BY_LAYER)),
        Arm("before the regions", CrossStitch(after=MAPS, per="layer")),
        Arm("after the regions", CrossStitch(after=VECTORS, per="layer")),
    ],
)
