"""The folder of live runs: what one chapter has trained, the next five read."""

import os
import tempfile
import time
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path

from xstitch_lib.files import user_cache

LIMIT = 2**30  # bytes; the runs of all chapters together take a thirtieth


def live_runs() -> Path:
    """Where a run is kept for which no other folder is named.

    The folder that ``$XSTITCH_RUNS`` names, else ``runs`` in `user_cache`; where that can't be written, a temporary one
    of this process, with a warning. Once a process, files that have not been used for longest are removed until `LIMIT`
    holds. A file's name carries a digest of all that its run depends on (`Bench`), so what is found is, up to another
    device's rounding, what would be trained.
    """
    named, below = os.environ.get("XSTITCH_RUNS"), user_cache()
    folder = Path(named) if named else below and below / "runs"
    try:
        if folder is None:
            raise OSError("no home is known")
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        warnings.warn(f"live runs are not kept, since {folder} can't be written: {error}", stacklevel=3)
        return Path(_temporary().name)
    _remove_oldest(folder, LIMIT)
    return folder


def mark_as_used(path: Path) -> None:
    """Of a file that is there, the time of its last use is now; that of its last change stays."""
    with suppress(FileNotFoundError):
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


@cache
def _temporary() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="xstitch-runs-")


@cache
def _remove_oldest(folder: Path, limit: int) -> None:
    """Remove files of ``folder``, the least recently used first, until they have ``limit`` bytes together.

    Half-written files that a killed process left are among them. Locks lie in a folder of their own and stay. Once a
    process: a large study must not lose the towers that it trained a moment ago.
    """
    found = []
    for path in folder.iterdir():
        try:
            status = path.stat()
        except FileNotFoundError:  # another process was quicker
            continue
        if path.is_file():
            found.append((status.st_atime_ns, status.st_size, path))
    too_many = sum([size for _, size, _ in found]) - limit
    for _, size, path in sorted(found):
        if too_many <= 0:
            return
        path.unlink(missing_ok=True)
        too_many -= size
