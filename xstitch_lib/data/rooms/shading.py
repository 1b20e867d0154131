"""What colour a surface has: its paint's pattern, and the light that falls on it."""

import numpy as np
from numpy import ndarray

from xstitch_lib.data.rooms.bodies import Bodies, Cameras
from xstitch_lib.data.rooms.scene import CHECKERED, PLAIN, WAVY

CONTRAST = 0.45  # how much darker the dark half of a pattern is
REACH = 2.0  # metres at which the lamp's light is half as strong


def paint(bodies: Bodies, body: ndarray, point: ndarray) -> ndarray:
    """(3, n) albedo of the n ``body`` at ``point`` (3, n), in the body's frame."""
    albedo = bodies.colour[:, body]
    (patterned,) = np.nonzero(bodies.pattern[body] != PLAIN)
    body = body[patterned]
    phase = 2 * np.pi * bodies.waves[:, body] * point[:, patterned]
    pattern, wave = bodies.pattern[body], np.cos(phase[0] + phase[1] + phase[2])
    checks = np.cos(phase[0]) * np.cos(phase[1]) * np.cos(phase[2])
    value = np.where(pattern == CHECKERED, checks, wave)
    value = np.where(pattern == WAVY, value, np.sign(value))
    albedo[:, patterned] *= 1 - CONTRAST * (1 - value) / 2
    return albedo


def light(cameras: Cameras, place: ndarray, normals: ndarray) -> ndarray:
    """(B, H, W) brightness of surfaces at ``place`` with ``normals``, both (3, B, H, W) in the camera's frame."""
    ambient, directional, point = cameras.strength[..., None, None]
    to_lamp = cameras.lamp[..., None, None] - place
    square = _dot(to_lamp, to_lamp)
    lit = np.maximum(_dot(normals, cameras.direction[..., None, None]), 0)
    near = np.maximum(_dot(normals, to_lamp), 0) / np.sqrt(square) / (1 + square / REACH**2)
    return ambient + directional * lit + point * near


def _dot(a: ndarray, b: ndarray) -> ndarray:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
