"""Fetching the official files, in as many goes as the line needs: pooch, which fetches Fashion-MNIST, starts over."""

import hashlib
import os
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tqdm import tqdm

from xstitch_lib.data.nyuv2.layout import MAT

BLOCK = 1 << 20  # bytes
PATIENCE = 60  # seconds without a byte


class Source(NamedTuple):
    """Where a file comes from, and the SHA-256 that tells it is the original."""

    url: str
    sha256: str


# The authors publish no checksums. Those of the first two are what public projects found that downloaded them from the
# same addresses independently; torch-uncertainty (MD5 520609c519fba3ba5ac58c8fefcc3530) is one. 2,972,037,809 bytes.
# That of the third is of one copy alone, as Matlab wrote it on 3 April 2013.
SOURCES = {
    MAT: Source(
        f"http://horatio.cs.nyu.edu/mit/silberman/nyu_depth_v2/{MAT}",
        "2d724b0c0ab358aa1ce5df855e5bd14a2279ab7202efe22f32a30d612dcb86aa",
    ),
    "splits.mat": Source(
        "http://horatio.cs.nyu.edu/mit/silberman/indoor_seg_sup/splits.mat",
        "6e081404491a8bfba2f066beaa9713ef6046f9007aa5f799f2a350506a580cee",
    ),
    "classMapping40.mat": Source(
        "https://github.com/ankurhanda/nyuv2-meta-data/raw/master/classMapping40.mat",
        "ff177194cce9a2163517f1e1e6f1c64c50987162f542dedddc04bbf6ebe6d851",
    ),
}


def download(folder: str | Path) -> Path:
    """Fetch the three official files that `prepare` needs, 2.8 GB, and check them.

    Args:
        folder: where to. A file that is there is checked, not fetched again; a transfer that broke off is continued.

    Returns:
        The path of ``nyu_depth_v2_labeled.mat``, the first argument of `prepare`.

    Raises:
        RuntimeError: if a file cannot be fetched; the message tells how to do it by hand.
        ValueError: if one is not the original.
    """
    folder = Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in SOURCES.items():
        fetch(source, folder / name)
    return folder / MAT


def fetch(source: Source, path: Path) -> None:
    """Download one file, going on where an earlier call stopped; what is not complete yet is ``path`` + ".part"."""
    if path.exists():
        return _check(source, path)
    part = path.with_name(f"{path.name}.part")
    try:
        while not _append(source.url, part):
            pass
    except (OSError, HTTPException) as error:
        raise RuntimeError(_by_hand(source, path, error)) from error
    try:
        _check(source, part)
    except ValueError:
        part.unlink()
        raise
    os.replace(part, path)


def _append(url: str, part: Path) -> bool:
    """One request's worth; whether the file is complete. An OSError if it brought nothing new."""
    start = done = part.stat().st_size if part.exists() else 0
    try:
        answer = urlopen(Request(url, headers={"Range": f"bytes={start}-"} if start else {}), timeout=PATIENCE)
    except HTTPError as error:
        if start and error.code == 416:  # there are no bytes beyond these
            return True
        raise
    with answer:
        if start and answer.status != 206:  # this server sends all of it again
            done = 0
        if answer.headers["Content-Length"] is None:
            raise OSError("the server does not tell the file's size")
        total = done + int(answer.headers["Content-Length"])
        bar = tqdm(desc=part.stem, total=total, initial=done, unit="B", unit_scale=True, disable=None)
        with open(part, "ab" if done else "wb") as file, bar:
            while block := _read(answer):
                file.write(block)
                bar.update(len(block))
                done += len(block)
    if done < total and done <= start:
        raise OSError(f"the server ends the transfer at byte {done} of {total}")
    return done == total


def _read(answer: HTTPResponse) -> bytes:
    try:
        return answer.read(BLOCK)
    except (OSError, HTTPException):  # cut off: the next request goes on from here
        return b""


def _check(source: Source, path: Path) -> None:
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != source.sha256:
        raise ValueError(
            f"{path} is not the original file: its sha256 is {found}, expected {source.sha256}; delete it if it is "
            "still there and call download again"
        )


def _by_hand(source: Source, path: Path, error: Exception) -> str:
    files = ", ".join([f"{each.url} (sha256 {each.sha256})" for each in SOURCES.values()])
    return (
        f"could not download {source.url} ({error}): call download again to go on from what is there, or fetch {files} "
        f"in any other way, put the three files into {path.parent}, and call "
        f"xs.data.nyuv2.prepare({str(path.with_name(MAT))!r}, root); NYUv2(root) reads what it makes"
    )
