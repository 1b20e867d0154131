"""One prepared frame: its three files, and how they are kept in memory."""

from pathlib import Path
from types import ModuleType

import numpy as np

from xstitch_lib.data.nyuv2.layout import CLASSES, FILES, SIZE
from xstitch_lib.data.tensors import IGNORE

# Rows and columns of a frame that are looked at. In all 1449 images the outermost 3 rows at the top and the bottom, 3
# columns at the left and 4 at the right are more than half white, and one more on each side has a share of 8 to 33 %;
# the normals, from depth that was made up there, jump in the outermost 4 rows and columns at the top and the left and
# 5 at the bottom and the right. 1.5 % of the labelled pixels lie there.
INSIDE = slice(4, -5)
MODES = {"image": "RGB", "seg": "L", "normals": "RGB"}
CERTAIN = 0.5  # a vector shorter than this is an unknown normal


def read(folder: Path, number: int) -> dict[str, np.ndarray]:
    """A frame's files: "image" and "normals" (H, W, 3), "seg" (H, W), all uint8.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if one is damaged, of another size, or not labels from 0 to 40.
    """
    arrays = {name: _open(folder, file.format(number), MODES[name]) for name, file in FILES.items()}
    if arrays["seg"].max() > len(CLASSES):
        raise ValueError(
            f"{FILES['seg'].format(number)} in {folder} holds label {arrays['seg'].max()}, but labels are 0, unknown, "
            f"to {len(CLASSES)}: {_AGAIN}"
        )
    return arrays


def compact(arrays: dict[str, np.ndarray], factor: int) -> dict[str, np.ndarray]:
    """What `read` gives, as it is stored: see `NYUv2`; ``factor`` times smaller in both directions."""
    inside = np.zeros(SIZE, bool)
    inside[INSIDE, INSIDE] = True
    middle = slice(factor // 2, None, factor)
    seg = np.where(inside, arrays["seg"].astype(np.int8) - 1, np.int8(IGNORE))[middle, middle]  # 0 becomes IGNORE
    image = _mean(arrays["image"].astype(np.float32), factor).round().astype(np.uint8)
    normals = _unit((arrays["normals"].astype(np.float32) - 128) / 127) * inside[..., None]
    if factor > 1:
        normals = _unit(_mean(normals, factor))
    return {
        "image": image.transpose(2, 0, 1),
        "seg": seg,
        "normals": (127 * normals).round().astype(np.int8).transpose(2, 0, 1),
    }


def pillow() -> ModuleType:
    """Pillow's module Image."""
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("to read or write NYU-v2's frames, `pip install pillow`") from error
    return Image


def _open(folder: Path, name: str, mode: str) -> np.ndarray:
    try:
        with pillow().open(folder / name) as picture:
            found = picture.size[::-1], picture.mode
            picture.load()
            array = np.asarray(picture)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{name} is missing in {folder}: prepare writes what is missing, run it again"
        ) from error
    except (OSError, SyntaxError) as error:  # the second for damaged PNGs
        raise ValueError(f"{name} in {folder} cannot be read ({error}): {_AGAIN}") from error
    if found != (SIZE, mode):
        (height, width), kind = found
        raise ValueError(
            f"{name} in {folder} is {height}×{width} pixels of kind {kind}, not {SIZE[0]}×{SIZE[1]} of kind {mode} as "
            f"in every prepared frame: {_AGAIN}"
        )
    return array


_AGAIN = "delete it and run xs.data.nyuv2.prepare again, which writes what is missing"


def _mean(array: np.ndarray, factor: int) -> np.ndarray:
    height, width, channels = array.shape
    return array.reshape(height // factor, factor, width // factor, factor, channels).mean((1, 3))


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=2, keepdims=True)
    return np.where(lengths > CERTAIN, vectors / lengths.clip(min=CERTAIN), 0)
