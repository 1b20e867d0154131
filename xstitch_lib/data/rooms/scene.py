"""What a scene is made of. Lengths in metres, angles in radians.

World: x right, y down with the floor at 0, z forward from the near wall; the room is centred on x = 0. A yaw turns
about the vertical and takes z to (sin yaw, 0, cos yaw).
"""

from typing import NamedTuple

CUBE, CYLINDER, BALL = range(3)
PLAIN, STRIPED, CHECKERED, WAVY = range(4)

Triple = tuple[float, float, float]


class Paint(NamedTuple):
    """How a surface looks: an albedo in [0, 1], darkened by a pattern with ``waves`` cycles a metre on each axis."""

    colour: Triple
    pattern: int = PLAIN
    waves: Triple = (0.0, 0.0, 0.0)


class Solid(NamedTuple):
    """A body that fills its bounding box of half sizes ``half``: the box, its upright cylinder or its ball.

    ``part`` is what it is of its thing; the main part and those that nothing asks for have no name.
    """

    shape: int
    centre: Triple
    half: Triple
    yaw: float
    paint: Paint
    part: str = ""


class Thing(NamedTuple):
    """One labelled object. ``support`` is what carries it; ``solids[0]`` is its main part."""

    label: int
    solids: tuple[Solid, ...]
    size: Triple
    support: str


class Camera(NamedTuple):
    """Where the picture is taken from. Pitch looks up, roll leans right; ``fov`` spans the picture's width."""

    position: Triple
    yaw: float
    pitch: float
    roll: float
    fov: float


class Light(NamedTuple):
    """Ambient light, a directional one that comes from ``direction`` (a unit vector), and a lamp at ``position``."""

    ambient: float
    directional: float
    direction: Triple
    point: float
    position: Triple


class Scene(NamedTuple):
    """A room of ``size`` (width, height, depth), its three paints, and what is in it."""

    size: Triple
    wall: Paint
    floor: Paint
    ceiling: Paint
    camera: Camera
    light: Light
    things: tuple[Thing, ...]
