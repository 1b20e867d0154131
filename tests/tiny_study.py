"""A study of the real kind that takes a second."""

import json

from xstitch_lib.results.arrays import encode
from xstitch_lib.studies import Arm, RoomsScale, Study
from xstitch_lib.studies.methods.cross_stitch import CrossStitch
from xstitch_lib.studies.methods.ensemble import Ensemble
from xstitch_lib.studies.methods.mtan import MTAN
from xstitch_lib.studies.methods.mtl_shared import MTLShared
from xstitch_lib.studies.methods.normed import Normed
from xstitch_lib.studies.methods.one_task import OneTask
from xstitch_lib.studies.methods.other_units import OtherUnits, SelfOtherUnits
from xstitch_lib.studies.methods.own_map import OwnMap
from xstitch_lib.studies.methods.self_mtan import SelfMTAN
from xstitch_lib.studies.methods.self_stitch import SelfStitch
from xstitch_lib.studies.methods.split import Split
from xstitch_lib.studies.methods.uncertainty import UncertainSplit

SCALE = RoomsScale(train=24, validation=8, test=12, size=(16, 32), width=4, steps=(6, 4), precision="no", seeds=(0, 1))
ARMS = [
    Arm("one-task", OneTask()),
    Arm("ensemble", Ensemble()),
    Arm("split-conv4", Split(at="conv4")),
    Arm("mtl-shared", MTLShared()),
    Arm("cross-stitch", CrossStitch()),
    Arm("self-stitch", SelfStitch()),
    Arm("from random", CrossStitch(start="random")),
    Arm("another initialisation", CrossStitch(partner="another")),
    Arm("another, aligned", CrossStitch(partner="aligned")),
    Arm("identity", CrossStitch(alpha_same=1.0, learned=False)),
    Arm("own map", OwnMap()),
    Arm("MTAN", MTAN()),
    Arm("self-MTAN", SelfMTAN()),
    Arm("batch norm", Normed()),
    Arm("NDDR-CNN", OtherUnits(unit="nddr")),
    Arm("self-NDDR", SelfOtherUnits(unit="nddr")),
    Arm("one row, from random", OtherUnits(unit="one-row", unit_lr_scale=1.0, start="random")),
    Arm("uncertainty weights", UncertainSplit(at="fc8")),
    Arm("fewer pictures", OneTask(), changes={"train": 16}),
]
STUDY = Study("tiny", "Does it run?", ARMS, {"small": SCALE}, primary=[("cross-stitch", "one-task")])


def as_json(content):
    """A record's content, whose arrays can be compared."""
    return json.loads(json.dumps(content, default=encode))
