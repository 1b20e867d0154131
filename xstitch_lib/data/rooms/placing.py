"""Where things stand, lie and hang: free places of a room that is being furnished."""

import math
from collections.abc import Callable
from typing import NamedTuple

from numpy.random import Generator

from xstitch_lib.data.rooms.furniture import Kind
from xstitch_lib.data.rooms.scene import Triple

FAR, LEFT, RIGHT = math.pi, math.pi / 2, -math.pi / 2  # the yaw of a thing with its back to that wall


class Block(NamedTuple):
    """A taken rectangle of a floor, a top or a wall; ``height`` says how far up a floor's is taken."""

    x: float
    z: float
    half_x: float
    half_z: float
    height: float = math.inf

    def meets(self, other: "Block") -> bool:
        """Whether they overlap, seen from above."""
        by_x, by_z = self.half_x + other.half_x, self.half_z + other.half_z
        return abs(self.x - other.x) < by_x and abs(self.z - other.z) < by_z


class Spot(NamedTuple):
    """The middle of a thing's base, in metres and above the floor, and what carries the thing."""

    x: float
    z: float
    height: float
    yaw: float
    support: str

    def beside(self, right: float, forward: float) -> tuple[float, float]:
        """The place (x, z) that far from here, in the thing's own directions."""
        sin, cos = math.sin(self.yaw), math.cos(self.yaw)
        return self.x + cos * right + sin * forward, self.z - sin * right + cos * forward


class Top(NamedTuple):
    """A surface that carries small things."""

    spot: Spot
    width: float
    depth: float
    taken: list[Block]


class Plan(NamedTuple):
    """What a room has taken so far. A wall is known by the yaw of what leans against it."""

    rng: Generator
    width: float
    height: float
    depth: float
    floor: list[Block]
    walls: dict[float, list[Block]]
    tops: list[Top]

    def wall(self) -> float:
        """One of the three walls before the camera."""
        return (FAR, LEFT, RIGHT)[self.rng.integers(3)]

    def within(self, half_x: float, half_z: float) -> tuple[float, float]:
        """A random place for the middle of so large a thing."""
        x, z = max(0.0, self.width / 2 - half_x), max(0.0, self.depth / 2 - half_z)
        return self.rng.uniform(-x, x), self.depth / 2 + self.rng.uniform(-z, z)


def _free(block: Block, taken: list[Block], above: float = 0.0) -> bool:
    return not any([block.meets(other) and other.height > above for other in taken])


def _halves(size: Triple, yaw: float) -> tuple[float, float]:
    """Half the extent along the room's x and z of a base turned by ``yaw``."""
    sin, cos = abs(math.sin(yaw)) / 2, abs(math.cos(yaw)) / 2
    return cos * size[0] + sin * size[2], sin * size[0] + cos * size[2]


def _backed(plan: Plan, wall: float, half_x: float, half_z: float) -> tuple[float, float]:
    x, z = plan.within(half_x, half_z)
    return (x, plan.depth - half_z) if wall == FAR else (math.copysign(plan.width / 2 - half_x, -wall), z)


def _stand(plan: Plan, size: Triple, x: float, z: float, yaw: float) -> Spot | None:
    block = Block(x, z, *_halves(size, yaw), size[1])
    if not _free(block, plan.floor):
        return None
    plan.floor.append(block)
    return Spot(x, z, 0.0, yaw, "floor")


def on_floor(plan: Plan, kind: Kind, size: Triple) -> Spot | None:
    """Anywhere, turned anyhow."""
    yaw = plan.rng.uniform(-math.pi, math.pi)
    return _stand(plan, size, *plan.within(*_halves(size, yaw)), yaw)


def against_wall(plan: Plan, kind: Kind, size: Triple) -> Spot | None:
    """With its back to a wall, a little askew at times."""
    wall = plan.wall()
    yaw = wall + (plan.rng.uniform(-0.3, 0.3) if plan.rng.random() < 0.3 else 0.0)
    return _stand(plan, size, *_backed(plan, wall, *_halves(size, yaw)), yaw)


def on_wall(plan: Plan, kind: Kind, size: Triple) -> Spot | None:
    """Flat on a wall; what reaches the floor is a door, so the floor before it stays free."""
    wall, height = plan.wall(), plan.rng.uniform(*kind.height)
    x, z = _backed(plan, wall, *_halves(size, wall))
    along = x if wall == FAR else z
    block = Block(along, height + size[1] / 2, size[0] / 2 + 0.05, size[1] / 2 + 0.05)
    if not _free(block, plan.walls[wall]) or height + size[1] > plan.height:
        return None
    plan.walls[wall].append(block)
    spot = Spot(x, z, height, wall, "wall")
    if height == 0:
        plan.floor.append(Block(*spot.beside(0, 0.4), *_halves((size[0], 0, 0.8), wall)))
    return spot


def as_rug(plan: Plan, kind: Kind, size: Triple) -> Spot | None:
    """On the floor, under whatever else stands there."""
    yaw = plan.rng.uniform(-0.3, 0.3)
    return Spot(*plan.within(*_halves(size, yaw)), 0.0, yaw, "floor")


def from_ceiling(plan: Plan, kind: Kind, size: Triple) -> Spot | None:
    """Hung from the ceiling, where nothing tall stands."""
    x, z = plan.within(plan.width / 5, plan.depth / 5)
    height = plan.height - size[1]
    free = _free(Block(x, z, size[0] / 2, size[2] / 2), plan.floor, above=height)
    return Spot(x, z, height, 0.0, "ceiling") if free else None


def on_top(plan: Plan, kind: Kind, size: Triple) -> Spot | None:
    """On a table or a low cabinet; on the floor at times, and if the room has no such top."""
    if not plan.tops or plan.rng.random() < 0.2:
        return on_floor(plan, kind, size)
    top = plan.tops[plan.rng.integers(len(plan.tops))]
    turn = plan.rng.uniform(-0.4, 0.4)
    half_x, half_z = _halves(size, turn)
    right, forward = top.width / 2 - half_x, top.depth / 2 - half_z
    if min(right, forward) < 0:
        return None
    block = Block(plan.rng.uniform(-right, right), plan.rng.uniform(-forward, forward), half_x, half_z)
    if not _free(block, top.taken):
        return None
    top.taken.append(block)
    return Spot(*top.spot.beside(block.x, block.z), top.spot.height, top.spot.yaw + turn, "furniture")


PLACES: dict[str, Callable[[Plan, Kind, Triple], Spot | None]] = {
    "floor": on_floor,
    "against": against_wall,
    "wall": on_wall,
    "rug": as_rug,
    "ceiling": from_ceiling,
    "top": on_top,
}
