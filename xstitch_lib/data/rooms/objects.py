"""The things of a picture as a detector wants them: boxes, labels, attributes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from xstitch_lib.data.rooms.attributes import ATTRIBUTES, FEWEST, attributes
from xstitch_lib.data.rooms.render import View
from xstitch_lib.data.rooms.scene import Scene


class Found(NamedTuple):
    """The objects of B pictures, picture after picture, as in `Objects`; ``count`` (B,) says how many each has."""

    boxes: ndarray
    labels: ndarray
    attributes: ndarray
    pixels: ndarray
    count: ndarray


def find(scenes: Sequence[Scene], view: View) -> Found:
    """Every thing of which enough is seen; its box is tight around the pixels that are."""
    image = np.array([b for b, scene in enumerate(scenes) for _ in scene.things], int)
    seen = np.zeros_like(view.shown)
    _, row, column = np.nonzero(view.thing >= 0)
    seen[view.thing[view.thing >= 0], row, column] = True
    pixels = seen.sum((1, 2))
    kept = pixels >= FEWEST
    labels = np.array([thing.label for scene in scenes for thing in scene.things], int)
    known = attributes(scenes, view, seen) if len(labels) else np.zeros((0, len(ATTRIBUTES)), bool)
    count = np.bincount(image[kept], minlength=len(scenes))
    return Found(_boxes(seen[kept]), labels[kept], known[kept], pixels[kept], count)


def _boxes(masks: ndarray) -> ndarray:
    """(K, 4) of the masks (K, H, W): left, top, right, bottom edges in pixels, x to the right and y down."""
    left, right = _ends(masks.any(1))
    top, bottom = _ends(masks.any(2))
    return np.stack([left, top, right, bottom], 1).astype(np.float32)


def _ends(line: ndarray) -> tuple[ndarray, ndarray]:
    return line.argmax(1), line.shape[1] - line[:, ::-1].argmax(1)
