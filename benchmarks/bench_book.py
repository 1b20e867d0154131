"""What a newcomer waits for, held against its budgets: `python benchmarks/bench_book.py [--chapters] [--commands]`.

Without a word both parts; leave the machine alone meanwhile. Set-up is apart: run `make book test` once before.

1. Chapters. "Alone": each in a kernel of its own with an empty folder of live runs. "Busy": the same beside two
   programs that never rest. "Shared": one after the other with one folder, which is empty at first, in the order of a
   build. Seconds of the cells after the imports, with one thread, so "shared" are core-seconds.
2. Commands: `make book` from nothing but .venv, `make book` again, and the parts of `make test`.
"""

import argparse
import asyncio
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from bench_neighbours import neighbours

from xstitch_lib.results.provenance import device
from xstitch_lib.studies.queue import KEEP_MEMORY

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "book" / "_ext"))
from xstitch_chapters import Chapter, in_order  # noqa: E402

ALONE, TOGETHER, SLOWER = 30, 250, 2.5  # seconds, core-seconds, times
BOOK, AGAIN, TEST, QUICK, BROWSER = 480, 20, 720, 180, 150  # seconds


class Timed(Chapter):
    """A chapter that knows when its imports were done."""

    imported = 0.0

    def _note_cell(self, cell, cell_index):
        super()._note_cell(cell, cell_index)
        if cell.cell_type == "code" and not self.imported and "import xstitch_lib" not in cell.source:
            self.imported = self.seconds


def live_seconds(path: Path, runs: str) -> float:
    chapter = Timed(path)
    environment = {**os.environ, **KEEP_MEMORY, "OMP_NUM_THREADS": "1", "XSTITCH_RUNS": runs}
    asyncio.run(chapter.run(environment))
    if chapter.failure:
        sys.exit(f"{path.name}, cell {chapter.cell}: {chapter.failure}")
    return chapter.seconds - chapter.imported


def alone(path: Path) -> float:
    with TemporaryDirectory() as empty:
        return live_seconds(path, empty)


def chapters() -> None:
    total = 0.0
    print(f"seconds of live work, one thread; alone at most {ALONE}, busy at most {SLOWER} times as long")
    print(f"{'chapter':38}{'alone':>8}{'busy':>8}{'times':>8}{'shared':>8}")
    with TemporaryDirectory() as together:
        for path in in_order(sorted((ROOT / "book").glob("*.ipynb"))):
            idle = alone(path)
            with neighbours():
                busy = alone(path)
            shared = live_seconds(path, together)
            total += shared
            over = "   OVER" * (idle > ALONE or busy > SLOWER * idle)
            print(f"{path.stem:38}{idle:8.1f}{busy:8.1f}{busy / idle:8.2f}{shared:8.1f}{over}", flush=True)
        size = sum(file.stat().st_size for file in Path(together).rglob("*.ckpt")) / 2**20
    tell("all chapters, shared, core-seconds", total, TOGETHER)
    print(f"their live runs take {size:.0f} MiB")


def commands() -> None:
    for folder in ("_build", ".checked"):
        shutil.rmtree(ROOT / folder, ignore_errors=True)
    with TemporaryDirectory() as runs:
        tell("make book", timed("book", runs)[0], BOOK)
        tell("make book again", timed("book", runs)[0], AGAIN)
        whole, said = timed("test", runs)
    tell("make test", whole, TEST)
    ends = [float(seconds) for seconds in re.findall(r"\d+ passed.* in ([\d.]+)s", said)]
    for name, seconds, budget in zip(("quick tests", "chapters", "browser"), ends, (QUICK, None, BROWSER), strict=True):
        tell(f"  {name}", seconds, budget)


def timed(target: str, runs: str) -> tuple[float, str]:
    begun = time.perf_counter()
    environment = {**os.environ, "XSTITCH_RUNS": runs, "CI": "true"}  # without a browser it fails, and says so
    done = subprocess.run(["make", target], cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"make {target} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return time.perf_counter() - begun, done.stdout


def tell(name: str, seconds: float, budget: float | None) -> None:
    held = "" if budget is None else f"   budget {budget}{'   OVER' * (seconds > budget)}"
    print(f"{name:38}{seconds:8.1f}{held}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chapters", action="store_true")
    parser.add_argument("--commands", action="store_true")
    words = parser.parse_args()
    print(f"{device()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}")
    if words.chapters or not words.commands:
        chapters()
    if words.commands or not words.chapters:
        commands()
