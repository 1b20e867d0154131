"""Where things stand, as boxes: how far from each other, from the walls and from the camera, and on what."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from xstitch_lib.data.rooms.scene import Scene


class Boxes(NamedTuple):
    """The boxes of T things, in their rooms' frames (x right, y down, z forward), metres.

    Attributes:
        middle, half: (3, T); half the sizes are along the things' own axes: to their right, down, to their front.
        right, front: (2, T) unit vectors, x and z, of these axes.
        camera: (3, T) where the thing's camera is.
        room: (3, T) size of its room.
    """

    middle: ndarray
    half: ndarray
    right: ndarray
    front: ndarray
    camera: ndarray
    room: ndarray

    def at(self, chosen: ndarray) -> "Boxes":
        return Boxes(*[x[:, chosen] for x in self])


def boxes(scenes: Sequence[Scene], image: ndarray) -> Boxes:
    """Of all things, one at least, in their order; ``image`` says whose scene each one is in."""
    things = [thing for scene in scenes for thing in scene.things]
    counts = np.array([len(thing.solids) for thing in things])
    first = np.cumsum(counts) - counts
    x, y, z, *half = np.array([(*s.centre, *s.half) for thing in things for s in thing.solids]).T
    yaw = np.array([thing.solids[0].yaw for thing in things])
    cos, sin = np.cos(yaw), np.sin(yaw)
    each_cos, each_sin = np.repeat(cos, counts), np.repeat(sin, counts)
    own = np.stack([each_cos * x - each_sin * z, y, each_sin * x + each_cos * z])
    low, high = np.minimum.reduceat(own - half, first, axis=1), np.maximum.reduceat(own + half, first, axis=1)
    across, down, along = (low + high) / 2
    return Boxes(
        middle=np.stack([cos * across + sin * along, down, cos * along - sin * across]),
        half=(high - low) / 2,
        right=np.stack([cos, -sin]),
        front=np.stack([sin, cos]),
        camera=np.array([scene.camera.position for scene in scenes]).T[:, image],
        room=np.array([scene.size for scene in scenes]).T[:, image],
    )


def to_walls(box: Boxes) -> tuple[ndarray, ndarray]:
    """Metres to the nearer side wall, and to the nearer of the wall before the camera and the one behind it."""
    reach = abs(box.right) * box.half[0] + abs(box.front) * box.half[2]
    (x, _, z), (width, _, depth) = box.middle, box.room
    return width / 2 - abs(x) - reach[0], np.minimum(z, depth - z) - reach[1]


def to_camera(box: Boxes) -> ndarray:
    """(2, T) unit vectors x and z from the things' middles to the camera, seen from above."""
    way = (box.camera - box.middle)[::2]
    return way / np.sqrt((way**2).sum(0))


def within(box: Boxes, other: Boxes) -> ndarray:
    """Whether the other's middle is over or under the box."""
    return (abs(_seen_from(box, other)) < box.half[::2]).all(0)


def before(box: Boxes, other: Boxes) -> tuple[ndarray, ndarray]:
    """Whether the other's middle is straight before the box, and how many metres lie between them."""
    right, ahead = _seen_from(box, other)
    gap = ahead - box.half[2] - _reach(other, box.front)
    return (abs(right) < box.half[0]) & (ahead > 0), gap


def between(box: Boxes, other: Boxes) -> ndarray:
    """Metres between the two, along the side's or the vertical's direction that parts them best; below 0 they meet."""
    way = other.middle - box.middle
    gaps = [abs(way[1]) - box.half[1] - other.half[1]]
    for axis in (box.right, box.front, other.right, other.front):
        gaps.append(abs((way[::2] * axis).sum(0)) - _reach(box, axis) - _reach(other, axis))
    return np.maximum.reduce(gaps)


def _seen_from(box: Boxes, other: Boxes) -> ndarray:
    """(2, T) how far the other's middle is to the box's right and before it."""
    way = (other.middle - box.middle)[::2]
    return np.stack([(way * box.right).sum(0), (way * box.front).sum(0)])


def _reach(box: Boxes, axis: ndarray) -> ndarray:
    return abs((box.right * axis).sum(0)) * box.half[0] + abs((box.front * axis).sum(0)) * box.half[2]
