"""Where files go, and how they are at any moment the old or the new one, never half of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def user_cache() -> Path | None:
    """``xstitch_lib`` below ``$XDG_CACHE_HOME``, or below ``~/.cache``; None if the home is unknown.

    A relative ``$XDG_CACHE_HOME`` is to be ignored by its specification, and gives None too.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    return folder / "xstitch_lib" if folder.is_absolute() else None


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A new file to write; at the end of the block it takes the place of ``path``, after an error nothing changes.

    Several processes may write the same ``path``: the last one to finish wins.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"unfinished.{os.getpid()}.{path.name}")
    try:
        with open(unfinished, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
