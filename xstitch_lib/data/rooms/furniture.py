"""The 16 kinds of things in a room: how many, how big, of which parts, and where they stand."""

from typing import NamedTuple

from xstitch_lib.data.rooms.scene import BALL, CUBE, CYLINDER, Triple

Range = tuple[float, float]
FULL = (0.0, 1.0)
FLAT = (0.005, 0.005)
TO_CEILING = (9.0, 9.0)


class Part(NamedTuple):
    """A solid that fills a share of the thing's box: x to its right, y up, z from its back to its front."""

    shape: int = CUBE
    x: Range = FULL
    y: Range = FULL
    z: Range = FULL
    trim: bool = False  # has the thing's second colour
    name: str = ""


class Kind(NamedTuple):
    """A class of things; lengths in metres."""

    place: str  # one of `placing.PLACES`
    chances: tuple[float, ...]  # of the first copy, the second, …
    width: Range
    tall: Range
    deep: Range | None  # None: as deep as wide
    colour: Triple  # the mean of the class's colours
    parts: tuple[Part, ...] = (Part(),)
    height: Range = (0.0, 0.0)  # of its base on a wall
    carries: bool = False  # small things on its top


def _framed(border: float) -> tuple[Part, Part]:
    inner = (border, 1 - border)
    return Part(x=inner, y=inner), Part(z=(0.0, 0.7), trim=True, name="frame")


SEAT_AND_BACK = (Part(y=(0.0, 0.5)), Part(y=(0.5, 1.0), z=(0.0, 0.22), name="backrest"))
LEGS = [Part(x=x, y=(0.0, 0.9), name="leg") for x in ((0.0, 0.09), (0.91, 1.0))]
DESK = (Part(y=(0.9, 1.0)), *LEGS)
HEADBOARD = Part(z=(0.0, 0.04), trim=True, name="headboard")
PILLOW = Part(x=(0.2, 0.8), y=(0.6, 0.72), z=(0.06, 0.24), trim=True, name="pillow")
BED = (Part(y=(0.0, 0.6), z=(0.04, 1.0)), HEADBOARD, PILLOW)
ARMS = [Part(x=x, y=(0.5, 0.75), z=(0.22, 1.0), name="armrest") for x in ((0.0, 0.1), (0.9, 1.0))]
SOFA = (*SEAT_AND_BACK, *ARMS)
CORD = Part(CYLINDER, x=(0.46, 0.54), y=(0.45, 1.0), z=(0.46, 0.54), trim=True, name="cord")
PENDANT = (Part(BALL, y=(0.0, 0.45)), CORD)

# in the order in which a room is furnished: the big first, tops before what stands on them
KINDS = {
    "door": Kind("wall", (0.55,), (0.75, 0.95), (1.9, 2.1), FLAT, (0.5, 0.25, 0.1)),
    "window": Kind("wall", (0.75, 0.3), (0.7, 1.4), (0.9, 1.3), FLAT, (0.6, 0.85, 1.0), _framed(0.08), (0.8, 1.0)),
    "column": Kind("floor", (0.22,), (0.24, 0.4), TO_CEILING, None, (0.75, 0.75, 0.75), (Part(CYLINDER),)),
    "bed": Kind("against", (0.45,), (1.0, 1.6), (0.8, 0.95), (1.9, 2.1), (0.9, 0.75, 0.85), BED),
    "cabinet": Kind("against", (0.8, 0.4), (0.6, 1.2), (0.8, 2.0), (0.35, 0.55), (0.65, 0.4, 0.1), carries=True),
    "sofa": Kind("against", (0.5,), (1.3, 1.9), (0.75, 0.9), (0.75, 0.9), (0.2, 0.35, 0.7), SOFA),
    "table": Kind("floor", (0.75, 0.2), (0.9, 1.5), (0.68, 0.78), (0.6, 0.9), (0.75, 0.6, 0.3), DESK, carries=True),
    "rug": Kind("rug", (0.5,), (1.2, 2.2), FLAT, (0.9, 1.6), (0.8, 0.1, 0.2)),
    "picture": Kind("wall", (0.75, 0.5, 0.3), (0.3, 0.8), (0.3, 0.7), FLAT, (0.3, 0.6, 0.3), _framed(0.1), (1.2, 1.5)),
    "chair": Kind("floor", (0.7, 0.4), (0.4, 0.48), (0.8, 0.95), (0.4, 0.48), (0.4, 0.1, 0.35), SEAT_AND_BACK),
    "box": Kind("top", (0.6, 0.3), (0.25, 0.5), (0.2, 0.45), (0.25, 0.5), (0.9, 0.65, 0.4)),
    "lamp": Kind("ceiling", (0.55, 0.2), (0.3, 0.45), (0.7, 0.9), None, (1.0, 0.95, 0.4), PENDANT),
    "bin": Kind("floor", (0.8, 0.3), (0.26, 0.4), (0.35, 0.55), None, (0.1, 0.15, 0.15), (Part(CYLINDER),)),
    "ball": Kind("floor", (0.8, 0.6, 0.3), (0.25, 0.45), (0.25, 0.45), None, (1.0, 0.35, 0.0), (Part(BALL),)),
    "book": Kind("top", (0.8, 0.6), (0.26, 0.38), (0.06, 0.14), (0.2, 0.28), (0.2, 0.2, 0.9)),
    "vase": Kind("top", (0.6, 0.35), (0.12, 0.2), (0.25, 0.42), None, (0.0, 0.75, 0.7), (Part(CYLINDER),)),
}  # fmt: skip

CLASSES = ("wall", "floor", "ceiling", *KINDS)
