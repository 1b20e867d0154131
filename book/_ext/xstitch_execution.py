"""Which notebooks run: those that are not in the cache, all if the library changed, and
of the others those that read a record which has changed since.

myst-nb's cache keys on a notebook's cells alone. Here each version of the library has
its own cache folder, and what it lacks is run before the first page is read, several
chapters at a time, so that myst-nb finds all of them in it. With each chapter is kept
which records it looked for, and how these were. XSTITCH_EXECUTE=off builds from saved
outputs, as `make test` does after pytest --nbmake.
"""

import asyncio
import hashlib
import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from sphinx.util import logging
from sqlalchemy.exc import DatabaseError
from xstitch_chapters import Chapter, in_order, report, run_all

LIBRARY = Path(__file__).parents[2] / "xstitch_lib"
DAMAGED = ("malformed", "not a database", "no such table")  # SQLite's words
LOGGER = logging.getLogger(__name__)


def library_hash() -> str:
    """SHA-256 of every file of the library but the records, names included."""
    digest = hashlib.sha256()
    for path in sorted(
        p
        for p in LIBRARY.rglob("*")
        if p.is_file()
        and p.parent.name not in ("__pycache__", "recorded")
        and not p.name.startswith("unfinished.")  # a file that is being written
    ):
        digest.update(f"{path.relative_to(LIBRARY)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def states(records: Iterable[str]) -> dict[str, str | None]:
    """File of a record → its SHA-256, None if there is none; its arrays' is in it."""
    paths = {name: LIBRARY / "recorded" / name for name in records}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        for name, path in paths.items()
    }


def choose_cache(app, config):
    if os.environ.get("XSTITCH_EXECUTE") == "off":
        config.nb_execution_mode = "off"
        return
    cache = Path(app.outdir).parent / ".jupyter_cache" / library_hash()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    config.nb_execution_cache_path = str(cache)


def fill_cache(app, env, docnames):
    """Run what the cache lacks; a chapter that fails ends the build."""
    if app.config.nb_execution_mode != "cache":
        return
    folder = Path(app.config.nb_execution_cache_path)
    missing = stale(folder, [Path(env.doc2path(name)) for name in docnames])
    if not missing:
        return
    from xstitch_lib.studies.queue import KEEP_MEMORY, cores

    cache, at_a_time = get_cache(folder), min(cores(), len(missing))
    recorded = (LIBRARY / "recorded").glob("*-*.json")
    begun = states([path.name for path in recorded])  # one may change meanwhile

    def keep(chapter):
        if library_hash()[:16] != folder.name:
            raise RuntimeError("the library was changed meanwhile, build again")
        cache.cache_notebook_bundle(
            CacheBundleIn(
                chapter.notebook,
                str(chapter.path),
                data={
                    "execution_seconds": chapter.seconds,
                    "records": {name: begun.get(name) for name in chapter.records},
                },
            ),
            check_validity=False,
            overwrite=True,
        )

    LOGGER.info(f"chapters to run: {len(missing)}, {at_a_time} at a time")
    environment = {**KEEP_MEMORY, "OMP_NUM_THREADS": "1", **os.environ}
    asyncio.run(run_all(missing, keep, at_a_time, environment))
    if failed := [chapter for chapter in missing if chapter.failure]:
        sys.exit(report(failed))  # no exception: its traceback would come last


def stale(folder: Path, paths: Iterable[Path]) -> list[Chapter]:
    """The chapters that have to run, in the order in which they do."""
    paths = in_order([path for path in paths if path.suffix == ".ipynb"])
    try:
        return missing_from(folder, paths)
    except (DatabaseError, RuntimeError) as error:  # the cache wraps some of these
        if not any(words in str(error.__cause__ or error) for words in DAMAGED):
            raise
        LOGGER.info(f"{folder} is damaged and begun anew")
        shutil.rmtree(folder)
        return missing_from(folder, paths)


def missing_from(folder: Path, paths: list[Path]) -> list[Chapter]:
    """Chapters that the cache has not, only half of, or with other records."""
    cache, missing = get_cache(folder), []
    for chapter in map(Chapter, paths):
        with suppress(KeyError):  # there is none
            record = cache.match_cache_notebook(chapter.notebook)
            try:
                cache.get_cache_bundle(record.pk)
                if states(read := record.data["records"]) == read:
                    continue
            except (
                KeyError,
                TypeError,
                ValueError,
                OSError,
            ):  # after a kill, or a full disk
                shutil.rmtree(folder / "executed" / record.hashkey, ignore_errors=True)
        missing.append(chapter)
    return missing


def mark_of(app) -> Path:
    """A file that is there while a build is under way."""
    return Path(app.outdir).parent / ".unfinished"


def begin(app, config):
    """One build at a time; after one that was cut off, no page can be trusted.

    The lock is this process's and goes with it, however it ends.
    """
    mark = mark_of(app)
    app.xstitch_lock = FileLock(mark.with_name(".lock"))
    try:
        app.xstitch_lock.acquire(timeout=0)
    except Timeout:
        sys.exit(f"another build is writing to {mark.parent}: wait until it has ended")
    if mark.exists():
        for folder in (app.outdir, app.doctreedir):
            shutil.rmtree(folder, ignore_errors=True)
            Path(folder).mkdir(parents=True, exist_ok=True)
    mark.touch()


def end(app, exception):
    if exception is None:
        mark_of(app).unlink(missing_ok=True)


def outdate_notebooks(app, env, added, changed, removed):
    """Read again every notebook if the library changed since the last build, else those
    that have to run."""
    before, env.xstitch_library = getattr(env, "xstitch_library", None), library_hash()
    paths = {name: Path(env.doc2path(name)) for name in env.found_docs}
    notebooks = {name: path for name, path in paths.items() if path.suffix == ".ipynb"}
    if before != env.xstitch_library:
        return list(notebooks)
    if app.config.nb_execution_mode != "cache":
        return []
    run = stale(Path(app.config.nb_execution_cache_path), notebooks.values())
    again = {chapter.path for chapter in run}
    return [name for name, path in notebooks.items() if path in again]


def setup(app):
    app.connect("config-inited", choose_cache, priority=100)
    app.connect("config-inited", begin)
    app.connect("env-get-outdated", outdate_notebooks)
    app.connect("env-before-read-docs", fill_cache)
    app.connect("build-finished", end)
    return {"parallel_read_safe": True}
