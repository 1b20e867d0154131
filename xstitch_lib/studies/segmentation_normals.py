"""The paper's first pair of tasks, semantic segmentation and surface normals: figure 2 and tables 1, 2, 3, 5, figure 6.

Scales: "live" is what a chapter runs in front of its reader, "small" what is recorded: Rooms at 48×64, the small
AlexNet-FCN, SGD with momentum, batch 16. "brief", "medium" and "full" are NYU-v2 on AlexNet-FCN-32s from ImageNet's
convolutions: "brief" some arms and a few epochs, four hours of two CPU cores without bf16; "medium" minutes of a GPU,
or hours of cores that have bf16; "full" hours of a GPU, with the paper's fc width, batch and number of steps. One-task
training first, then what the arm does with the towers. What was chosen was chosen by `choices` and `nyuv2_choices`:
validation pictures, and seeds that no table uses; but the units' factor at "brief" by table 2, on validation pictures
and two of table 5's seeds. The split is chosen on Rooms and carried over. `latent_map`, `diagonal` and `longer`
are controls of table 5.
"""

from collections.abc import Sequence
from dataclasses import replace

from xstitch_lib.networks.towers import CONVS
from xstitch_lib.studies.arm import Arm
from xstitch_lib.studies.methods.cross_stitch import CrossStitch
from xstitch_lib.studies.methods.diagonal import Diagonal
from xstitch_lib.studies.methods.ensemble import Ensemble
from xstitch_lib.studies.methods.mtl_shared import MTLShared
from xstitch_lib.studies.methods.one_task import OneTask
from xstitch_lib.studies.methods.own_map import OwnMap
from xstitch_lib.studies.methods.self_stitch import SelfStitch
from xstitch_lib.studies.methods.split import Split
from xstitch_lib.studies.study import Study
from xstitch_lib.studies.worlds.nyuv2 import NYUScale
from xstitch_lib.studies.worlds.rooms import RoomsScale

ROOMS = {
    "live": RoomsScale(stream=1, train=200, validation=50, test=200, steps=(160, 80), precision="no"),
    "small": RoomsScale(stream=1, train=600, validation=100, test=1000, steps=(2000, 1000)),
}
NYU = {
    "medium": NYUScale(lr=(0.01, 0.004), unit_lr_scale=100.0, crop=False),  # by `nyuv2_choices`
    # section 5; where it gives segmentation and normals 25,000 and 15,000 steps, both have the larger number here.
    # The paper takes its other settings from FCN, whose AlexNet has this rate.
    "full": NYUScale(
        width=4096,
        loss_stride=1,
        batch_size=20,
        steps=(25_000, 10_000),
        lr=(0.001, 0.001),
        schedule="constant",
        unit_lr_scale=1000,
        crop=False,
    ),
}
# figure 2 and tables 1 to 3 choose, on validation frames; table 5 and its control look at the test frames
SCALES = ROOMS | {name: replace(scale, table="validation") for name, scale in NYU.items()}
# whole frames by `nyuv2_choices`, the units' factor by table 2; contiguous maps for a processor with AVX2 alone
BRIEF = NYUScale(
    arms=("one-task", "units ×10", "cross-stitch", "self-stitch"),
    seeds=(0, 1, 2, 3),
    steps=(420, 210),
    unit_lr_scale=100.0,
    snapshots=5,
    crop=False,
    channels_last=False,
)
SPLITS = ("conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
BEST_SPLIT = "split-conv2"  # by `choices`: nearest to one-task in mIU and mean angle, averaged over both

ONE_TASK = Arm("one-task", OneTask())
ENSEMBLE = Arm("ensemble", Ensemble())
CROSS_STITCH = Arm("cross-stitch", CrossStitch())
SELF_STITCH = Arm("self-stitch", SelfStitch())
SPLIT_ARMS = [Arm(f"split-{layer}", Split(at=layer)) for layer in SPLITS]
CONTROLS = [ONE_TASK, ENSEMBLE, CROSS_STITCH, SELF_STITCH]
EQUAL_WEIGHTS = "ensemble, equal weights"  # Rooms' alone
SIX = ("one-task", "ensemble", BEST_SPLIT, "mtl-shared", "cross-stitch", "self-stitch")
SEVEN = (*SIX[:2], EQUAL_WEIGHTS, *SIX[2:])


def _rate(lr: float) -> dict:
    """Both phases' rates, the second two fifths of the first."""
    return {"lr": (lr, 0.4 * lr)}


choices = Study(
    "choices",
    "Which rates, units' rate and split do best on validation pictures?",
    [
        *CONTROLS,
        *SPLIT_ARMS,
        *[Arm(f"units ×{scale:g}", CrossStitch(unit_lr_scale=scale)) for scale in (1.0, 3.0, 30.0, 100.0)],
        *[Arm(f"one-task, rate {lr:g}", OneTask(), changes=_rate(lr)) for lr in (0.02, 0.03, 0.08)],
        *[
            Arm(f"one-task, few labels, rate {lr:g}", OneTask(), changes={"labelled": 0.1, **_rate(lr)})
            for lr in (0.05, 0.02, 0.01, 0.005)
        ],
        Arm("one-task, float32", OneTask(), changes={"precision": "no"}),
        Arm("cross-stitch, float32", CrossStitch(), changes={"precision": "no"}),
    ],
    {"small": replace(ROOMS["small"], stream=0, table="validation", seeds=(100, 101, 102, 103))},
)
# what `choices` compares: the arm that was chosen, and the settings among which
CHOICES = {
    "rate, one-task": (
        "one-task",
        {f"{lr:g}": "one-task" if lr == 0.05 else f"one-task, rate {lr:g}" for lr in (0.02, 0.03, 0.05, 0.08)},
    ),
    "rate with few labels, one-task": (
        "one-task, few labels, rate 0.01",
        {f"{lr:g}": f"one-task, few labels, rate {lr:g}" for lr in (0.005, 0.01, 0.02, 0.05)},
    ),
    "units' rate, cross-stitch": (
        "cross-stitch",
        {f"×{scale}": "cross-stitch" if scale == 10 else f"units ×{scale}" for scale in (1, 3, 10, 30, 100)},
    ),
    "split": (BEST_SPLIT, {arm.name: arm.name for arm in SPLIT_ARMS}),
    "precision, one-task": ("one-task", {"bf16": "one-task", "float32": "one-task, float32"}),
    "precision, cross-stitch": ("cross-stitch", {"bf16": "cross-stitch", "float32": "cross-stitch, float32"}),
}
nyuv2_choices = Study(
    "nyuv2_choices",
    "Which rates and pictures do best on the validation frames of NYU-v2, in fewer steps?",
    # The rule, written down before the run: the largest mean of both tasks' relative gains, of rates and frames over
    # rate 0.01, of the units' rates over ×10; should the least or the largest rate win, the next beyond it is run too.
    [
        *[Arm(f"one-task, rate {lr:g}", OneTask(), changes=_rate(lr)) for lr in (0.001, 0.003, 0.01, 0.03)],
        Arm("one-task, no crop", OneTask(), changes={"crop": False}),
        *[Arm(f"units ×{scale:g}", CrossStitch(unit_lr_scale=scale)) for scale in (1.0, 10.0, 100.0, 1000.0)],
    ],
    {
        "medium": NYUScale(
            table="validation", steps=(600, 300), seeds=(100, 101), lr=(0.01, 0.004), unit_lr_scale=10.0, crop=True
        ),
        "brief": NYUScale(
            arms=("one-task, rate 0.003", "one-task, rate 0.01", "one-task, rate 0.03", "one-task, no crop"),
            table="validation",
            steps=(80, 40),
            seeds=(100, 101),
            lr=(0.01, 0.004),
            crop=True,
            snapshots=2,
        ),
    },
)
# the same of `nyuv2_choices` at medium
NYU_CHOICES = {
    "rate, one-task": (
        "one-task, rate 0.01",
        {f"{lr:g}": f"one-task, rate {lr:g}" for lr in (0.001, 0.003, 0.01, 0.03)},
    ),
    "frames, one-task": ("one-task, no crop", {"zoomed": "one-task, rate 0.01", "whole": "one-task, no crop"}),
    "units' rate, cross-stitch": ("units ×100", {f"×{scale}": f"units ×{scale}" for scale in (1, 10, 100, 1000)}),
}
fig2 = Study("fig2", "Which layers should two tasks share?", [ONE_TASK, *SPLIT_ARMS], SCALES)

table1 = Study(
    "table1",
    "Does it matter how the units start?",
    [
        *[Arm(f"({same}, {round(1 - same, 1)})", CrossStitch(alpha_same=same)) for same in (0.1, 0.5, 0.7, 0.9)],
        ONE_TASK,
        Arm("frozen at (0.9, 0.1)", CrossStitch(learned=False)),
        Arm("one unit a layer", CrossStitch(per="layer")),
        Arm("after every conv", CrossStitch(after=CONVS)),
    ],
    SCALES,
)
table2 = Study(
    "table2",
    "How fast should the units learn?",
    [Arm(f"{scale:g}", CrossStitch(unit_lr_scale=scale)) for scale in (1.0, 10.0, 100.0, 1000.0)],
    # The rule at brief, written down while ×100 and ×1000 ran, after table 5 had been run with ×10: the factor with the
    # largest mean of both tasks' relative gains over ×10 is that of table 5. Arms set their own factor; the digest of
    # recorded cells has the scale's.
    {
        **SCALES,
        "brief": replace(BRIEF, unit_lr_scale=10.0, table="validation", arms=("10", "100", "1000"), seeds=(0, 1)),
    },
)
table3 = Study(
    "table3",
    "Should the towers be trained alone before they are stitched?",
    [
        Arm("one-task", CrossStitch()),
        *[Arm(name, CrossStitch(start="random")) for name in ("random", "ImageNet")],  # what towers start from
    ],
    {
        **{name: replace(scale, arms=("one-task", "random")) for name, scale in ROOMS.items()},
        **{name: replace(SCALES[name], arms=("one-task", "ImageNet")) for name in NYU},
    },
)
table5 = Study(
    "table5",
    "Does cross-stitching help segmentation and surface normals, and is it the other task that helps?",
    [
        ONE_TASK,
        ENSEMBLE,
        Arm(EQUAL_WEIGHTS, Ensemble(), changes={"width": 11}),
        next(arm for arm in SPLIT_ARMS if arm.name == BEST_SPLIT),
        Arm("mtl-shared", MTLShared()),
        Arm("units ×10", CrossStitch(unit_lr_scale=10.0)),
        CROSS_STITCH,
        SELF_STITCH,
    ],
    {
        **{name: replace(scale, arms=SEVEN) for name, scale in ROOMS.items()},
        **{name: replace(scale, arms=SIX) for name, scale in NYU.items()},
        "brief": BRIEF,
    },
    primary=[("cross-stitch", other) for other in ("one-task", "self-stitch", BEST_SPLIT)],
)

# MTL-shared's control, made after table 5 had been seen: a study of its own, since its two comparisons were named then
latent_map = Study(
    "latent_map",
    "Does MTL-shared gain from the other task, or from one more linear map?",
    [ONE_TASK, Arm("mtl-shared", MTLShared()), Arm("own map", OwnMap())],
    NYU,
    primary=[("mtl-shared", "own map"), ("own map", "one-task")],
)
# cross-stitch's, made after table 5 too
diagonal = Study(
    "diagonal",
    "Does cross-stitch gain from mixing, or from units that rescale a tower's own channels?",
    [ONE_TASK, CROSS_STITCH, Arm("diagonal", Diagonal())],
    ROOMS,
    primary=[("cross-stitch", "diagonal"), ("diagonal", "one-task")],
)
LONGER = [ONE_TASK, Arm("cross-stitch", CrossStitch(unit_lr_scale=10.0)), SELF_STITCH, Arm("own map", OwnMap())]


def _longer(arms: Sequence[Arm], *steps: tuple[int, int]) -> tuple[Arm, ...]:
    """The arms with so many steps in both phases, and their sum, what a tower takes, in their names."""
    return tuple(
        [replace(arm, name=f"{arm.name}, {sum(n)} steps", changes={"steps": n}) for n in steps for arm in arms]
    )


AT_BRIEF = _longer(LONGER[:2], (420, 210), (840, 420))
AT_MEDIUM = _longer(LONGER, (2400, 1200), (4800, 2400))  # two and four times those of table 5
longer = Study(
    "longer",
    "Does table 5 say the same of NYU-v2 after more steps, and does one network per task stop improving?",
    [*AT_BRIEF, *AT_MEDIUM],
    {
        "brief": replace(BRIEF, unit_lr_scale=10.0, seeds=(0, 1), arms=tuple([arm.name for arm in AT_BRIEF])),
        "medium": replace(
            NYU["medium"], unit_lr_scale=10.0, seeds=(0, 1, 2, 3), arms=tuple([arm.name for arm in AT_MEDIUM])
        ),
    },
)

alphas = Study(
    "alphas",
    "What do the units learn, and do channels of two towers match?",
    [
        *[Arm(f"({same}, {round(1 - same, 1)})", CrossStitch(alpha_same=same)) for same in (0.9, 0.5, 0.1)],
        Arm("another initialisation", CrossStitch(partner="another")),
        Arm("another, aligned", CrossStitch(partner="aligned")),
    ],
    ROOMS,  # from ImageNet all towers have one initialisation
)


def _controls(name: str, question: str, **changes) -> Study:
    scales = {scale: replace(settings, **changes) for scale, settings in ROOMS.items()}
    return Study(name, question, CONTROLS, scales)


fewer_pictures = _controls("fewer_pictures", "What do 150 training pictures change?", train=150)
more_pictures = _controls("more_pictures", "What do 2000 training pictures change?", train=2000)
stride4 = _controls("stride4", "What does a finer grid of scores change?", stride=4)
ADAM = {"optimizer": "adam", "lr": (1e-3, 4e-4)}
adam = _controls("adam", "What does another optimizer change?", **ADAM)
few_labels = _controls("few_labels", "What if only a tenth of the pictures have segmentation labels?", labelled=0.1)
few_labels_tuned = _controls(
    "few_labels_tuned",
    "The same, at the rate that `choices` found best for one-task networks there?",
    labelled=0.1,
    **_rate(0.01),
)
