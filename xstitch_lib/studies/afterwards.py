"""What came after the paper: later methods, and what other people's code calls cross-stitch, on rooms.

Three kinds of arms, each tower of each with the steps of both phases:

- Later methods. NDDR-CNN and sluice networks begin with one-task towers, as cross-stitch does; MTAN shares its network
  and is trained for both tasks from the start, as is the network that shares all but its heads, MTAN's and uncertainty
  weighting's control. NDDR's layers have the units' rate; sluice's paper names no rate for alphas, so they have the
  towers'.
- Other people's code, one difference more an arm: cross-stitch whose units lost their own rate (a re-implementation
  sets it back before the first step), which has one matrix a layer in place of one a channel too, whose matrix begins
  as ones, of which all tasks read one row. The last arm adds what remains of MTAN's and CAGrad's baseline but
  their networks and data: no one-task towers, and Adam, with one-task networks by Adam to compare with. (By SGD at this
  rate, without batch norm, it diverges within five steps; that was tried before, with a seed of no table.)
- Controls: one-task, self-stitch, and units that may not mix.

Rates and steps are table 5's, and with Adam those of study `adam`; nothing was tuned for a later method.

`same_task` has controls more, named after `afterwards` had been looked at: MTAN's network and NDDR-CNN's layers with
the same task twice, and one-task networks with the batch norm that both bring.
"""

from xstitch_lib.studies.arm import Arm
from xstitch_lib.studies.methods.cross_stitch import CrossStitch
from xstitch_lib.studies.methods.diagonal import Diagonal
from xstitch_lib.studies.methods.mtan import MTAN
from xstitch_lib.studies.methods.normed import Normed
from xstitch_lib.studies.methods.one_task import OneTask
from xstitch_lib.studies.methods.other_units import OtherUnits, SelfOtherUnits
from xstitch_lib.studies.methods.self_mtan import SelfMTAN
from xstitch_lib.studies.methods.split import Split
from xstitch_lib.studies.methods.uncertainty import UncertainCrossStitch, UncertainSplit
from xstitch_lib.studies.segmentation_normals import ADAM, CROSS_STITCH, ONE_TASK, ROOMS, SELF_STITCH
from xstitch_lib.studies.study import Study

DIAGONAL = Arm("diagonal", Diagonal())
LATER = [
    Arm("NDDR-CNN", OtherUnits(unit="nddr")),
    Arm("sluice network", OtherUnits(unit="sluice", unit_lr_scale=1.0)),
    Arm("MTAN", MTAN()),
    Arm("shared network", Split(at="fc8")),
    Arm("shared network, uncertainty weights", UncertainSplit(at="fc8")),
    Arm("cross-stitch, uncertainty weights", UncertainCrossStitch()),
]
# each with one difference more than the one before it
OTHERS = [
    Arm("no rate of its own", CrossStitch(unit_lr_scale=1.0)),
    Arm("and one matrix a layer", CrossStitch(unit_lr_scale=1.0, per="layer")),
    Arm("and ones at the start", OtherUnits(unit="all-ones", unit_lr_scale=1.0)),
    Arm("and one row for all tasks", OtherUnits(unit="one-row", unit_lr_scale=1.0)),
]
ONE_TASK_ADAM = Arm("one-task, Adam", OneTask(), changes=ADAM)
AS_MTAN = Arm("one row from the start, Adam", OtherUnits(unit="one-row", unit_lr_scale=1.0, start="random"), ADAM)
JUDGED = ("NDDR-CNN", "sluice network", "MTAN", "cross-stitch, uncertainty weights", *[arm.name for arm in OTHERS])

afterwards = Study(
    "afterwards",
    "Do later methods do better, and how much of a weak cross-stitch is other people's code?",
    [ONE_TASK, CROSS_STITCH, SELF_STITCH, DIAGONAL, *LATER, *OTHERS, ONE_TASK_ADAM, AS_MTAN],
    ROOMS,
    primary=[
        ("cross-stitch", "one-task"),
        *[(name, "cross-stitch") for name in JUDGED],
        (AS_MTAN.name, ONE_TASK_ADAM.name),
    ],
)

same_task = Study(
    "same_task",
    "Do the masks of MTAN and the layers of NDDR-CNN need another task, or batch norm alone?",
    [
        Arm("self-MTAN", SelfMTAN()),
        Arm("self-NDDR", SelfOtherUnits(unit="nddr")),
        Arm("one-task, batch norm", Normed()),
    ],
    ROOMS,
)
