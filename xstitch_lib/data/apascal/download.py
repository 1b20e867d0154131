"""Fetching aPascal's lists and VOC 2008's pictures."""

import hashlib
import os
import tarfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from xstitch_lib.data.apascal.layout import VOC
from xstitch_lib.files import replacing

ARCHIVE = "http://vision.cs.uiuc.edu/attributes/attribute_data.tar.gz"
SHA256 = {  # the authors publish no checksums; these are of one copy of their lists
    "apascal_train.txt": "afcf1ae97fd885a0b08f62a7ac1942a860af31a1b92ca3081804cf5c442c2262",
    "apascal_test.txt": "e1d4673eb3094bd2bb1bbf0420090b5670a515c01bf93f35201055657e926ff3",
}
OTHER = f"not the authors' archive from {ARCHIVE}: delete it and call download again"


def download(folder: str | Path) -> Path:
    """Fetch aPascal's two lists and the pictures and annotations of VOC 2008 (about 550 MB), all of them checked.

    Args:
        folder: where to. What is there already is not fetched again.

    Returns:
        ``folder``, which `APascal` takes for ``root``: the lists, and ``VOCdevkit/VOC2008``.

    Raises:
        RuntimeError: if something cannot be fetched; the message tells how to do it by hand.
        ValueError: if a list is not the original.
        ModuleNotFoundError: if pooch or torchvision is missing.
    """
    folder = Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    if not all([(folder / name).is_file() for name in SHA256]):
        extract_lists(_archive(folder), folder)
    _pictures(folder)
    return folder


def extract_lists(archive: Path, folder: Path) -> None:
    """Write the two lists in the authors' ``archive`` to ``folder``, each whole or not at all.

    Raises:
        ValueError: if the archive is damaged, or a list is not in it or not the original.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            files = {Path(each.name).name: each for each in tar if each.isfile()}
            contents = {name: tar.extractfile(files[name]).read() for name in SHA256 if name in files}
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"{archive} cannot be read ({error}): delete it and call download again") from error
    for name, sha256 in SHA256.items():
        if name not in contents:
            raise ValueError(f"{archive} lacks {name}, so it is {OTHER}")
        found = hashlib.sha256(contents[name]).hexdigest()
        if found != sha256:
            raise ValueError(f"{name} in {archive} has the sha256 {found}, not {sha256}, so it is {OTHER}")
    for name, content in contents.items():
        with replacing(folder / name) as file:
            file.write(content)


def _archive(folder: Path) -> Path:
    try:
        import pooch
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("to download aPascal's lists, `pip install pooch`") from error
    try:
        return Path(pooch.retrieve(ARCHIVE, known_hash=None, fname=Path(ARCHIVE).name, path=folder))
    except OSError as error:
        raise RuntimeError(
            f"could not download {ARCHIVE} ({error}): fetch it in any other way, and put {' and '.join(SHA256)}, which "
            f"are in it, into {folder}"
        ) from error


def _pictures(folder: Path) -> None:
    try:
        from torchvision.datasets import VOCDetection
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("to download VOC 2008's pictures, `pip install torchvision`") from error
    fetch = partial(VOCDetection, folder, year="2008", image_set="trainval")
    if _complete(fetch):
        return
    try:
        fetch(download=True)  # checks the archive, and goes on with one that is there
    except (OSError, RuntimeError) as error:
        raise RuntimeError(
            f"could not download VOC 2008 ({error}): call download again, or fetch VOCtrainval_14-Jul-2008.tar in any "
            f"other way and unpack it so that {folder / VOC / 'JPEGImages'} holds its pictures"
        ) from error


def _complete(fetch: Callable[[], Any]) -> bool:
    """Whether all pictures and annotations that VOC names are there, so that none is unpacked again."""
    try:
        there = fetch()
    except (OSError, RuntimeError):
        return False
    return all(map(os.path.isfile, [*there.images, *there.targets]))
