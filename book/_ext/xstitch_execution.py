"""Which chapters run, and how: those that are not in the cache, as many at a time as there are cores.

myst-nb's cache keys on a notebook's cells alone, so each version of the library has its own cache folder here. It is
filled before a page is read, and myst-nb finds everything in it. XSTITCH_EXECUTE=off builds from saved outputs, as
`make test` does after pytest --nbmake. As a script this prints the notebooks it is given in the order they run in.
"""

import asyncio
import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from sphinx.util import logging

LIBRARY = Path(__file__).parents[2] / "xstitch_lib"
# these train what later ones read, or train longest
FIRST = (
    "08_segmentation_and_normals",
    "04_two_tasks_on_fashion_mnist",
    "12_one_percent_on_fashion_mnist",
)
TELL_AGAIN = 60  # seconds
LOGGER = logging.getLogger(__name__)


def in_order(notebooks: Iterable[Path]) -> list[Path]:
    """`FIRST`, then the others as they come."""
    places = {name: place for place, name in enumerate(FIRST)}
    return sorted(notebooks, key=lambda path: places.get(path.stem, len(places)))


def library_hash() -> str:
    """SHA-256 of every file of the library, names included."""
    digest = hashlib.sha256()
    for path in sorted(
        p
        for p in LIBRARY.rglob("*")
        if p.is_file()
        and "__pycache__" not in p.parts
        and not p.name.startswith("unfinished.")  # a file that is being written
    ):
        digest.update(f"{path.relative_to(LIBRARY)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


class Chapter:
    """A notebook on its way through a kernel.

    Attributes:
        seconds: since its first cell began, or that all its cells took.
        failure: what stopped it, in a few lines; None while nothing did.
    """

    def __init__(self, path: Path, notebook: nbformat.NotebookNode):
        self.path, self.notebook = path, notebook
        self.cell, self.failure = 0, None
        self._begun = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._begun

    async def run(self, environment: dict[str, str]) -> None:
        client = NotebookClient(
            self.notebook,
            timeout=None,  # who decides how long a cell may work?
            on_cell_start=self._note_cell,
            record_timing=False,  # it would stand in the cells, and the cache not know them again
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": str(self.path.parent)}},
        )
        self._begun = time.perf_counter()
        try:
            await client.async_execute(env=environment)
        except CellExecutionError as error:
            LOGGER.info(re.sub(r"\x1b\[[0-9;]*m", "", error.traceback))
            said = " ".join(error.evalue.split())
            self.failure = f"{error.ename}: {said[:300]}"
        except DeadKernelError:
            self.failure = "its kernel died: is the memory full?"

    def _note_cell(self, cell, cell_index):
        self.cell = cell_index + 1

    def __str__(self):
        return self.path.stem


async def run_all(
    chapters: list[Chapter], keep, at_a_time: int, environment: dict[str, str]
) -> None:
    """Run them in this order and ``keep`` each that ends well; after one that fails no other begins."""
    slots, running, ended = asyncio.Semaphore(at_a_time), [], []

    async def run(chapter):
        async with slots:
            if any(other.failure for other in ended):
                return
            running.append(chapter)
            LOGGER.info(f"  runs    {chapter}")
            await chapter.run(environment)
            running.remove(chapter)
            ended.append(chapter)
            if not chapter.failure:
                keep(chapter, chapter.seconds)
            word = "FAILED" if chapter.failure else "done"
            LOGGER.info(
                f"  {word:7} {chapter} in {chapter.seconds:.0f} s ({len(ended)} of {len(chapters)})"
            )

    async def tell_again():
        while True:
            await asyncio.sleep(TELL_AGAIN)
            for chapter in running:
                LOGGER.info(
                    f"  runs    {chapter}, cell {chapter.cell}, for {chapter.seconds:.0f} s"
                )

    telling = asyncio.create_task(tell_again())
    try:
        await asyncio.gather(*map(run, chapters))
    finally:
        telling.cancel()


def report(failed: list[Chapter]) -> str:
    """What the build's last lines say."""
    lines = []
    for chapter in failed:
        code = chapter.notebook.cells[chapter.cell - 1].source.strip().splitlines()
        lines += [
            f"{chapter.path.name}, cell {chapter.cell}, which begins with",
            f"    {code[0] if code else ''}",
            f"failed with {chapter.failure}",
        ]
    lines.append(
        "Chapters that are done are kept: the next build runs the others alone."
    )
    return "\n".join(lines)


def fill_cache(app, env, docnames):
    """Run what the cache lacks, before myst-nb looks into it."""
    if app.config.nb_execution_mode != "cache":
        return
    paths = [
        Path(env.doc2path(name))
        for name in docnames
        if env.doc2path(name).endswith(".ipynb")
    ]
    folder = Path(app.config.nb_execution_cache_path)
    try:
        chapters = _not_in(folder, paths)
    except (
        Exception
    ) as error:  # whatever an interrupted build or a full disk left there
        LOGGER.info(
            f"the cache of executed chapters is damaged and begun anew ({type(error).__name__}: {error})"
        )
        shutil.rmtree(folder)
        chapters = _not_in(folder, paths)
    if not chapters:
        return
    from xstitch_lib.studies.queue import KEEP_MEMORY, cores

    cache, at_a_time = get_cache(folder), min(cores(), len(chapters))

    def keep(chapter, seconds):
        done = CacheBundleIn(
            chapter.notebook, str(chapter.path), data={"execution_seconds": seconds}
        )
        cache.cache_notebook_bundle(done, check_validity=False, overwrite=True)

    LOGGER.info(
        f"chapters to run: {len(chapters)}, {at_a_time} at a time, one thread each"
    )
    environment = {**KEEP_MEMORY, "OMP_NUM_THREADS": "1", **os.environ}
    asyncio.run(run_all(chapters, keep, at_a_time, environment))
    if failed := [chapter for chapter in chapters if chapter.failure]:
        _mark(app).unlink(missing_ok=True)  # no page was touched
        sys.exit(report(failed))


def _not_in(folder: Path, paths: list[Path]) -> list[Chapter]:
    cache, missing = get_cache(folder), []
    for path in in_order(paths):
        notebook = nbformat.read(path, 4)
        try:
            record = cache.match_cache_notebook(notebook)
        except KeyError:
            missing.append(Chapter(path, notebook))
        else:
            cache.get_cache_bundle(
                record.pk
            )  # raises if its file is not there, or half of it
    return missing


def choose_cache(app, config):
    if os.environ.get("XSTITCH_EXECUTE") == "off":
        config.nb_execution_mode = "off"
        return
    cache = Path(app.outdir).parent / ".jupyter_cache" / library_hash()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    config.nb_execution_cache_path = str(cache)


def _mark(app) -> Path:
    return Path(app.outdir).parent / ".unfinished"


def begin(app, config):
    """After a build that was cut off no page can be trusted: begin them anew. Executed chapters are kept."""
    mark = _mark(app)
    if mark.exists():
        for folder in (app.outdir, app.doctreedir):
            shutil.rmtree(folder, ignore_errors=True)
            Path(folder).mkdir(parents=True)
    mark.touch()


def end(app, exception):
    if exception is None:
        _mark(app).unlink(missing_ok=True)


def outdate_notebooks(app, env, added, changed, removed):
    """Read every notebook again when the library changed since the last build."""
    before = getattr(env, "xstitch_library", None)
    env.xstitch_library = library_hash()
    if before == env.xstitch_library:
        return []
    return [name for name in env.found_docs if env.doc2path(name).endswith(".ipynb")]


def setup(app):
    app.connect("config-inited", choose_cache, priority=100)
    app.connect("config-inited", begin)
    app.connect("env-get-outdated", outdate_notebooks)
    app.connect("env-before-read-docs", fill_cache)
    app.connect("build-finished", end)
    return {"parallel_read_safe": True}


if __name__ == "__main__":
    print(*in_order(map(Path, sys.argv[1:])))
