"""A folder of aPascal: what lies where, which picture is in which split, and the names of classes and attributes."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

LISTS = {"train": "apascal_train.txt", "validation": "apascal_train.txt", "test": "apascal_test.txt"}
VOC = Path("VOCdevkit", "VOC2008")  # where the archive of VOC 2008 unpacks to
CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
ATTRIBUTES = (
    *("2D Boxy", "3D Boxy", "Round", "Vert Cyl", "Horiz Cyl", "Occluded"),
    *("Tail", "Beak", "Head", "Ear", "Snout", "Nose", "Mouth", "Hair", "Face", "Eye"),
    *("Torso", "Hand", "Arm", "Leg", "Foot/Shoe"),
    *("Wing", "Propeller", "Jet engine", "Window", "Row Wind", "Wheel", "Door", "Headlight", "Taillight"),
    *("Side mirror", "Exhaust", "Pedal", "Handlebars", "Engine", "Sail", "Mast"),
    *("Text", "Label", "Furn. Leg", "Furn. Back", "Furn. Seat", "Furn. Arm", "Horn", "Rein", "Saddle"),
    *("Leaf", "Flower", "Stem/Trunk", "Pot", "Screen"),
    *("Skin", "Metal", "Plastic", "Wood", "Cloth", "Furry", "Glass", "Feather", "Wool", "Clear", "Shiny"),
    *("Vegetation", "Leather"),
)
STEPS = "on a machine with network, xs.data.apascal.download(root) fetches lists and pictures, and APascal(root) reads"


class Folder(NamedTuple):
    """Where the two lists, the pictures and VOC's annotations lie; of the last two there may be no folder."""

    lists: Path
    pictures: Path
    annotations: Path


def find(root: str | Path | None) -> Folder:
    """The parts of ``root``; None, of ``voc2008`` in the folder that the variable XSTITCH_DATA names.

    Pictures and annotations lie beside the lists, or in the folder of VOC 2008 below.

    Raises:
        FileNotFoundError: if there is no such folder, or a list is missing in it.
    """
    if root is None and not os.environ.get("XSTITCH_DATA"):
        raise FileNotFoundError(
            "APascal needs root=, a folder with aPascal's lists and VOC 2008's pictures, or the environment variable "
            f"XSTITCH_DATA, a folder with voc2008/ in it; got neither: {STEPS}"
        )
    folder = Path(os.environ["XSTITCH_DATA"], "voc2008") if root is None else Path(root).expanduser()
    missing = [name for name in dict.fromkeys(LISTS.values()) if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{folder} is not a folder of aPascal, it lacks {' and '.join(missing)}: {STEPS}")
    voc = folder if (folder / "JPEGImages").is_dir() else folder / VOC
    return Folder(folder, voc / "JPEGImages", voc / "Annotations")


def part(names: Sequence[str], split: str) -> list[str]:
    """Those of a list's pictures ``names`` that are in the split.

    "validation" is every fifth picture of the training list from the third on, in the order of their names, "train" is
    the rest. Names are counted before it is looked which pictures are there, so none changes its side.
    """
    names = sorted(names)
    if split == "test":
        return names
    held_out = {*names[2::5]}
    return [name for name in names if (name in held_out) == (split == "validation")]
