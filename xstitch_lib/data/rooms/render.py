"""Cast a ray through every pixel's middle: exact labels and normals, and a lit picture.

Keys made of depth and body keep what is nearest. Arithmetic is elementwise, so a picture does not depend on the others
beside it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from xstitch_lib.data.rooms.bodies import Bodies, Cameras, pack
from xstitch_lib.data.rooms.culling import NEAR, candidates
from xstitch_lib.data.rooms.intersect import normal, slab, span, turned
from xstitch_lib.data.rooms.scene import BALL, CUBE, CYLINDER, Scene
from xstitch_lib.data.rooms.shading import light, paint

BODY = 0xFFFFFFFF  # the bits of a key that number the body; those above are the depth's


class View(NamedTuple):
    """What B cameras see.

    Attributes:
        colour: (B, 3, H, W) float32, albedo times light.
        seg: (B, H, W) labels.
        normals: (B, 3, H, W) float32 unit vectors in the camera's frame.
        thing: (B, H, W), which thing is seen, counted through all B scenes; -1 for the room.
        solid: (B, H, W), which of all their solids, in the same way.
        shown: (things, H, W) bool, where a thing would be seen if nothing stood before it.
    """

    colour: ndarray
    seg: ndarray
    normals: ndarray
    thing: ndarray
    solid: ndarray
    shown: ndarray


def render(scenes: Sequence[Scene], size: tuple[int, int]) -> View:
    """Look into each scene with its camera; ``size`` is (H, W) pixels."""
    cameras, bodies = pack(scenes)
    rays = _rays(cameras, *size)
    area = size[0] * size[1]
    shown = np.zeros((sum([len(scene.things) for scene in scenes]), area), bool)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        keys = _room_keys(rays, bodies, len(scenes))
        for shape in (CUBE, CYLINDER, BALL):
            chosen = np.flatnonzero((bodies.shape == shape) & (bodies.thing >= 0))
            body, pixel = candidates(cameras, bodies, chosen, size)
            ray = bodies.image[body] * area + pixel
            enter, leave = span(shape, bodies.origin.take(body, axis=1), turned(bodies, body, rays.take(ray, axis=1)))
            hit = np.flatnonzero((enter < leave) & (enter > NEAR))
            np.minimum.at(keys, ray[hit], _key(enter[hit], body[hit]))
            shown[bodies.thing[body[hit]], pixel[hit]] = True
    body, depth = keys & BODY, (keys >> 32).astype(np.int32).view(np.float32)
    direction = turned(bodies, body, rays)
    point = bodies.origin.take(body, axis=1) + depth * direction
    normals = normal(bodies, body, point, direction)
    pictures = (3, len(scenes), *size)
    brightness = light(cameras, (rays * depth).reshape(pictures), normals.reshape(pictures))
    return View(
        colour=(paint(bodies, body, point).reshape(pictures) * brightness).swapaxes(0, 1),
        seg=bodies.label[body].reshape(pictures[1:]),
        normals=normals.reshape(pictures).swapaxes(0, 1),
        thing=bodies.thing[body].reshape(pictures[1:]),
        solid=np.maximum(body - 3 * len(scenes), -1).reshape(pictures[1:]),  # each room has three bodies before them
        shown=shown.reshape(-1, *size),
    )


def _rays(cameras: Cameras, height: int, width: int) -> ndarray:
    """(3, B * H * W) directions with z = 1, so that a length along them is a depth."""
    right = (2 * np.arange(width) + 1 - width) / width
    down = (2 * np.arange(height) + 1 - height) / width
    slope = cameras.slope[:, None, None]
    rays = np.ones((3, len(slope), height, width), np.float32)
    rays[0], rays[1] = slope * right, slope * down[:, None]
    return rays.reshape(3, -1)


def _key(depth: ndarray, body: ndarray) -> ndarray:
    """One integer to compare: bits of positive floats sort as the floats do."""
    return depth.view(np.int32).astype(np.int64) << 32 | body


def _room_keys(rays: ndarray, bodies: Bodies, scenes: int) -> ndarray:
    """Where each ray ends on its room's walls, floor or ceiling."""
    room = 3 * np.repeat(np.arange(scenes), rays.shape[1] // scenes)
    direction, origin = turned(bodies, room, rays), bodies.origin.take(room, axis=1)
    x, y, z = [slab(o, d)[1] for o, d in zip(origin, direction, strict=True)]
    wall = np.minimum(x, z)
    level = np.where(direction[1] > 0, 1, 2)
    return _key(np.minimum(wall, y), room + np.where(y < wall, level, 0))
