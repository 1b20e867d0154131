"""Object proposals by selective search: boxes that may hold an object, found without any label.

Uijlings, van de Sande, Gevers and Smeulders, "Selective Search for Object Recognition", IJCV 2013. The search is
OpenCV's; a picture is searched once, and what was found is kept.
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor
from tqdm import tqdm

from xstitch_lib.data.cache import cached
from xstitch_lib.data.ragged import Ragged
from xstitch_lib.files import user_cache

SEGMENTS = 50  # OpenCV's base_k and inc_k: the larger, the larger the segments that are merged
SMALLEST = 0.04  # of the picture's shorter side, 16 pixels of 400: boxes with a side below are left out


class Search(NamedTuple):
    """All that the boxes of a picture depend on."""

    side: int  # a picture is made smaller so that its shorter side is no longer, in pixels
    opencv: str  # the version
    segments: int = SEGMENTS
    smallest: float = SMALLEST


def selective_search(image: Tensor, seed: int = 0, most: int = 2000, side: int = 200) -> Tensor:
    """The boxes that selective search finds in one picture, in its fast mode.

    Args:
        image: (3, H, W) red, green, blue; uint8, or floating in [0, 1].
        seed: which boxes stay where there are more than ``most``; they are drawn at random.
        most: the most boxes, ≥ 1.
        side: pixels of the shorter side that a larger picture is made smaller to. Half the side takes a quarter of the
            time.

    Returns:
        (R, 4) float32 edges in pixels of ``image``, x0, y0, x1, y1 with 0 ≤ x0 < x1 ≤ W and 0 ≤ y0 < y1 ≤ H, no two
        equal, in no order that tells anything. No side is below 4 % of the picture's shorter one.

    Raises:
        ValueError: for another image, or fewer than one box or pixel.
        ModuleNotFoundError: if no OpenCV with ``ximgproc`` is installed.

    The segments are smaller than OpenCV's own choice, which is made for larger pictures: k is 50, not 150. Of 2363
    objects in 1034 pictures of VOC 2008, most of them animals, 91 % are met at an IoU of 0.5 and 76 % at 0.7, with 1040
    boxes and 0.44 seconds a picture. In a tenth of the pictures it is 94 and 78 %; with OpenCV's k at a side of 400, 95
    and 77 % there, with 1170 boxes and 2 seconds.
    """
    return _cut(_search(_pixels(image), _checked(most, side)), most, seed)


def proposals(
    pictures: Sequence[str | Path | Tensor],
    seed: int = 0,
    most: int = 2000,
    side: int = 200,
    folder: str | Path | None = None,
    workers: int | None = None,
) -> Ragged:
    """`selective_search` in many pictures, each searched once and kept.

    Args:
        pictures: files, or tensors as in `selective_search`; at least one.
        seed, most, side: as there.
        folder: where a file a picture is kept, named after the picture's content and ``side`` and OpenCV's version;
            None, ``proposals`` in `user_cache`. A call that was interrupted goes on there.
        workers: pictures searched at a time; None, as many as there are processor cores.

    Returns:
        N samples of (R, 4) float32, in pixels of the files or tensors.

    Raises:
        ValueError: as there, or if a file is no picture.
        ModuleNotFoundError: if no OpenCV with ``ximgproc`` is installed.
    """
    if not len(pictures):
        raise ValueError("proposals needs at least one picture; got none")
    search, cache = _checked(most, side), user_cache()
    folder = Path(folder).expanduser() if folder else cache and cache / "proposals"
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:  # OpenCV works outside of Python's lock
        found = pool.map(partial(_kept, search=search, folder=folder), pictures)
        return Ragged.of([_cut(x, most, seed) for x in tqdm(found, "proposals", len(pictures), disable=None)])


def recall(proposals: Ragged, boxes: Ragged, iou: float = 0.5) -> float:
    """How many of the true ``boxes`` some proposal of their picture overlaps by ``iou`` or more, in percent.

    Args:
        proposals, boxes: N samples of (R, 4) and (K, 4), R and K of any number. NaN if there is no box at all.
    """
    if len(proposals) != len(boxes):
        raise ValueError(
            f"recall needs as many pictures of proposals as of boxes; got {len(proposals)} and {len(boxes)}"
        )
    try:
        from torchvision.ops import box_iou
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("to compare boxes, `pip install torchvision`") from error
    hit = [(box_iou(true, some) >= iou).any(1) for true, some in zip(boxes, proposals, strict=True)]
    return 100 * torch.cat(hit).float().mean().item()


def _checked(most: int, side: int) -> Search:
    for name, number in (("most, the number of proposals,", most), ("side, in pixels,", side)):
        if not isinstance(number, int) or number < 1:
            raise ValueError(f"{name} must be an integer of at least 1; got {number!r}")
    return Search(side, _opencv().__version__)


def _kept(picture: str | Path | Tensor, search: Search, folder: Path | None) -> ndarray:
    """(R, 4) float32, all boxes of a picture, from its file in the folder if there is one."""
    if isinstance(picture, Tensor):
        pixels = _pixels(picture)
        content, decode = f"{pixels.shape}".encode() + pixels.tobytes(), lambda: pixels
    else:
        content = Path(picture).read_bytes()
        decode = partial(_decoded, content, picture)
    key = f"{search} {hashlib.sha256(content).hexdigest()}"
    return cached("proposals", key, lambda: {"boxes": _search(decode(), search)}, folder)["boxes"]


def _search(pixels: ndarray, search: Search) -> ndarray:
    cv2 = _opencv()
    height, width = pixels.shape[:2]
    factor = search.side / min(height, width)
    if factor < 1:
        pixels = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    segmentation = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    segmentation.setBaseImage(pixels)
    segmentation.switchToSelectiveSearchFast(search.segments, search.segments)
    corner, sides = np.split(np.unique(segmentation.process(), axis=0), 2, axis=1)
    large = sides.min(1) >= search.smallest * min(pixels.shape[:2])
    edges = np.concatenate([corner, corner + sides], 1)[large]
    whole, searched = np.array([width, height] * 2), np.array([*pixels.shape[1::-1]] * 2)
    return (edges * whole / searched).astype(np.float32)


def _cut(boxes: ndarray, most: int, seed: int) -> Tensor:
    """At most so many of the boxes, any of them: OpenCV's order comes from C's rand() and can't be seeded."""
    chosen = np.random.default_rng(seed).permutation(len(boxes))[:most]
    return torch.from_numpy(boxes[np.sort(chosen)])


def _pixels(image: Tensor) -> ndarray:
    """(H, W, 3) uint8, blue, green, red."""
    if not isinstance(image, Tensor) or image.ndim != 3 or len(image) != 3 or not image.numel():
        found = f"{image.dtype} {tuple(image.shape)}" if isinstance(image, Tensor) else type(image).__name__
        raise ValueError(f"selective search needs a picture (3, H, W); got {found}")
    if image.dtype != torch.uint8:
        image = (255 * image).round().clamp(0, 255).byte()
    return np.ascontiguousarray(image.flip(0).permute(1, 2, 0).cpu().numpy())


def _decoded(content: bytes, path: str | Path) -> ndarray:
    cv2 = _opencv()
    how = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION  # boxes are drawn on the pixels as they are stored
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), how) if content else None
    if pixels is None:
        raise ValueError(f"{path} is no picture that OpenCV can read: is it damaged?")
    return pixels


def _opencv() -> ModuleType:
    try:
        import cv2
        from cv2.ximgproc import segmentation  # noqa: F401
    except ImportError as error:
        raise ModuleNotFoundError(
            f"selective search needs an OpenCV with ximgproc ({error}): `pip install opencv-contrib-python-headless`, "
            "the package's extra `detection`, in place of any other OpenCV"
        ) from error
    return cv2
