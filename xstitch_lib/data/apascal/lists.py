"""aPascal's lists of objects, a line each, and which of them VOC calls difficult."""

import math
import re
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from xstitch_lib.data.apascal.layout import ATTRIBUTES, CLASSES

PICTURE = re.compile(r"\d{4}_\d{6}\.jpg", re.ASCII)
FIELDS = 6 + len(ATTRIBUTES)  # picture, class, xmin, ymin, xmax, ymax, attributes
AGAIN = "take the list from the authors' archive, which is what xs.data.apascal.download does"


class Object(NamedTuple):
    """One line of a list.

    Attributes:
        label: 0…19.
        box: xmin, ymin, xmax, ymax as VOC counts them: pixels from 1 on, the last ones belong to the object.
        attributes: 64 numbers, 0 or 1.
        line: where it stands in the list, from 1 on.
    """

    label: int
    box: tuple[float, ...]
    attributes: tuple[int, ...]
    line: int


def read_list(path: Path) -> dict[str, list[Object]]:
    """The objects of each picture, by the picture's name without its ending.

    Raises:
        ValueError: for a line that is none of aPascal's; the message names it.
    """
    pictures: dict[str, list[Object]] = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if words := line.split():
            try:
                pictures.setdefault(words[0].removesuffix(".jpg"), []).append(_object(words, number))
            except ValueError as error:
                raise ValueError(f"line {number} of {path} {error}: {AGAIN}") from error
    return pictures


def difficult(annotation: Path, objects: list[Object]) -> list[bool]:
    """Which of a picture's objects VOC's annotation calls difficult: that of the same class and box says so.

    Raises:
        ValueError: if the file is missing or damaged.
    """
    try:
        objects_there = ElementTree.parse(annotation).iter("object")
        found = {_named(each): each.findtext("difficult") == "1" for each in objects_there}
    except (OSError, ElementTree.ParseError, TypeError, ValueError) as error:
        raise ValueError(
            f"{annotation} cannot be read ({error}): unpack VOC 2008's annotations again, or move their folder away to "
            "do without the difficult flags"
        ) from error
    return [found.get((CLASSES[each.label], *each.box), False) for each in objects]


def _object(words: list[str], line: int) -> Object:
    if len(words) != FIELDS:
        raise ValueError(f"has {len(words)} fields, not {FIELDS}: picture, class, four numbers and {len(ATTRIBUTES)}")
    if not PICTURE.fullmatch(words[0]):
        raise ValueError(f"names the picture {words[0]!r}, but VOC's names are such as 2008_000008.jpg")
    if words[1] not in CLASSES:
        raise ValueError(f"names the class {words[1]!r}, which is none of VOC's {len(CLASSES)}")
    box = tuple(map(_number, words[2:6]))
    if not (1 <= box[0] <= box[2] and 1 <= box[1] <= box[3]):
        raise ValueError(f"has the box {' '.join(words[2:6])}, but 1 ≤ xmin ≤ xmax and 1 ≤ ymin ≤ ymax must hold")
    if wrong := [word for word in words[6:] if word not in ("0", "1")]:
        raise ValueError(f"has the attribute {wrong[0]!r}, which is neither 0 nor 1")
    return Object(CLASSES.index(words[1]), box, tuple(map(int, words[6:])), line)


def _number(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"has {word!r} where a number of the box belongs")
    return number


def _named(element: ElementTree.Element) -> tuple[str | float, ...]:
    sides = [float(element.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]
    return (element.findtext("name"), *sides)
