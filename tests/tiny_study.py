"""A study of the real kind that takes a second."""

from xstitch_lib.studies import Arm, RoomsScale, Study

SCALE = RoomsScale(train=24, validation=8, test=12, size=(16, 32), width=4, steps=(6, 4), precision="no", seeds=(0, 1))
ARMS = [
    Arm("one-task", "one-task"),
    Arm("ensemble", "ensemble"),
    Arm("split-conv4", "split", at="conv4"),
    Arm("mtl-shared", "mtl-shared"),
    Arm("cross-stitch", "cross-stitch"),
    Arm("self-stitch", "self-stitch"),
    Arm("from random", "cross-stitch", start="random"),
    Arm("another initialisation", "cross-stitch", partner="another"),
    Arm("another, aligned", "cross-stitch", partner="aligned"),
    Arm("identity", "cross-stitch", alpha_same=1.0, learned=False),
    Arm("own map", "own map"),
    Arm("fewer pictures", "one-task", changes={"train": 16}),
]
STUDY = Study("tiny", "Does it run?", ARMS, {"small": SCALE}, primary=[("cross-stitch", "one-task")])
