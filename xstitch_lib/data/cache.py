"""Arrays that are made once: kept on disk, and used only if every byte is the one that was written."""

import hashlib
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy import ndarray

from xstitch_lib.files import replacing, user_cache

Arrays = dict[str, ndarray]


def cached(name: str, key: str, make: Callable[[], Arrays], folder: Path | None = None) -> Arrays:
    """The arrays that ``make`` returns, from a file of an earlier call if there is a sound one.

    Args:
        name: what the file's name begins with.
        key: all that the arrays depend on; a file that was made for another key is not used.
        make: called, with a warning, if the file is damaged or another's, and quietly if there is none.
        folder: where the file lies; None, in `user_cache`, and nothing is kept where that is unknown.

    The file is the sha256 of key and content, then the content, an .npz. A folder that can't be written to costs a
    warning and no more.
    """
    folder = folder or user_cache()
    if folder is None:
        return make()
    path = folder / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.bin"
    arrays = _read(path, key)
    if arrays is None:
        arrays = make()
        _write(path, key, arrays)
    return arrays


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\n" + content).digest()


def _read(path: Path, key: str) -> Arrays | None:
    try:
        file = path.read_bytes()
    except OSError:  # there is none; if there is one that can't be read, writing it says so
        return None
    digest, content = file[:32], file[32:]
    if digest != _digest(key, content):
        warnings.warn(f"{path} is damaged or not what its name says, so it is made again", stacklevel=4)
        return None
    with np.load(BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


def _write(path: Path, key: str, arrays: Arrays) -> None:
    buffer = BytesIO()
    np.savez(buffer, **arrays)
    content = buffer.getvalue()
    try:
        with replacing(path) as file:
            file.write(_digest(key, content))
            file.write(content)
    except OSError as error:
        warnings.warn(f"{path} can't be written, so the next call makes it again: {error}", stacklevel=4)
