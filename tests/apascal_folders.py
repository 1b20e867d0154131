"""Small aPascal folders for tests: pictures, lists and VOC's annotations."""

import numpy as np
from PIL import Image

from xstitch_lib.data.apascal.layout import ATTRIBUTES

SIZES = {1: (60, 40), 2: (40, 60), 3: (50, 50), 4: (80, 40), 7: (60, 40), 8: (64, 48)}  # width, height; number → name
TEST = {5: (60, 40), 6: (48, 64)}


def name(number):
    return f"2008_{number:06d}"


def line(number, label, box, on=()):
    """A line of a list; ``on`` are the places of its attributes."""
    attributes = [int(place in on) for place in range(len(ATTRIBUTES))]
    return " ".join(map(str, [f"{name(number)}.jpg", label, *box, *attributes]))


def write(folder, train=SIZES, test=TEST):
    """Pictures, each of one colour with a square of another, whose box is that of its first object, a cat."""
    (folder / "JPEGImages").mkdir(parents=True)
    for part, sizes in (("train", train), ("test", test)):
        lines = []
        for number, (width, height) in sizes.items():
            picture = np.full((height, width, 3), (20, 40, 10 * number), np.uint8)
            picture[8:32, 16:32] = 240, 220, 200
            options = {"quality": 100, "subsampling": 0}
            Image.fromarray(picture).save(folder / f"JPEGImages/{name(number)}.jpg", **options)
            lines += [line(number, "cat", (17, 9, 32, 32), on=[0, 63]), line(number, "dog", (1, 1, width, height), [1])]
        (folder / f"apascal_{part}.txt").write_text("\n".join(lines) + "\n")
    return folder


def write_annotation(folder, number, objects):
    """VOC's annotation of a picture; ``objects`` are (class, box, difficult)."""
    (folder / "Annotations").mkdir(exist_ok=True)
    sides = ("xmin", "ymin", "xmax", "ymax")
    texts = [
        f"<object><name>{label}</name><difficult>{hard}</difficult><bndbox>"
        + "".join([f"<{side}>{at}</{side}>" for side, at in zip(sides, box, strict=True)])
        + "</bndbox><part><name>head</name></part></object>"
        for label, box, hard in objects
    ]
    (folder / f"Annotations/{name(number)}.xml").write_text(f"<annotation>{''.join(texts)}</annotation>")
