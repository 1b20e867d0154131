"""Which pixels a solid could cover: those of its projected box."""

import numpy as np
from numpy import ndarray

from xstitch_lib.data.rooms.bodies import Bodies, Cameras

NEAR = 0.02  # metres before the camera where a solid begins to be seen


def candidates(cameras: Cameras, bodies: Bodies, chosen: ndarray, size: tuple[int, int]) -> tuple[ndarray, ndarray]:
    """Every pixel of the boxes of the ``chosen`` bodies: (n,) whose it is, and (n,) its number in the picture."""
    left, right, top, bottom = _boxes(bodies.corners[..., chosen], cameras.slope[bodies.image[chosen]], size)
    width = right - left
    area = width * (bottom - top)
    which = np.repeat(np.arange(len(chosen)), area)
    within = np.arange(len(which)) - np.repeat(np.cumsum(area) - area, area)
    row, column = np.divmod(within, width[which])
    return chosen[which], (top[which] + row) * size[1] + left[which] + column


def _boxes(corners: ndarray, slope: ndarray, size: tuple[int, int]) -> tuple[ndarray, ...]:
    """First and one past the last column and row of each box: all of the picture where a box reaches the camera."""
    (x, y, z), (height, width) = corners, size
    before = z.min(0) > NEAR
    scale = width / 2 / np.where(before, z, 1) / slope
    edges = []
    for position, pixels in ((x * scale + width / 2, width), (y * scale + height / 2, height)):
        first = np.where(before, np.floor(position.min(0)), 0)
        last = np.where(before, np.ceil(position.max(0)), np.where(z.max(0) > NEAR, pixels, 0))
        edges += [np.clip(edge, 0, pixels).astype(np.int64) for edge in (first, last)]
    return tuple(edges)
