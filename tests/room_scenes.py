"""A bare room, 4 m wide, 2.6 m high and 5 m deep, and what tests put into it."""

import math

import torch

from xstitch_lib.data import Rooms
from xstitch_lib.data.rooms.objects import Found, find
from xstitch_lib.data.rooms.render import render
from xstitch_lib.data.rooms.scene import BALL, CUBE, CYLINDER, Camera, Light, Paint, Scene, Solid, Thing

SIZE = (17, 18)  # with a field of view of 90°, the ray of row 8, column 13 is (0.5, 0, 1)
GREY, WHITE = Paint((0.5, 0.5, 0.5)), Paint((1.0, 1.0, 1.0))
EVEN = Light(1.0, 0.0, (0.0, -1.0, 0.0), 0.0, (0.0, -2.0, 2.0))  # ambient only: a picture shows the albedo


def scene(*things: Thing, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, **changes) -> Scene:
    """The room with a camera 1.3 m above the floor and 0.5 m before the near wall."""
    camera = Camera((0.0, -1.3, 0.5), yaw, pitch, roll, math.pi / 2)
    return Scene((4.0, 2.6, 5.0), WHITE, WHITE, WHITE, camera, EVEN, things)._replace(**changes)


def solid(shape: int, ahead: float, half: tuple[float, float, float], yaw: float = 0.0, **changes) -> Solid:
    """A solid ``ahead`` metres before the camera."""
    return Solid(shape, (0.0, -1.3, 0.5 + ahead), half, yaw, GREY)._replace(**changes)


def thing(*solids: Solid, label: int = 5, size=(1.0, 1.0, 1.0), support="floor") -> Thing:
    return Thing(label, solids, size, support)


def ball(ahead: float, radius: float = 1.0, label: int = 5) -> Thing:
    return thing(solid(BALL, ahead, (radius,) * 3), label=label)


def cube(ahead: float, half: float = 0.5, yaw: float = 0.0, label: int = 5) -> Thing:
    return thing(solid(CUBE, ahead, (half,) * 3, yaw), label=label)


def cylinder(ahead: float, radius: float, half: float) -> Thing:
    return thing(solid(CYLINDER, ahead, (radius, half, radius)))


CURTAIN = thing(solid(CUBE, 1.0, (0.5, 0.5, 0.01), centre=(-0.51, -1.3, 1.5)))  # before all that is on the left


def found(*things: Thing, size: tuple[int, int] = (50, 50), **changes) -> Found:
    """The objects of one picture of the room."""
    scenes = [scene(*things, **changes)]
    return find(scenes, render(scenes, size))


def same(one: Rooms, other: Rooms) -> bool:
    """Whether every picture, label and object is equal, bit for bit."""
    pairs = list(zip(one.objects, other.objects, strict=True))
    pairs = [(a, b) for x, y in pairs for a, b in zip(x, y, strict=True)]
    pairs += [(x, other.tensors[name]) for name, x in one.tensors.items()]
    return all([torch.equal(a, b) for a, b in pairs])
