"""Gender and age from faces: the re-implementation's second claim, "about 2 %", and what is left of it by person.

Scales of `gender_age`: "script", the last version's settings and its split, eight seeds; "readme", the older settings
that its README's claim belongs to; "pictures", the script's settings on eight other splits; "people", nobody in
training and test: four partitions of five folds, 100 epochs, fixed beforehand; "live" and "live script", for a
chapter, one partition and the script's split for 20 epochs, of whatever data are at hand.

`utkface` and `utkface_years` are the paper's own recipe, one-task towers first, on pictures of people nobody knows.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from xstitch_lib.studies.arm import Arm
from xstitch_lib.studies.methods.cross_stitch import CrossStitch, Stitching
from xstitch_lib.studies.methods.logistic_regression import LogisticRegression
from xstitch_lib.studies.methods.look_up import LookUp
from xstitch_lib.studies.methods.nearest_neighbour import NearestNeighbour
from xstitch_lib.studies.methods.one_task import OneTask
from xstitch_lib.studies.methods.self_stitch import SelfStitch
from xstitch_lib.studies.study import Study
from xstitch_lib.studies.worlds.faces import FacesScale, script_switch
from xstitch_lib.studies.worlds.utkface import UTKScale

POINTS = ("fc1", "fc2", "fc3")
SCRIPT, PLAIN, PEOPLE = 3600, 1800, 2800  # training samples: with mirrored pictures, without, of 70 people


def _epochs(count: int, samples: int, snapshots: int) -> dict[str, Any]:
    """One phase that sees each sample so often."""
    return {"steps": (0, count * samples // FacesScale.batch_size), "snapshots": snapshots}


def _stitched(name: str, method: type[Stitching] = CrossStitch, per: str = "dense", alpha_same: float = 1.0) -> Arm:
    return Arm(name, method(after=POINTS, per=per, alpha_same=alpha_same))


NONE = Arm("none", OneTask())
DENSE = _stitched("dense")
INSIDE = Arm("linear inside", OneTask(), changes={"inside": 2})  # exactly the dense units' number of weights
ONE_INSIDE = Arm("one linear inside", OneTask(), changes={"inside": 1})  # the same functions with half of them
BASELINES = [  # they take seconds and come first, so that a record soon tells what networks have to beat
    Arm("logistic regression", LogisticRegression()),
    Arm("nearest neighbour", NearestNeighbour()),
    Arm("look-up", LookUp()),
]
ARMS = [
    *BASELINES,
    NONE,
    DENSE,
    INSIDE,
    _stitched("self-stitch", SelfStitch),
    _stitched("per channel", per="channel"),
    _stitched("per channel, (0.9, 0.1)", per="channel", alpha_same=0.9),
    ONE_INSIDE,
]


def _named(*arms: str) -> tuple[str, ...]:
    return (*[arm.name for arm in BASELINES], *arms)


SCRIPTS = FacesScale(protocol="script", arms=_named("none", "dense", "linear inside"), **_epochs(800, SCRIPT, 226))
# statistics of batch norm that settle within so few steps; the script's take thousands. Training is the same with both
SETTLED = 0.01
BY_PERSON = FacesScale(partitions=4, momentum=SETTLED, seeds=(0, 1, 2, 3), **_epochs(100, PEOPLE, 21))
LIVE = {"data": "at hand", "seeds": (0,), "arms": _named("none", "dense")}
SCALES: Mapping[str, FacesScale] = {
    "script": SCRIPTS,
    "readme": replace(
        SCRIPTS, mirrored=False, weight_decay=1e-4, arms=_named("none", "dense"), **_epochs(900, PLAIN, 127)
    ),
    "pictures": replace(SCRIPTS, protocol="pictures", partitions=8, seeds=(0,)),
    "people": replace(
        BY_PERSON,
        arms=_named("none", "dense", "linear inside", "self-stitch", "per channel", "per channel, (0.9, 0.1)"),
    ),
    "live": replace(BY_PERSON, **LIVE, partitions=1, **_epochs(20, PEOPLE, 5)),
    "live script": replace(SCRIPTS, **LIVE, momentum=SETTLED, **_epochs(20, SCRIPT, 5)),
}

gender_age = Study(
    "gender_age",
    "Do dense units between gender and age gain, as the re-implementation says, and do they for people never seen?",
    ARMS,
    SCALES,
    primary=[("dense", "none"), ("dense", "linear inside")],
    metrics={"both": "accuracy"},
)


def switched(word: str) -> Arm:
    """The arm that the script trains when it is called with ``--cross_stitch_enabled WORD``.

    >>> switched("False").name
    'dense'
    """
    return DENSE if script_switch(word) else NONE


POOLED = ("pool1", "pool2", "pool3", "fc4")
PICTURES = [
    NONE,
    Arm("per channel", CrossStitch(after=POOLED)),
    Arm("self-stitch", SelfStitch(after=POOLED)),
]
utkface = Study(
    "utkface",
    "Do gender and age, as one of five classes, gain from each other on pictures?",
    PICTURES,
    {"small": UTKScale()},
    primary=[("per channel", "none"), ("per channel", "self-stitch")],
    metrics={"gender": "accuracy", "age": "accuracy"},
)
utkface_years = Study(
    "utkface_years",
    "Do gender and age in years gain from each other on pictures?",
    PICTURES,
    {"small": UTKScale(years=True)},
    primary=[("per channel", "none"), ("per channel", "self-stitch")],
    metrics={"gender": "accuracy", "years": "MAE"},
)
