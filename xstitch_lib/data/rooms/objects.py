"""The things of a picture as a detector wants them: boxes, labels, attributes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from xstitch_lib.data.rooms.render import View
from xstitch_lib.data.rooms.scene import CHECKERED, CUBE, STRIPED, WAVY, Scene, Thing

FEWEST = 6  # pixels that make an object
HIDDEN = 0.75  # an object is occluded if less than this share of what the frame holds of it is seen
STRONGER = 1.4  # a colour is reddish if red is that much stronger than green and blue

ATTRIBUTES = (
    *("reddish", "greenish", "bluish", "dark", "striped", "checkered", "wavy", "round", "tall", "large", "rotated"),
    *("on floor", "on wall", "on furniture", "occluded", "truncated"),
)


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
    things = [thing for scene in scenes for thing in scene.things]
    seen = np.zeros_like(view.shown)
    _, row, column = np.nonzero(view.thing >= 0)
    seen[view.thing[view.thing >= 0], row, column] = True
    pixels, whole = seen.sum((1, 2)), view.shown.sum((1, 2))
    edges = view.shown[:, [0, -1]].any((1, 2)) | view.shown[:, :, [0, -1]].any((1, 2))
    known = np.array([_attributes(thing) for thing in things], bool).reshape(len(things), len(ATTRIBUTES) - 2)
    attributes = np.column_stack([known, pixels < HIDDEN * whole, edges])
    labels = np.array([thing.label for thing in things], int)
    kept = pixels >= FEWEST
    count = np.bincount(image[kept], minlength=len(scenes))
    return Found(_boxes(seen[kept]), labels[kept], attributes[kept], pixels[kept], count)


def _attributes(thing: Thing) -> list[bool]:
    main = thing.solids[0]
    (red, green, blue), pattern = main.paint[:2]
    return [
        red > STRONGER * max(green, blue),
        green > STRONGER * max(red, blue),
        blue > STRONGER * max(red, green),
        0.3 * red + 0.6 * green + 0.1 * blue < 0.3,
        *[pattern == p for p in (STRIPED, CHECKERED, WAVY)],
        main.shape != CUBE,
        thing.size[1] > 1,
        max(thing.size) > 1.2,
        main.shape == CUBE and abs(np.sin(2 * main.yaw)) > np.sin(np.radians(20)),
        *[thing.support == support for support in ("floor", "wall", "furniture")],
    ]


def _boxes(masks: ndarray) -> ndarray:
    """(K, 4) of the masks (K, H, W): left, top, right, bottom edges in pixels, x to the right and y down."""
    left, right = _ends(masks.any(1))
    top, bottom = _ends(masks.any(2))
    return np.stack([left, top, right, bottom], 1).astype(np.float32)


def _ends(line: ndarray) -> tuple[ndarray, ndarray]:
    return line.argmax(1), line.shape[1] - line[:, ::-1].argmax(1)
