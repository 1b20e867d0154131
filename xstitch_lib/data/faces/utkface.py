"""UTKFace: aligned pictures of faces, with age, gender and race in their names."""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from xstitch_lib.data.tensors import TensorData

SIZE = 64  # pixels a side
NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_\d+\.jpg\.chip\.jpg")
SPLITS = ("train", "validation", "test")
AGES = (0, 18, 30, 45, 60)  # each class's youngest
STEPS = (
    "get the aligned and cropped faces of UTKFace from its authors, shrink them to 64×64 pixels under the names that "
    "they have, and put them into one folder"
)


class UTKFace(TensorData):
    """Pictures of faces at 64×64 pixels, with gender and age; who is on them is not known.

    Args:
        root: a folder of pictures named age_gender_race_date.jpg.chip.jpg; None, ``utkface`` in the folder that the
            variable XSTITCH_DATA names.
        split: "train", two thirds; "validation" or "test", a sixth each. A picture's place follows from a digest of its
            name. One person may be on pictures of several splits: nobody knows.

    Attributes:
        tensors: "image" (N, 3, 64, 64), stored as uint8 and handed out as float32 in [0, 1]; "gender" (N,) int64, 0
            male, 1 female; "age" (N,) int64, 0…4, one of ``ages``; "years" (N,) float32.
        genders, ages: the names of the labels. Ages are guesses of an algorithm that people looked over.
        malformed: names in the folder, of all splits, that are not of this form; these pictures are left out.

    Raises:
        ValueError: for an unknown split, or a picture that is damaged or of another size.
        FileNotFoundError: if the folder is missing or has no such picture.
        ModuleNotFoundError: if Pillow is missing.

    Source: Zhang, Song and Qi, "Age Progression/Regression by Conditional Adversarial Autoencoder", CVPR 2017; for
    research that is not commercial.
    """

    genders = ("male", "female")
    ages = ("0 to 17", "18 to 29", "30 to 44", "45 to 59", "60 or more")

    def __init__(self, root: str | Path | None = None, split: str = "train"):
        if split not in SPLITS:
            raise ValueError(f"split must be 'train', 'validation' or 'test'; got {split!r}")
        folder = _find(root)
        self.split = split
        labels, self.malformed = _read_names(folder)
        kept = [one for one in labels if _split_of(one.file) == split]
        years = torch.tensor([one.age for one in kept], dtype=torch.float32)
        super().__init__(
            {
                "image": _read_pictures(folder, [one.file for one in kept]),
                "gender": torch.tensor([one.gender for one in kept]),
                "age": torch.bucketize(years, torch.tensor(AGES[1:]), right=True),
                "years": years,
            }
        )

    def __repr__(self) -> str:
        return f"UTKFace(split={self.split!r}, {len(self)} pictures, {len(self.malformed)} malformed names left out)"

    def decode(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Stored bytes as pictures in [0, 1]; other names pass."""
        return {name: x.float().div_(255) if name == "image" else x for name, x in batch.items()}


class Label(NamedTuple):
    """What a picture's name says; race as the authors number it."""

    file: str
    age: int
    gender: int
    race: int


def parse(file: str) -> Label | None:
    """What a name says; None if it is malformed.

    >>> parse("26_1_2_20170104.jpg.chip.jpg")
    Label(file='26_1_2_20170104.jpg.chip.jpg', age=26, gender=1, race=2)
    >>> parse("39_1_20170116174525125.jpg.chip.jpg")  # without a race
    """
    found = NAME.fullmatch(file)
    return Label(file, *map(int, found.groups())) if found else None


def _find(root: str | Path | None) -> Path:
    if root is None and not os.environ.get("XSTITCH_DATA"):
        raise FileNotFoundError(
            "UTKFace needs root=, a folder of its pictures, or the environment variable XSTITCH_DATA, a folder with "
            f"utkface/ in it; got neither: {STEPS}"
        )
    return Path(os.environ["XSTITCH_DATA"], "utkface") if root is None else Path(root).expanduser()


def _read_names(folder: Path) -> tuple[list[Label], tuple[str, ...]]:
    names = sorted([path.name for path in folder.glob("*.jpg")])
    labels = {name: parse(name) for name in names}
    if not any(labels.values()):
        raise FileNotFoundError(f"{folder} has no picture that is named age_gender_race_date.jpg.chip.jpg: {STEPS}")
    malformed = tuple([name for name, label in labels.items() if label is None])
    return [label for label in labels.values() if label is not None], malformed


def _split_of(file: str) -> str:
    place = hashlib.sha256(file.encode()).digest()[0] % 6
    return {0: "test", 1: "validation"}.get(place, "train")


def _read_pictures(folder: Path, files: Sequence[str]) -> Tensor:
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("to read UTKFace, `pip install xstitch_lib[full]`, which has Pillow") from error
    pictures = np.empty((len(files), SIZE, SIZE, 3), np.uint8)
    for place, file in enumerate(files):
        try:
            with Image.open(folder / file) as picture:
                pixels = np.asarray(picture.convert("RGB"))
        except OSError as error:
            raise ValueError(f"{folder / file} is damaged ({error}): get it again; {STEPS}") from error
        if pixels.shape != pictures.shape[1:]:
            raise ValueError(
                f"{folder / file} is {pixels.shape[1]}×{pixels.shape[0]} pixels, not {SIZE}×{SIZE}: {STEPS}"
            )
        pictures[place] = pixels
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()
