"""Draw a random room: its size, light and camera, and furniture where it would stand in a home."""

import math
from bisect import bisect

from numpy.random import Generator

from xstitch_lib.data.rooms.furniture import CLASSES, KINDS, Kind, Part
from xstitch_lib.data.rooms.placing import FAR, LEFT, PLACES, RIGHT, Block, Plan, Spot, Top
from xstitch_lib.data.rooms.scene import CHECKERED, PLAIN, Camera, Light, Paint, Scene, Solid, Thing, Triple

PRIOR = 0.5  # how much a class says about its colour
TRIES = 8  # to find a place; then the room does without the thing
SPACE = 0.45  # half the side of the square kept free for the camera
TOP = 1.1  # what is higher carries nothing
# where in 0…1 striped, checkered and wavy begin, after plain
OF_THINGS, OF_WALLS, OF_FLOORS, PLAIN_ONLY = (0.55, 0.75, 0.85), (0.8, 0.92, 0.92), (0.6, 0.75, 0.92), (1.0,)
WALL, FLOOR, CEILING = (0.9, 0.88, 0.8), (0.4, 0.28, 0.2), (1.0, 1.0, 1.0)


def draw_scene(rng: Generator) -> Scene:
    """A furnished room; every draw comes from ``rng``."""
    uniform = rng.uniform
    size = uniform(2.8, 4.4), uniform(2.3, 2.7), uniform(3.0, 4.6)
    camera = _camera(rng, size[0])
    x, _, z = camera.position
    plan = Plan(rng, *size, [Block(x, z, SPACE, SPACE)], {FAR: [], LEFT: [], RIGHT: []}, [])
    things = [_thing(plan, name, kind) for name, kind in KINDS.items() for p in kind.chances if rng.random() < p]
    return Scene(
        size,
        wall=_paint(rng, WALL, size, OF_WALLS),
        floor=_paint(rng, FLOOR, size, OF_FLOORS),
        ceiling=_paint(rng, CEILING, size, PLAIN_ONLY),
        camera=camera,
        light=_light(rng, size),
        things=tuple([thing for thing in things if thing is not None]),
    )


def _camera(rng: Generator, width: float) -> Camera:
    uniform, degrees = rng.uniform, math.radians
    position = (uniform(-0.25, 0.25) * width, -uniform(1.2, 1.7), uniform(0.2, 0.6))
    yaw, pitch, roll = degrees(uniform(-40, 40)), degrees(uniform(-24, 2)), degrees(uniform(-2, 2))
    return Camera(position, yaw, pitch, roll, degrees(uniform(62, 78)))


def _light(rng: Generator, size: Triple) -> Light:
    uniform = rng.uniform
    width, height, depth = size
    azimuth, elevation = uniform(-math.pi, math.pi), uniform(0.4, 1.2)
    level = math.cos(elevation)
    direction = (level * math.sin(azimuth), -math.sin(elevation), level * math.cos(azimuth))
    lamp = (uniform(-0.3, 0.3) * width, -0.85 * height, uniform(0.3, 0.7) * depth)
    return Light(uniform(0.3, 0.5), uniform(0.3, 0.65), direction, uniform(0.5, 0.9), lamp)


def _thing(plan: Plan, name: str, kind: Kind) -> Thing | None:
    rng = plan.rng
    width, tall = rng.uniform(*kind.width), min(rng.uniform(*kind.tall), plan.height)
    size = (width, tall, width if kind.deep is None else rng.uniform(*kind.deep))
    spot = next(filter(None, (PLACES[kind.place](plan, kind, size) for _ in range(TRIES))), None)
    if spot is None:
        return None
    if kind.carries and tall < TOP:
        plan.tops.append(Top(spot._replace(height=tall), width, size[2], []))
    paints = _paint(rng, kind.colour, size), _paint(rng, kind.colour, size, PLAIN_ONLY)
    solids = tuple([_solid(part, spot, size, paints[part.trim]) for part in kind.parts])
    return Thing(CLASSES.index(name), solids, size, spot.support)


def _solid(part: Part, spot: Spot, size: Triple, paint: Paint) -> Solid:
    (x0, x1), (y0, y1), (z0, z1) = part.x, part.y, part.z
    width, tall, deep = size
    x, z = spot.beside(width * (x0 + x1 - 1) / 2, deep * (z0 + z1 - 1) / 2)
    half = (width * (x1 - x0) / 2, tall * (y1 - y0) / 2, deep * (z1 - z0) / 2)
    return Solid(part.shape, (x, -spot.height - tall * (y0 + y1) / 2, z), half, spot.yaw, paint, part.name)


def _paint(rng: Generator, prior: Triple, size: Triple, shares: tuple[float, ...] = OF_THINGS) -> Paint:
    """A colour near the class's, and a pattern, where a picture could show it."""
    r, g, b = [PRIOR * p + (1 - PRIOR) * c for p, c in zip(prior, rng.uniform(0.02, 0.98, 3).tolist(), strict=True)]
    pattern, periods, upright = bisect(shares, rng.random()), rng.uniform(1.5, 3.5), rng.random() < 0.6
    if pattern == PLAIN or max(size) < 0.3:
        return Paint((r, g, b))
    wave = 1 / max(0.15, min(0.6, max(size) / periods))
    if pattern == CHECKERED:
        return Paint((r, g, b), pattern, (wave / 2, wave / 2, wave / 2))
    return Paint((r, g, b), pattern, (wave, 0.0, wave) if upright else (0.0, wave, 0.0))
