"""Chapters in kernels: as many at a time as there are cores, one thread each.

As a script it prints the notebooks it is given in the order in which they run.
"""

import asyncio
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

# these train what others read, or train longest
FIRST = (
    "08_segmentation_and_normals",
    "04_two_tasks_on_fashion_mnist",
    "12_one_percent_on_fashion_mnist",
)
TELL_AGAIN = 60  # seconds
NOTE = "XSTITCH_RECORDS_READ"  # names the file in which xstitch_lib notes them
PATIENCE = 600  # seconds, for a kernel to start, and for a finished cell's last output
LOGGER = logging.getLogger("sphinx.xstitch_chapters")  # Sphinx shows what is below it


def in_order(notebooks: Iterable[Path]) -> list[Path]:
    """`FIRST`, then the others as they come."""
    places = {name: place for place, name in enumerate(FIRST)}
    return sorted(notebooks, key=lambda path: places.get(path.stem, len(places)))


class Chapter:
    """A notebook on its way through a kernel.

    Attributes:
        cell: the number of the cell that runs or ran last, from 1 on.
        seconds: since its kernel was asked for, or, when it has ended, in all.
        failure: what stopped it, in a line; None while nothing did.
        records: names of the recorded studies' files that it looked for.
    """

    def __init__(self, path: Path):
        self.path, self.notebook = path, nbformat.read(path, 4)
        self.cell, self.failure, self.records = 0, None, []
        self._begun = self._ended = None

    def __str__(self):
        return self.path.stem

    @property
    def seconds(self) -> float:
        return (self._ended or time.perf_counter()) - self._begun

    async def run(self, environment: Mapping[str, str]) -> None:
        """Run all cells, or those up to the one that fails; no clock stops one."""
        client = NotebookClient(
            self.notebook,
            timeout=None,
            startup_timeout=PATIENCE,
            iopub_timeout=PATIENCE,
            raise_on_iopub_timeout=True,
            record_timing=False,  # kept in cells, which a cache would not know again
            on_cell_start=self._note_cell,
            extra_arguments=["--log-level=ERROR"],
            shutdown_kernel="immediate",
            resources={"metadata": {"path": str(self.path.parent)}},
        )
        self._begun = time.perf_counter()
        try:
            with TemporaryDirectory() as folder:
                note = Path(folder) / "records"
                note.touch()
                await client.async_execute(env={**environment, NOTE: str(note)})
                self.records = sorted({*note.read_text().splitlines()})
        except CellExecutionError as error:
            LOGGER.info(re.sub(r"\x1b\[[0-9;]*m", "", error.traceback))
            self.failure = f"{error.ename}: {one_line(error.evalue)}"
        except DeadKernelError:
            if asyncio.current_task().cancelling():  # nbclient takes Ctrl-C for a death
                raise asyncio.CancelledError from None
            self.failure = "its kernel died: is the memory full?"
        except Exception as error:
            self.failure = describe(error)
        self._ended = time.perf_counter()

    def _note_cell(self, cell, cell_index):
        self.cell = cell_index + 1


def one_line(text: object) -> str:
    return " ".join(str(text).split())[:300]


def describe(error: Exception) -> str:
    return f"{type(error).__name__}: {one_line(error)}"


async def run_all(
    chapters: list[Chapter],
    keep: Callable[[Chapter], None],
    at_a_time: int,
    environment: Mapping[str, str],
) -> None:
    """Run them in this order; after one that fails no other begins.

    ``keep`` is called with each that ended well, at once.
    """
    slots, running, ended = asyncio.Semaphore(at_a_time), [], []
    # each of nbclient's clients would take Ctrl-C for itself alone; it is for all
    asyncio.get_running_loop().add_signal_handler = lambda *_: None

    async def run(chapter):
        async with slots:
            if any(other.failure for other in ended):
                return
            running.append(chapter)
            LOGGER.info(f"  runs    {chapter}")
            await chapter.run(environment)
            running.remove(chapter)
            ended.append(chapter)
            try:
                chapter.failure or keep(chapter)
            except Exception as error:  # a full disk, say
                chapter.failure = f"what it gave is not kept, {describe(error)}"
            how = "FAILED" if chapter.failure else "done"
            count = f"({len(ended)} of {len(chapters)})"
            LOGGER.info(f"  {how:7} {chapter} in {chapter.seconds:.0f} s {count}")

    async def tell_again():
        while True:
            await asyncio.sleep(TELL_AGAIN)
            for chapter in running:
                where = f"cell {chapter.cell}, for {chapter.seconds:.0f} s"
                LOGGER.info(f"  runs    {chapter}, {where}")

    telling = asyncio.create_task(tell_again())
    try:
        await asyncio.gather(*map(run, chapters))
    finally:
        telling.cancel()


def report(failed: Iterable[Chapter]) -> str:
    """What a build says last: which cells failed, of what, and what comes next."""
    lines = []
    for chapter in failed:
        lines.append(f"{chapter.path.name}, cell {chapter.cell}:")
        if chapter.cell:  # its kernel did start
            code = chapter.notebook.cells[chapter.cell - 1].source.strip()
            lines.append(f"    {code.partition(chr(10))[0]}")
        lines.append(f"failed with {chapter.failure}")
    return "\n".join([*lines, "What is done is kept: the next build runs the others."])


if __name__ == "__main__":
    print(*in_order(map(Path, sys.argv[1:])))
