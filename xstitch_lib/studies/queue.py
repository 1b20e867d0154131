"""Many runs, one process a core: two threads on one small network gain little, two networks side by side gain all."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

if TYPE_CHECKING:
    from xstitch_lib.studies.study import Study

# glibc gives large tensors back after every step and faults them in again: up to a third of a step
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_jobs() -> int:
    """One process a core; one on an accelerator."""
    return 1 if torch.accelerator.is_available() else cores()


def processes() -> multiprocessing.context.BaseContext:
    """How processes start: forked from one that only imported what they need, since a torch that ran may hang then.

    That one keeps the environment of its own start, when the first process was asked for.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():  # Windows
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["xstitch_lib.studies", "sklearn.cluster", "torch._dynamo"])  # these come late
    return context


def finish(
    studies: Sequence["Study"],
    scale: str,
    seeds: Sequence[int],
    folder: Path,
    jobs: int,
    keep: Callable[[], object] = lambda: None,
) -> None:
    """Run every cell that ``folder`` does not hold yet; what is finished stays, whatever happens next.

    ``keep`` is called whenever one more of them is there.

    One process works on all studies of a seed, so that its towers are trained once; with more processes than seeds
    each takes a run at a time, and waits for towers that another one trains. Progress and the time that remains are on
    the terminal; what the processes print is in ``folder/log-….txt``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cells = [(study, arm, seed) for study in studies for arm in study.names(scale) for seed in seeds]
    wanted = [study.path(arm, scale, seed, folder) for study, arm, seed in cells]
    apart = [[cell] for cell in cells]
    by_seed = [[cell for cell in cells if cell[2] == seed] for seed in seeds]
    os.environ.update({name: os.environ.get(name, value) for name, value in KEEP_MEMORY.items()})
    threads = max(1, cores() // jobs)
    with ProcessPoolExecutor(jobs, processes(), _start, (threads, folder, sys.argv)) as pool:
        running = {pool.submit(_run, some, scale, folder) for some in (apart if jobs > len(seeds) else by_seed)}
        done = sum([path.exists() for path in wanted])
        try:
            with tqdm(total=len(wanted), initial=done, unit="run", smoothing=0, disable=None) as bar:
                while running:
                    finished, running = wait(running, timeout=1, return_when=FIRST_EXCEPTION)
                    if more := sum([path.exists() for path in wanted]) - done:
                        done += more  # without a terminal the bar does not count
                        bar.update(more)
                        keep()
                    for future in finished:
                        future.result()
        except BaseException:  # an error, or Ctrl-C: runs that have not begun are not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _start(threads: int, folder: Path, command: Sequence[str]) -> None:
    torch.set_num_threads(threads)
    sys.argv = list(command)  # a spawned process has another one; results tell how they were made
    sys.stdout = sys.stderr = (folder / f"log-{os.getpid()}.txt").open("a", buffering=1)


def _run(cells: Sequence[tuple["Study", str, int]], scale: str, folder: Path) -> None:
    for study, arm, seed in cells:
        study.cell(arm, scale, seed, folder)
