"""What two programs that never rest do to a training step: `python benchmarks/bench_neighbours.py`.

Two small towers are trained with one thread and with two, which wait for each other at the end of every operation,
spinning or asleep; first alone, then beside two busy loops; the ways take turns.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

STEPS, ROUNDS = 30, 5
WAYS = {
    "one thread": {"OMP_NUM_THREADS": "1"},
    "two threads that spin": {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "ACTIVE"},
    "two threads that sleep": {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"},
    "two threads, as they come": {"OMP_NUM_THREADS": "2"},
}
WORK = f"""
import tempfile, time
from dataclasses import replace
from pathlib import Path
from xstitch_lib.studies import table5
from xstitch_lib.studies.bench import Bench
for steps in (5, {STEPS}):
    bench = Bench(replace(table5.scale("live"), steps=(steps, 1)), 0, Path(tempfile.mkdtemp()))
    start = time.perf_counter()
    bench.one_task()
print((time.perf_counter() - start) / {STEPS} * 1e3)
"""


def milliseconds(way: str) -> float:
    command = [sys.executable, "-c", WORK]
    environment = {**os.environ, **WAYS[way]}
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def measure() -> dict[str, float]:
    rounds = [{way: milliseconds(way) for way in WAYS} for _ in range(ROUNDS)]
    return {way: median([times[way] for times in rounds]) for way in WAYS}


@contextmanager
def neighbours(count: int = 2) -> Iterator[None]:
    """Programs that never rest, each in a session of its own, as a kernel is: Linux shares cores out by session."""
    command = [sys.executable, "-c", "while True: pass"]
    loops = [subprocess.Popen(command, start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()


def main() -> None:
    idle = measure()
    with neighbours():
        busy = measure()
    print(f"{'ms a step of two towers':28}{'alone':>8}{'busy':>8}{'times':>8}")
    for way in WAYS:
        print(f"{way:28}{idle[way]:8.1f}{busy[way]:8.1f}{busy[way] / idle[way]:8.2f}")


if __name__ == "__main__":
    main()
