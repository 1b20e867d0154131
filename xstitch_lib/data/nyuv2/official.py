"""The official files: the labelled frames (Matlab 7.3, which is HDF5), the split, and the mapping to 40 classes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from xstitch_lib.data.nyuv2.layout import CLASSES, MAT, OFFICIAL, STEPS, check_lists

HEIGHT, WIDTH = 480, 640
# as h5py shows them: Matlab's last axis is first
SHAPES = {"images": (3, WIDTH, HEIGHT), "depths": (WIDTH, HEIGHT), "labels": (WIDTH, HEIGHT)}


class Labelled:
    """The labelled frames in an open file; see `open_labelled`.

    Attributes:
        names: what the labels 1, 2, … are called.
        scenes: the room of each frame; empty if the file does not tell.
    """

    def __init__(self, file: Any, path: Path):
        self.file, self.path = file, path
        self.names = self._words("names")
        self.scenes = self._words("scenes") if "scenes" in file else []

    def image(self, number: int) -> np.ndarray:
        """(480, 640, 3) uint8 of the frame with this official number, 1…1449."""
        return self.file["images"][number - 1].transpose(2, 1, 0)

    def depth(self, number: int) -> np.ndarray:
        """(480, 640) float32 metres, 0 where missing."""
        return self.file["depths"][number - 1].T

    def labels(self, number: int) -> np.ndarray:
        """(480, 640) uint16, 0 where unlabelled, else the place in ``names``, from 1.

        Raises:
            ValueError: if a label has no name.
        """
        labels = self.file["labels"][number - 1].T
        if labels.max() > len(self.names):
            raise ValueError(
                f"frame {number} of {self.path} holds label {labels.max()}, but the file names {len(self.names)} "
                "labels: it is not the official file, download it again"
            )
        return labels

    def _words(self, name: str) -> list[str]:
        references = np.array(self.file[name]).flatten()  # a cell array: references to texts in UTF-16
        return ["".join([chr(letter) for letter in self.file[ref][:].flatten()]) for ref in references]


@contextmanager
def open_labelled(path: Path) -> Iterator[Labelled]:
    """The official labelled frames, checked to be complete.

    Raises:
        FileNotFoundError: if there is no such file; the message tells where it comes from.
        ValueError: if it is cut off, or another file.
        ModuleNotFoundError: if h5py is missing.
    """
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"to read {path.name}, `pip install h5py pillow scipy`") from error
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: {STEPS}")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(
            f"{path} is cut off or is not {MAT} ({error}): delete it and run xs.data.nyuv2.download again"
        ) from error
    with file:
        _check(file, path)
        yield Labelled(file, path)


def read_splits(path: Path) -> dict[str, list[int]]:
    """{"train": 795, "test": 654 official numbers} of the official splits.mat."""
    content = _load(path, "trainNdxs", "testNdxs")
    lists = {name: sorted(content[f"{name}Ndxs"].flatten().tolist()) for name in OFFICIAL}
    check_lists(lists, path)
    return lists


def read_mapping(path: Path, names: list[str]) -> np.ndarray:
    """(labels + 1,) uint8, from a label to one of the 40 classes, 1…40, by its name; 0 stays 0.

    Raises:
        ValueError: if a name is not mapped, or the classes are others.
    """
    content = _load(path, "allClassName", "mapClass", "className")
    if tuple(_texts(content["className"])) != CLASSES:
        raise ValueError(f"{path} is not the official mapping to 40 classes: {STEPS}")
    every, to = _texts(content["allClassName"]), content["mapClass"].flatten().tolist()
    if len(every) != len(to) or not {*to} <= {*range(1, len(CLASSES) + 1)}:
        raise ValueError(
            f"{path} must map each of its {len(every)} labels to a class from 1 to {len(CLASSES)}, but has {len(to)} "
            f"classes from {min(to, default=0)} to {max(to, default=0)}: it is not the official mapping; {STEPS}"
        )
    mapping = dict(zip(every, to, strict=True))
    unmapped = [name for name in names if name not in mapping]
    if unmapped:
        raise ValueError(f"{path} maps no label {unmapped[0]!r} to a class: {STEPS}")
    return np.array([0, *[mapping[name] for name in names]], np.uint8)


def _texts(cells: np.ndarray) -> list[str]:
    return [str(cell[0]) for cell in cells.flatten()]


def _check(file: Any, path: Path) -> None:
    missing = [name for name in (*SHAPES, "names") if name not in file]
    if missing:
        raise ValueError(f"{path} is not {MAT}: it has no {missing[0]!r}, but {', '.join(file)}; {STEPS}")
    for name, shape in SHAPES.items():
        wanted = (sum(OFFICIAL.values()), *shape)
        if file[name].shape != wanted:
            raise ValueError(f"{path} is not {MAT}: {name!r} is {file[name].shape}, not {wanted}; {STEPS}")


def _load(path: Path, *names: str) -> dict[str, np.ndarray]:
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"to read {path.name}, `pip install scipy`") from error

    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: {STEPS}")
    try:
        content = loadmat(path)
    except Exception as error:  # what scipy raises depends on where a file is damaged
        raise ValueError(f"{path} cannot be read ({type(error).__name__}: {error}): download it again") from error
    missing = [name for name in names if name not in content]
    if missing:
        raise ValueError(f"{path} is another file than {path.name}: it has no {missing[0]!r}; {STEPS}")
    return content
