"""What can be said of a thing: its paints and build, its parts that are seen, how it stands to camera and others.

All of it is read off the scene and off which solid each pixel shows; nothing is drawn. Where a thing is and how it is
turned is said of its box; of others only those count that are objects of the picture.
"""

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from xstitch_lib.data.rooms import standing
from xstitch_lib.data.rooms.furniture import CLASSES
from xstitch_lib.data.rooms.render import View
from xstitch_lib.data.rooms.scene import CHECKERED, CUBE, PLAIN, STRIPED, WAVY, Scene, Thing

FEWEST = 6  # pixels that make an object
OF_A_PART = 3  # pixels that show a part
HIDDEN = 0.75  # share of what the frame holds of a thing
STRONGER = 1.4  # times as strong is a colour that gives its name
DARK, PALE = 0.3, 0.75  # brightness
GREY = 0.15  # between a paint's strongest and weakest colour
TWO = 0.25  # between two paints, in one of their colours
FINE = 0.4  # metres within which a pattern repeats
NEAR, FAR = 1.6, 3.3  # metres
TURNED, AWAY = 30, 120  # degrees
LONG = 1.5  # times as long as wide
AT_WALL, AT_CORNER, ASIDE, TOUCHING = 0.1, 0.5, 0.5, 0.1  # metres
FRONTED = ("door", "window", "bed", "cabinet", "sofa", "picture", "chair")

MEANING = {
    "reddish": f"its main part's paint is over {STRONGER} times as strong in red as in green and in blue",
    "greenish": "the same of green",
    "bluish": "the same of blue",
    "dark": f"that paint's brightness, 0.3 red + 0.6 green + 0.1 blue, is below {DARK}",
    "striped": "its main part has stripes with hard edges",
    "checkered": "its main part has checks",
    "wavy": "its main part has stripes with soft edges",
    "round": "its main part is a cylinder or a ball",
    "tall": "over 1 m high",
    "large": "over 1.2 m wide, high or deep",
    "rotated": "its main part is a box over 10° askew to the room",
    "on floor": "it stands or lies on the floor",
    "on wall": "it is on a wall, as doors are too",
    "on furniture": "it stands on a table or a cabinet",
    "occluded": f"less than {HIDDEN} of what the frame holds of it is seen",
    "truncated": "it reaches the frame",
    "legs seen": f"at least {OF_A_PART} pixels show legs, as tables have them",
    "backrest seen": f"at least {OF_A_PART} pixels show a back, of a sofa or a chair",
    "armrest seen": f"at least {OF_A_PART} pixels show arms, of a sofa",
    "frame seen": f"at least {OF_A_PART} pixels show a frame, of a window or a picture",
    "headboard seen": f"at least {OF_A_PART} pixels show a bed's headboard",
    "pillow seen": f"at least {OF_A_PART} pixels show a bed's pillow",
    "cord seen": f"at least {OF_A_PART} pixels show a lamp's cord",
    "above eye": "all of it is higher than the camera",
    "faces camera": f"it has a front, which is at most {TURNED}° off the way to the camera, seen from above",
    "from behind": f"it has a front, which is over {AWAY}° off that way",
    "end-on": f"over {LONG} times as long as wide, and its long axis is at most {TURNED}° off that way",
    "near": f"its middle is less than {NEAR} m from the camera",
    "far": f"its middle is over {FAR} m from the camera",
    "by wall": f"on the floor, less than {AT_WALL} m from a wall",
    "in corner": f"on the floor, less than {AT_CORNER} m from two walls that meet",
    "carries": "another object stands on it",
    "on rug": "on the floor, with its middle over a rug",
    "has twin": "another object of its class is in the picture",
    "below window": f"before a window, less than {ASIDE} m from its wall, and not higher than its middle",
    "hides another": f"at least {FEWEST} of its pixels would show another object if it were not there",
    "beside a twin": f"less than {ASIDE} m from another object of its class",
    "two-tone": f"at least {OF_A_PART} pixels each of two paints that are over {TWO} apart in red, green or blue",
    "pale": f"its main part's brightness is over {PALE}",
    "grey": f"less than {GREY} between its main part's strongest and weakest colour",
    "yellowish": f"red and green of its main part are over {STRONGER} times as strong as blue",
    "fine pattern": f"the pattern of its main part repeats within {FINE} m",
    "touching": f"less than {TOUCHING} m from another object that stands or hangs on the same; rugs left out",
}
ATTRIBUTES = tuple(MEANING)
# a network soon knows the first four, and learns next to nothing of the others from 48×64 pixels
LEFT_OUT = ("on floor", "on wall", "tall", "truncated", "striped", "wavy", "checkered", "occluded")
OF_DETECTION = tuple([name for name in ATTRIBUTES if name not in LEFT_OUT])

Known = dict[str, ndarray]  # name → (T,) bool, for all things


def attributes(scenes: Sequence[Scene], view: View, seen: ndarray) -> ndarray:
    """(T, A) bool, of all T things of the scenes: which of `ATTRIBUTES` each one has.

    Args:
        scenes: one or more, which hold a thing at least.
        view: what their cameras see.
        seen: (T, H, W) bool, where each thing is seen.
    """
    things = [thing for scene in scenes for thing in scene.things]
    image = np.repeat(np.arange(len(scenes)), [len(scene.things) for scene in scenes])
    pixels = seen.sum((1, 2))
    boxes = standing.boxes(scenes, image)
    label = np.array([thing.label for thing in things])
    known = {
        **_made(things),
        **_painted(things),
        **_shown(view, pixels),
        **_parts(things, view),
        **_turned(boxes, label),
        **_placed(boxes, things),
        **_related(boxes, things, label, image, pixels >= FEWEST),
        "hides another": _hides(view, image, pixels >= FEWEST),
    }
    return np.stack([known[name] for name in ATTRIBUTES], 1)


def _made(things: Sequence[Thing]) -> Known:
    shape, yaw = np.array([(thing.solids[0].shape, thing.solids[0].yaw) for thing in things]).T
    size, support = np.array([thing.size for thing in things]).T, np.array([thing.support for thing in things])
    return {
        "round": shape != CUBE,
        "tall": size[1] > 1,
        "large": size.max(0) > 1.2,
        "rotated": (shape == CUBE) & (abs(np.sin(2 * yaw)) > np.sin(np.radians(20))),
        **{f"on {place}": support == place for place in ("floor", "wall", "furniture")},
    }


def _painted(things: Sequence[Thing]) -> Known:
    colour, pattern, waves = [np.array(x) for x in zip(*[thing.solids[0].paint for thing in things], strict=True)]
    red, green, blue = colour.T
    brightness = 0.3 * red + 0.6 * green + 0.1 * blue
    return {
        "reddish": red > STRONGER * np.maximum(green, blue),
        "greenish": green > STRONGER * np.maximum(red, blue),
        "bluish": blue > STRONGER * np.maximum(red, green),
        "yellowish": np.minimum(red, green) > STRONGER * blue,
        "grey": np.ptp(colour, 1) < GREY,
        "dark": brightness < DARK,
        "pale": brightness > PALE,
        "striped": pattern == STRIPED,
        "checkered": pattern == CHECKERED,
        "wavy": pattern == WAVY,
        "fine pattern": (pattern != PLAIN) & (waves.max(1) * FINE > 1),
    }


def _shown(view: View, pixels: ndarray) -> Known:
    whole = view.shown.sum((1, 2))
    return {
        "occluded": pixels < HIDDEN * whole,
        "truncated": view.shown[:, [0, -1]].any((1, 2)) | view.shown[:, :, [0, -1]].any((1, 2)),
    }


def _parts(things: Sequence[Thing], view: View) -> Known:
    solids = [solid for thing in things for solid in thing.solids]
    counts = np.bincount(view.solid[view.solid >= 0], minlength=len(solids))
    sizes = [len(thing.solids) for thing in things]
    first, names = np.cumsum(sizes) - sizes, np.array([solid.part for solid in solids])

    def enough(chosen: ndarray) -> ndarray:
        return np.add.reduceat(np.where(chosen, counts, 0), first) >= OF_A_PART

    colour = np.array([solid.paint.colour for solid in solids])
    other = abs(colour - np.repeat(colour[first], sizes, axis=0)).max(1) > TWO
    parts = {"legs": "leg"} | {name: name for name in ("backrest", "armrest", "frame", "headboard", "pillow", "cord")}
    seen = {f"{part} seen": enough(names == name) for part, name in parts.items()}
    return {**seen, "two-tone": enough(other) & enough(~other)}


def _turned(boxes: standing.Boxes, label: ndarray) -> Known:
    way, fronted = standing.to_camera(boxes), _is_a(label, *FRONTED)
    ahead, aside = (way * boxes.front).sum(0), (way * boxes.right).sum(0)
    (width, _, depth), along = boxes.half, np.cos(np.radians(TURNED))
    long_ahead, long_aside = depth > LONG * width, width > LONG * depth
    return {
        "faces camera": fronted & (ahead >= along),
        "from behind": fronted & (ahead < np.cos(np.radians(AWAY))),
        "end-on": (long_ahead & (abs(ahead) >= along)) | (long_aside & (abs(aside) >= along)),
    }


def _placed(boxes: standing.Boxes, things: Sequence[Thing]) -> Known:
    floor = np.array([thing.support == "floor" for thing in things])
    side, end = standing.to_walls(boxes)
    away = np.sqrt(((boxes.middle - boxes.camera) ** 2).sum(0))
    return {
        "above eye": boxes.middle[1] + boxes.half[1] < boxes.camera[1],
        "near": away < NEAR,
        "far": away > FAR,
        "by wall": floor & (np.minimum(side, end) < AT_WALL),
        "in corner": floor & (np.maximum(side, end) < AT_CORNER),
    }


def _related(boxes: standing.Boxes, things: Sequence[Thing], label: ndarray, image: ndarray, seen: ndarray) -> Known:
    pair = (image[:, None] == image) & seen[:, None] & seen & ~np.eye(len(image), dtype=bool)
    one, other = np.nonzero(pair)
    of, to = boxes.at(one), boxes.at(other)
    support = np.array([thing.support for thing in things])
    over, gap, twins = standing.within(of, to), standing.between(of, to), label[one] == label[other]
    ahead, distance = standing.before(of, to)
    below = _is_a(label[one], "window") & ahead & (distance < ASIDE) & (to.middle[1] - to.half[1] >= of.middle[1])
    on_rug = _is_a(label[one], "rug") & over & (support[other] == "floor")
    carries = (support[one] == "floor") & (support[other] == "furniture") & over & ~_is_a(label[one], "rug")
    beside = (support[one] == support[other]) & ~_is_a(label[one], "rug") & ~_is_a(label[other], "rug")

    def some(of: ndarray, holds: ndarray) -> ndarray:
        return np.bincount(of[holds], minlength=len(label)) > 0

    return {
        "carries": some(one, carries),
        "on rug": some(other, on_rug),
        "has twin": some(one, twins),
        "below window": some(other, below),
        "beside a twin": some(one, twins & (gap < ASIDE)),
        "touching": some(one, beside & (gap < TOUCHING)),
    }


def _hides(view: View, image: ndarray, seen: ndarray) -> ndarray:
    area = view.thing[0].size
    which, pixel = np.divmod(np.flatnonzero(view.shown[seen]), area)
    layers = np.bincount(image[seen][which] * area + pixel, minlength=view.thing.size).reshape(view.thing.shape)
    return np.bincount(view.thing[(layers > 1) & (view.thing >= 0)], minlength=len(image)) >= FEWEST


def _is_a(label: ndarray, *names: str) -> ndarray:
    return np.isin(label, [CLASSES.index(name) for name in names])
