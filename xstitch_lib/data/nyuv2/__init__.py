"""NYU-Depth v2: photographs of rooms with the class and the surface normal of every pixel.

Silberman, Hoiem, Kohli and Fergus, "Indoor Segmentation and Support Inference from RGBD Images", ECCV 2012; the 40
classes are those of Gupta, Arbelaez and Malik, CVPR 2013.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from xstitch_lib.data.nyuv2.download import download
from xstitch_lib.data.nyuv2.frames import compact, read
from xstitch_lib.data.nyuv2.geometry import normals_from_depth
from xstitch_lib.data.nyuv2.layout import CLASSES, SIZE, SPLITS, find, read_split
from xstitch_lib.data.nyuv2.prepare import prepare
from xstitch_lib.data.tensors import TensorData

__all__ = ["NYUv2", "download", "normals_from_depth", "prepare"]


class NYUv2(TensorData):
    """Photographs of 464 rooms with the class and the surface normal of every pixel.

    Photographs, labels and the split are official; normals are computed from the official depth.

    Args:
        root: a folder that `prepare` made; None, the folder ``nyuv2`` in the one the variable XSTITCH_DATA names.
        split: "train", "validation" or "test", 699, 96 and 654 frames. Test is the official one, validation every
            eighth run of consecutive frames among the official training frames (see `layout.held_out`).
        size: (H, W), 240×320 or that divided by a whole number. Smaller images are means, normals renormalised
            means, labels those of the middle pixel.

    Attributes:
        tensors: as stored, 7 bytes a pixel: "image" uint8; "seg" int8; "normals" int8, 127 times the unit vector, so
            to 0.4 degrees.
        classes: the names of the 40 classes.

    Samples and batches are decoded where the data lie: "image" (B, 3, H, W) float32 in [0, 1]; "seg" (B, H, W) int64,
    0…39, `IGNORE` (-1) where unlabelled; "normals" (B, 3, H, W) float32 unit vectors in the camera's frame (x right, y
    down, z forward) that point to the camera, all-zero where unknown. In the white frame around every image, 4
    pixels at the top and the left and 5 at the bottom and the right, labels and normals are unknown.

    The files are decoded once, with Pillow, which fits every version of torch and also writes them: for the training
    split about 10 seconds, and 376 MB are kept.

    Raises:
        ValueError: for an unknown split, another size, lists that are not a split, or a file that is damaged.
        FileNotFoundError: if the folder or one of its files is missing; the message tells how to make it.
        ModuleNotFoundError: if Pillow is missing.
    """

    classes = CLASSES

    def __init__(self, root: str | Path | None = None, split: str = "train", size: tuple[int, int] = SIZE):
        if split not in SPLITS:
            raise ValueError(f"split must be 'train', 'validation' or 'test'; got {split!r}")
        factor = _factor(size)
        folder = find(root)
        self.split, self.size = split, tuple(size)
        frames = read_split(folder, split)
        super().__init__(_read_all(folder, frames, factor), beside={"frames": torch.tensor(frames)})

    def __repr__(self) -> str:
        height, width = self.size
        return f"NYUv2(split={self.split!r}, {len(self)} images of {height}×{width})"

    @property
    def frames(self) -> tuple[int, ...]:
        """The samples' official numbers, 1…1449."""
        return tuple(self.beside["frames"].tolist())

    def decode(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Stored bytes as images in [0, 1], long labels and unit normals; other names pass."""
        return {name: DECODERS[name](x) if name in DECODERS else x for name, x in batch.items()}


def _unit(stored: Tensor) -> Tensor:
    vectors = stored.float()
    return vectors / vectors.square().sum(-3, keepdim=True).sqrt().clamp(min=1)  # of length 127, or 0


DECODERS = {"image": lambda stored: stored.float().div_(255), "seg": Tensor.long, "normals": _unit}


def _read_all(folder: Path, frames: Sequence[int], factor: int) -> dict[str, Tensor]:
    height, width = [side // factor for side in SIZE]
    stored = {
        "image": np.empty((len(frames), 3, height, width), np.uint8),
        "seg": np.empty((len(frames), height, width), np.int8),
        "normals": np.empty((len(frames), 3, height, width), np.int8),
    }
    for row, number in enumerate(tqdm(frames, desc="reading NYU-v2", disable=None)):  # quiet without a terminal
        for name, array in compact(read(folder, number), factor).items():
            stored[name][row] = array
    return {name: torch.from_numpy(array) for name, array in stored.items()}


def _factor(size: tuple[int, int]) -> int:
    for factor in range(1, min(SIZE) // 16 + 1):
        if isinstance(size, tuple | list) and tuple(size) == (SIZE[0] / factor, SIZE[1] / factor):
            return factor
    raise ValueError(f"size must be 240×320 divided by a whole number, at least 16 pixels a side; got {size!r}")
