"""The paper's first pair of tasks, semantic segmentation and surface normals: figure 2 and tables 1, 2, 3, 5, figure 6.

Scales: "live" is what a chapter runs in front of its reader, "small" what is recorded. Rooms at 48×64, the small
AlexNet-FCN, SGD with momentum, batch 16. One-task training first, then what the arm does with the towers.
"""

from xstitch_lib.networks.towers import CONVS
from xstitch_lib.studies.arms import Arm
from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.study import Study

SCALES = {
    "live": Scale(train=200, validation=50, test=200, steps=(300, 200)),
    "small": Scale(train=600, validation=100, test=1000, steps=(2000, 1000)),
}
SPLITS = ("conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")

ONE_TASK = Arm("one-task", "one-task")
CROSS_STITCH = Arm("cross-stitch", "cross-stitch")
SELF_STITCH = Arm("self-stitch", "self-stitch")
ENSEMBLE = Arm("ensemble", "ensemble")

fig2 = Study(
    "fig2",
    "Which layers should two tasks share?",
    [ONE_TASK, *[Arm(f"split-{layer}", "split", at=layer) for layer in SPLITS]],
    SCALES,
)
table5 = Study(
    "table5",
    "Does cross-stitching help segmentation and surface normals, and is it the other task that helps?",
    [
        ONE_TASK,
        ENSEMBLE,
        *[Arm(f"split-{layer}", "split", at=layer) for layer in SPLITS],
        Arm("mtl-shared", "mtl-shared"),
        CROSS_STITCH,
        SELF_STITCH,
        Arm("frozen units", "cross-stitch", learned=False),
        Arm("units after every conv", "cross-stitch", after=CONVS),
        Arm("one unit a layer", "cross-stitch", per="layer"),
    ],
    SCALES,
    primary=[("cross-stitch", "one-task"), ("cross-stitch", "self-stitch")],
)
