"""aPascal's pictures, read at the size that is wanted and kept as bytes, each of its own shape."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from xstitch_lib.data.ragged import Ragged

LONGEST = 5 / 3  # the longer side is at most that many times the wanted shorter one, as 1000 to 600 in Fast R-CNN
MEAN = (0.485, 0.456, 0.406)  # of ImageNet's pictures, red, green, blue


def measured(paths: Sequence[Path]) -> Tensor:
    """(N, 2) int64, each file's width and height in pixels, from its header alone.

    Raises:
        ValueError: if a file is no picture.
    """
    sizes = []
    for path in paths:
        with _opened(path) as picture:
            sizes.append(picture.size)
    return torch.tensor(sizes)


def scaled(sizes: Tensor, size: int) -> Tensor:
    """(N, 2) int64, widths and heights with ``size`` as the shorter side, unless the longer one would be too long."""
    factor = torch.minimum(size / sizes.amin(1), LONGEST * size / sizes.amax(1))
    return (sizes * factor.unsqueeze(1)).round().long().clamp(min=1)


def read(paths: Sequence[Path], sizes: Tensor) -> Ragged:
    """Each picture's (3 · H · W) bytes: red, then green, then blue, row after row.

    Args:
        paths: N files.
        sizes: (N, 2) widths and heights to which they are brought.

    Raises:
        ValueError: if a file is damaged.
    """
    counts = 3 * sizes.prod(1)
    values = np.empty(int(counts.sum()), np.uint8)
    places = np.split(values, counts.cumsum(0)[:-1].numpy())
    steps = tqdm(zip(paths, sizes.tolist(), places, strict=True), "reading aPascal", len(paths), disable=None)
    for path, size, place in steps:
        with _opened(path) as picture:
            array = np.asarray(picture.convert("RGB").resize(size, _pillow().Resampling.BILINEAR))
        place[:] = array.transpose(2, 0, 1).flatten()
    return Ragged(torch.from_numpy(values), counts)


def padded(stored: Ragged, sizes: Tensor) -> Tensor:
    """(B, 3, H, W) float32 in [0, 1], as large as the largest, the mean colour to the right and below of the others."""
    width, height = sizes.amax(0).tolist()
    mean = 255 * torch.tensor(MEAN, device=stored.device)
    batch = mean.view(3, 1, 1).expand(len(stored), 3, height, width).clone()
    for place, picture, (w, h) in zip(batch, stored, sizes.tolist(), strict=True):
        place[:, :h, :w] = picture.view(3, h, w)
    return batch.div_(255)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with _pillow().open(path) as picture:
            yield picture
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error}): unpack or download VOC 2008's pictures again") from error


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("to read aPascal's pictures, `pip install pillow`") from error
    return Image
