"""The folder that chapters share: a run is trained once, whoever wants it, and the folder stays small."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_study import ARMS, SCALE, STUDY

from xstitch_lib.networks import stitch
from xstitch_lib.studies import cell, live
from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.queue import processes
from xstitch_lib.training.optim import clip_gradient

PAIR = replace(STUDY, arms=[arm for arm in ARMS if arm.name in ("one-task", "cross-stitch")])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XSTITCH_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def trained(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.ckpt")}


def test_one_chapter_trains_what_another_reads(folder):
    table = PAIR.run(seeds=[0])
    files = trained(folder)
    assert len(files) == 3  # towers, one-task's second phase, the stitched pair's
    assert PAIR.run(seeds=[0]).equals(table) and trained(folder) == files
    other = replace(PAIR, name="another", primary=())
    assert other.cell("one-task", "small", 0)["results"] and other.net("cross-stitch", "small", 0)
    Bench(SCALE, 0).one_task()
    assert trained(folder) == files
    assert not list(folder.glob("tiny-small/*"))  # results are measured anew: their code is in no file's name


def test_a_run_that_was_cut_off_goes_on(folder, monkeypatch):
    whole = PAIR.run(seeds=[1], arms=["one-task"])
    for path in folder.glob("*.ckpt"):
        path.unlink()
    calls = []

    def count(*words):
        calls.append(words)
        return clip_gradient(*words)

    def stop(*words):
        norm = count(*words)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return norm

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("xstitch_lib.training.run.clip_gradient", stop)
        PAIR.run(seeds=[1], arms=["one-task"])
    assert len(trained(folder)) == 1
    (folder / "unfinished.123.seed1-towers.ckpt").write_bytes(b"half")
    calls.clear()
    monkeypatch.setattr("xstitch_lib.training.run.clip_gradient", count)
    assert PAIR.run(seeds=[1], arms=["one-task"]).equals(whole)
    assert len(calls) == sum(SCALE.steps) - 3, "three steps had been done"


def hold(folder, file):
    from filelock import FileLock

    lock = FileLock(folder / "locks" / f"{file}.lock")
    lock.acquire()
    (folder / f"held {file}").touch()
    time.sleep(600)


def test_the_lock_of_a_killed_process_holds_nobody(folder):
    PAIR.run(seeds=[0], arms=["one-task"])
    holders = []
    for path in [*folder.glob("*.ckpt")]:
        holders.append(processes().Process(target=hold, args=(folder, path.name)))
        holders[-1].start()
    while len([*folder.glob("held *")]) < len(holders):
        assert all([holder.is_alive() for holder in holders])
        time.sleep(0.01)
    for holder in holders:
        holder.kill()
        holder.join()
    bench = Bench(SCALE, 0)
    bench.one_task()
    assert bench.waited < 1


def train_towers(runs, told):
    os.environ["XSTITCH_RUNS"] = str(runs)
    _, history = Bench(SCALE, 3).one_task()
    told.write_text(f"{history.seconds} {history.table.value.tolist()}")


def test_two_kernels_that_want_one_run_train_it_once(folder, tmp_path):
    kernels = [processes().Process(target=train_towers, args=(folder, tmp_path / name)) for name in "ab"]
    for kernel in kernels:
        kernel.start()
    for kernel in kernels:
        kernel.join()
    first, second = [(tmp_path / name).read_text() for name in "ab"]
    assert first == second, "losses, and the seconds that they took"


def test_a_file_that_is_no_checkpoint_of_the_run_is_trained_anew(folder, tmp_path):
    _, history = Bench(SCALE, 0).one_task()
    (path,) = folder.glob("*.ckpt")
    path.write_bytes(path.read_bytes()[:-100])
    _, again = Bench(SCALE, 0).one_task()
    assert again.table.equals(history.table) and trained(folder)
    (tmp_path / path.name).write_bytes(b"somebody's")
    with pytest.raises(ValueError, match="cannot be read as a checkpoint"):
        Bench(SCALE, 0, tmp_path).one_task()


def test_a_run_is_known_by_the_network_that_it_starts_from(folder):
    """A method of one's own may call two runs alike."""
    bench, ends = Bench(SCALE, 0), []
    for alpha in (0.9, 0.5):
        net = stitch(bench.one_task()[0], ["fc6"], bench.world.train[:1]["image"], alpha_same=alpha)
        bench.train(net, bench.world.tasks, phase=1, name="mine")
        ends.append(net.units["fc6"].alpha.diagonal(dim1=1, dim2=2).mean().item())
    assert ends == pytest.approx([0.9, 0.5], abs=0.1)


def test_what_was_not_used_for_longest_is_removed(folder, monkeypatch):
    folder.mkdir()
    for name, age in {"old": 30, "unfinished.1.ckpt": 20, "used again": 10, "new": 5}.items():
        (folder / name).write_bytes(bytes(1000))
        os.utime(folder / name, (time.time() - age,) * 2)
    (folder / "locks").mkdir()
    monkeypatch.setattr(live, "LIMIT", 2000)
    assert live.live_runs() == folder
    assert {path.name for path in folder.iterdir()} == {"used again", "new", "locks"}


def test_a_run_that_is_read_counts_as_used(folder):
    Bench(SCALE, 0).one_task()
    (path,) = folder.glob("*.ckpt")
    os.utime(path, (0, 0))
    Bench(SCALE, 0).one_task()
    assert time.time() - path.stat().st_atime < 60 and path.stat().st_mtime == 0


def test_the_users_cache_is_the_default(tmp_path, monkeypatch):
    monkeypatch.delenv("XSTITCH_RUNS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert live.live_runs() == tmp_path / "xstitch_lib" / "runs"


@pytest.mark.parametrize("cache", ["file", "relative"])
def test_where_nothing_can_be_written_runs_live_as_long_as_the_process(cache, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.delenv("XSTITCH_RUNS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file") if cache == "file" else "relative")
    with pytest.warns(UserWarning, match="live runs are not kept, since .* can't be written"):
        folder = live.live_runs()
    with pytest.warns(UserWarning):
        assert live.live_runs() == folder
    assert folder.is_dir() and not Path("relative").exists()


def test_a_folder_of_ones_own_keeps_results_too(folder, tmp_path):
    PAIR.run(seeds=[0], arms=["one-task"], folder=tmp_path / "mine")
    assert not folder.exists() and PAIR.path("one-task", "small", 0, tmp_path / "mine").exists()
    assert cell.read(PAIR.path("one-task", "small", 0, tmp_path / "mine"), ARMS[0], SCALE)
