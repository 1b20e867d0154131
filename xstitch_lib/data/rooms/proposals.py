"""Where a network should look in `Rooms`: what `small_search` finds, kept on disk, or shipped with the package."""

import hashlib
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache as once
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor
from tqdm import tqdm

from xstitch_lib.data import small_search
from xstitch_lib.data.cache import Arrays, cached
from xstitch_lib.data.ragged import Ragged
from xstitch_lib.files import replacing

MOST = 128  # boxes a picture
SHIPPED = Path(__file__).with_name("proposals.npz")
ENOUGH = 200  # pictures that are worth the start of a process


def find_proposals(images: Tensor, most: int = MOST, keep: bool = True) -> Ragged:
    """The first ``most`` boxes that selective search finds in each picture; they depend on its pixels alone.

    Args:
        images: (N, 3, H, W) float in [0, 1], 8 bits deep.
        most: boxes a picture, ≥ 1; some pictures have fewer.
        keep: on disk, as `Rooms` keeps its pictures.

    Returns:
        N samples of (R, 4) float32 edges in pixels.

    Raises:
        ValueError: for ``most`` below 1.
        ModuleNotFoundError: if scikit-image is missing, and some of the pictures' boxes come not with the package.
    """
    if not isinstance(most, int) or most < 1:
        raise ValueError(f"most, how many boxes a picture has, must be an integer of at least 1; got {most!r}")
    pictures = (255 * images).round().byte().cpu().numpy()
    names = [_name(picture) for picture in pictures]
    known = _shipped() if most <= MOST else {}
    rows = [row for row, name in enumerate(names) if name not in known]
    if rows:
        new = _kept(pictures[rows], [names[row] for row in rows]) if keep else _searched(pictures[rows])
        known = known | dict(zip([names[row] for row in rows], _split(new), strict=True))
    return Ragged.of([torch.from_numpy(known[name][:most]).float() for name in names])


def ship(sets: Sequence[Tensor], path: Path = SHIPPED) -> None:
    """Write the file that comes with the package.

    Args:
        sets: of pictures (N, 3, H, W) as in `find_proposals`, no side over 255 pixels.
        path: where to.

    It holds "name" (N, 8), the first bytes of the pictures' digests, "count" (N,), and "boxes" (4, sum of counts),
    all uint8.
    """
    pictures = [picture for images in sets for picture in (255 * images).round().byte().numpy()]
    found = [boxes[:MOST] for boxes in _split(_searched(pictures))]
    with replacing(path) as file:
        np.savez_compressed(
            file,
            name=np.frombuffer(b"".join([_name(picture) for picture in pictures]), np.uint8).reshape(-1, 8),
            count=np.array([len(boxes) for boxes in found], np.uint8),
            boxes=np.concatenate(found).T.astype(np.uint8),
        )


@once
def _shipped() -> dict[bytes, ndarray]:
    with np.load(SHIPPED, allow_pickle=False) as file:
        boxes = _split({"boxes": file["boxes"].T, "count": file["count"]})
        return dict(zip([name.tobytes() for name in file["name"]], boxes, strict=True))


def _name(picture: ndarray) -> bytes:
    return hashlib.sha256(f"{picture.shape}".encode() + picture.tobytes()).digest()[:8]


def _split(arrays: Arrays) -> list[ndarray]:
    return np.split(arrays["boxes"], np.cumsum(arrays["count"].astype(int))[:-1])


def _kept(pictures: ndarray, names: Sequence[bytes]) -> Arrays:
    of_pictures = hashlib.sha256(b"".join(names)).hexdigest()
    return cached("rooms-proposals", f"{of_pictures} {_version()}", lambda: _searched(pictures))


@once
def _version() -> str:
    """Of the search: of its source and of the library that segments."""
    try:
        segments = version("scikit-image")
    except PackageNotFoundError:
        segments = "none"
    source = Path(small_search.__file__).read_bytes()
    return f"{hashlib.sha256(source).hexdigest()} {segments} {np.__version__}"


def _searched(pictures: Sequence[ndarray]) -> Arrays:
    """All boxes of each picture."""
    processes, bar = _processes(len(pictures)), {"desc": "proposals", "total": len(pictures), "disable": None}
    if processes < 2:
        found = [_search(picture) for picture in tqdm(pictures, **bar)]
    else:
        try:
            # a fork of a process in which torch has run may hang
            with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
                found = list(tqdm(pool.map(_search, pictures, chunksize=20), **bar))
        except BrokenProcessPool as error:
            raise RuntimeError(
                "the processes that search for proposals ended early: each begins by importing the script that runs, "
                "so put what it does below `if __name__ == '__main__':`"
            ) from error
    return {"boxes": np.concatenate(found), "count": np.array([len(boxes) for boxes in found])}


def _processes(pictures: int) -> int:
    """How many share the work. One of several processes leaves the cores to the others."""
    importing = getattr(multiprocessing.current_process(), "_inheriting", False)  # the script: Python then says so
    among_others = multiprocessing.parent_process() is not None and not importing
    return 1 if among_others else min(os.cpu_count() or 1, pictures // ENOUGH)


def _search(picture: ndarray) -> ndarray:
    return small_search.small_search(torch.from_numpy(picture)).numpy().astype(np.uint16)
