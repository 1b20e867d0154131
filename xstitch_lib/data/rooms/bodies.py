"""Scenes as arrays: each camera's view, and each solid as an affine map of a unit body."""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from xstitch_lib.data.rooms.scene import CUBE, Camera, Scene, Solid

CORNERS = np.array(list(product((-1.0, 1.0), repeat=3))).T


class Cameras(NamedTuple):
    """B cameras and their scenes' light, all in the camera's frame: x right, y down, z forward.

    Attributes:
        slope: (B,) tangent of half the field of view.
        strength: (3, B) of the ambient, the directional and the point light.
        direction, lamp: (3, B) where the directional light comes from, and where the lamp is.
    """

    slope: ndarray
    strength: ndarray
    direction: ndarray
    lamp: ndarray


class Bodies(NamedTuple):
    """S bodies: three for each of B rooms (walls, floor, ceiling, which share a map), then the solids.

    Attributes:
        image, thing, label, shape, pattern: (S,) integers; thing counts through all scenes, -1 for a room's.
        into: (3, 3, S) float32, from the camera's frame into the body's, where it is the unit body.
        origin: (3, S) float32, the camera in the body's frame.
        corners: (3, 8, S), of the body's box in the camera's frame.
        colour: (3, S) float32.
        waves: (3, S) float32, of the pattern, in cycles a unit of the body's frame.
    """

    image: ndarray
    thing: ndarray
    label: ndarray
    shape: ndarray
    pattern: ndarray
    into: ndarray
    origin: ndarray
    corners: ndarray
    colour: ndarray
    waves: ndarray


def pack(scenes: Sequence[Scene]) -> tuple[Cameras, Bodies]:
    """Arrays of all that ``scenes`` hold."""
    turn = np.stack([_turn(scene.camera) for scene in scenes])
    position = np.array([scene.camera.position for scene in scenes])
    rows = [(b, -1, label, solid) for b, scene in enumerate(scenes) for label, solid in enumerate(_room(scene))]
    things = [(b, thing) for b, scene in enumerate(scenes) for thing in scene.things]
    rows += [(b, number, thing.label, solid) for number, (b, thing) in enumerate(things) for solid in thing.solids]
    image, thing, label, solids = zip(*rows, strict=True)
    return _cameras(scenes, turn, position), _bodies(np.array(image), thing, label, solids, turn, position)


def _room(scene: Scene) -> list[Solid]:
    width, height, depth = scene.size
    centre, half = (0.0, -height / 2, depth / 2), (width / 2, height / 2, depth / 2)
    return [Solid(CUBE, centre, half, 0.0, paint) for paint in (scene.wall, scene.floor, scene.ceiling)]


def _turn(camera: Camera) -> ndarray:
    """From the camera's frame to the world's: roll, then pitch, then yaw."""
    angles = camera.yaw, camera.pitch, camera.roll
    cos, sin = np.cos(angles), np.sin(angles)
    yaw = np.array([[cos[0], 0, sin[0]], [0, 1, 0], [-sin[0], 0, cos[0]]])
    pitch = np.array([[1, 0, 0], [0, cos[1], -sin[1]], [0, sin[1], cos[1]]])
    roll = np.array([[cos[2], -sin[2], 0], [sin[2], cos[2], 0], [0, 0, 1]])
    return yaw @ pitch @ roll


def _cameras(scenes: Sequence[Scene], turn: ndarray, position: ndarray) -> Cameras:
    lights = [scene.light for scene in scenes]
    direction = np.array([light.direction for light in lights])
    lamp = np.array([light.position for light in lights]) - position
    return Cameras(
        slope=np.tan([scene.camera.fov / 2 for scene in scenes]),
        strength=np.array([(light.ambient, light.directional, light.point) for light in lights], np.float32).T,
        direction=(direction[:, None] @ turn)[:, 0].T.astype(np.float32),
        lamp=(lamp[:, None] @ turn)[:, 0].T.astype(np.float32),
    )


def _bodies(image: ndarray, thing: tuple, label: tuple, solids: tuple, turn: ndarray, position: ndarray) -> Bodies:
    shape, centre, half, yaw, paint, _ = zip(*solids, strict=True)
    colour, pattern, waves = [np.array(x) for x in zip(*paint, strict=True)]
    half, cos, sin = np.array(half), np.cos(yaw), np.sin(yaw)
    own = np.zeros((len(yaw), 3, 3))  # from the body's axes to the world's
    own[:, 0, 0], own[:, 0, 2], own[:, 1, 1], own[:, 2, 0], own[:, 2, 2] = cos, sin, 1, -sin, cos
    to_camera = turn[image].swapaxes(1, 2)
    axes = to_camera @ own * half[:, None]
    middle = to_camera @ (np.array(centre) - position[image])[..., None]
    into = axes.swapaxes(1, 2) / half[..., None] ** 2  # the inverse, since the axes are orthogonal
    return Bodies(
        image, np.array(thing), np.array(label), np.array(shape), pattern,
        into=np.moveaxis(into, 0, -1).astype(np.float32),
        origin=(-into @ middle)[..., 0].T.astype(np.float32),
        corners=np.moveaxis(axes @ CORNERS + middle, 0, -1),
        colour=colour.T.astype(np.float32),
        waves=(waves * half).T.astype(np.float32),
    )  # fmt: skip
