"""Where a ray meets a body, and the normal there.

Every solid is a unit body, |x|, |y|, |z| ≤ 1, under an affine map, so rays are taken into the body's own coordinates.
There a cube is three slabs, a cylinder a slab and a round, a ball one round, and a ray is inside from the last it
enters to the first it leaves.
"""

import numpy as np
from numpy import ndarray

from xstitch_lib.data.rooms.bodies import Bodies
from xstitch_lib.data.rooms.scene import BALL, CYLINDER

GRAZING = 1e-4  # a ray that only grazes a round misses it, so that what is seen faces the camera


def turned(bodies: Bodies, body: ndarray, rays: ndarray) -> ndarray:
    """The rays (3, n) in the frames of the n bodies."""
    into = bodies.into.take(body, axis=2)
    return into[:, 0] * rays[0] + into[:, 1] * rays[1] + into[:, 2] * rays[2]


def span(shape: int, origin: ndarray, direction: ndarray) -> tuple[ndarray, ndarray]:
    """Where rays enter and leave a unit body; NaN, or the end before the start, where they miss it."""
    if shape == BALL:
        return _round(origin, direction)
    if shape == CYLINDER:
        spans = [_round(origin[::2], direction[::2]), slab(origin[1], direction[1])]
    else:
        spans = [slab(o, d) for o, d in zip(origin, direction, strict=True)]
    enters, leaves = zip(*spans, strict=True)
    return np.maximum.reduce(enters), np.minimum.reduce(leaves)


def slab(origin: ndarray, direction: ndarray) -> tuple[ndarray, ndarray]:
    """Where rays enter and leave -1…1 along one axis."""
    ahead = np.copysign(np.float32(1), direction)
    return (-ahead - origin) / direction, (ahead - origin) / direction


def _round(origin: ndarray, direction: ndarray) -> tuple[ndarray, ndarray]:
    """Of a circle or ball, |o + t d| = 1; solved about the nearest point, so that far and thin ones stay exact."""
    square = (direction**2).sum(0)
    nearest = -(origin * direction).sum(0) / square
    room = 1 - ((origin + nearest * direction) ** 2).sum(0)
    half = np.sqrt(np.where(room > GRAZING, room, np.nan) / square)
    return nearest - half, nearest + half


def normal(bodies: Bodies, body: ndarray, point: ndarray, direction: ndarray) -> ndarray:
    """(3, n) unit normals in the camera's frame, of the bodies at ``point`` (3, n) met along ``direction`` (3, n).

    A room is met from inside, every other body from outside.
    """
    ahead, shape = np.copysign(np.float32(1), direction), bodies.shape[body]
    # how near the point is to the faces that look at the ray: for a room those it leaves by, else those it enters by
    x, y, z = np.where(bodies.thing[body] < 0, ahead, -ahead) * point
    level = (y > x) & (y > z)
    own = -ahead * np.stack([~level & (x >= z), level, ~level & (x < z)])
    pipe, ball = np.flatnonzero(shape == CYLINDER), np.flatnonzero(shape == BALL)
    (px, _, pz), (dx, _, dz) = point[:, pipe], direction[:, pipe]
    side = (px * dx + pz * dz < 0) & (px**2 + pz**2 > np.maximum(y[pipe], 0) ** 2)
    zero = np.zeros_like(px)
    own[:, pipe] = np.where(side, [px, zero, pz], [zero, -ahead[1, pipe], zero])
    own[:, ball] = point[:, ball]
    into = bodies.into.take(body, axis=2)
    outward = into[0] * own[0] + into[1] * own[1] + into[2] * own[2]
    return outward / np.sqrt((outward**2).sum(0))
