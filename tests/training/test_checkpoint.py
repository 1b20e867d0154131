"""Stop anywhere, go on as if nothing had happened; refuse what does not fit."""

import time

import pytest
import torch
from training_runs import (
    TASKS,
    Noise,
    Unstitched,
    assert_same,
    assert_same_history,
    be_killed,
    interrupted,
    long_run,
    samples,
    stitched,
    train,
    weights,
)

from xstitch_lib.studies.queue import processes
from xstitch_lib.tasks import Classification
from xstitch_lib.training.fit import fit
from xstitch_lib.training.optim import cosine, milestones


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("stop_at", [2, 4, 9])
def test_interrupted_run_resumes_to_the_same_weights(optimizer, stop_at, tmp_path):
    options = {"optimizer": optimizer, "schedule": cosine, "checkpoint_every": 3, "log_every": 2, "clip": 1.0}
    straight = stitched(dropout=0.5)
    expected = train(straight, augment=Noise(), **options)
    path = tmp_path / "new folder" / "run.ckpt"
    assert interrupted(stitched(dropout=0.5), augment=Noise(stop_at), resume=path, **options)
    net = stitched(seed=9, dropout=0.5) if path.exists() else stitched(dropout=0.5)
    history = train(net, augment=Noise(), resume=path, **options)
    assert_same(weights(net), weights(straight))
    assert_same_history(history, expected)
    again = stitched(seed=8, dropout=0.5)  # a finished run only loads
    loaded = train(again, augment=Noise(stop_at=1), resume=path, **options)
    assert_same_history(loaded, expected)
    assert loaded.seconds == history.seconds and loaded.seconds_before == 0
    assert_same(weights(again), weights(straight))
    assert [file.name for file in path.parent.iterdir()] == ["run.ckpt"]


def test_a_run_goes_on_with_the_threads_it_was_begun_with_and_says_so(tmp_path):
    options = {"resume": tmp_path / "run.ckpt", "checkpoint_every": 3}
    interrupted(stitched(), augment=Noise(stop_at=7), **options)  # `train` uses one thread
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.warns(UserWarning, match="begun with 1 threads .* in place of 2"):
            fit(stitched(), TASKS, samples(), steps=12, lr=0.05, batch_size=16, augment=Noise(), **options)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_killed_run_resumes_to_the_same_weights(tmp_path):
    path = tmp_path / "run.ckpt"
    victim = processes().Process(target=be_killed, args=(tmp_path,))
    victim.start()
    try:
        while not path.exists():
            assert victim.is_alive()
            time.sleep(0.01)
    finally:
        victim.kill()
        victim.join()
    assert victim.exitcode == -9
    assert 0 < torch.load(path, weights_only=True)["step"] < 60
    net, history = long_run(path)
    assert history.seconds > history.seconds_before > 0
    straight, expected = long_run()
    assert_same(weights(net), weights(straight))
    assert_same_history(history, expected)


def test_checkpoints_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "run.ckpt"
    train(stitched(), resume=path, validation=samples(seed=2), schedule=milestones(0.51))

    def refused(words, net=None, **options):
        with pytest.raises(ValueError, match=words):
            same = {"validation": samples(seed=2), "schedule": milestones(0.51)}
            train(net or stitched(), resume=path, **{**same, **options})

    refused(
        r"run.ckpt belongs to another run \(steps was 12, is 11; schedule was .*\): repeat that run's call", steps=11
    )
    refused(r"run.ckpt belongs to another run \(schedule was .*\)", steps=40)  # longer, and otherwise from the start
    refused("lr was 0.05, is 0.1", lr=0.1)
    refused("seed was 0, is 1", seed=1)
    refused("schedule was", schedule=cosine)
    refused("schedule was", schedule=milestones(0.6))  # one step later
    refused("validation was", validation=samples(seed=3))
    refused("validation was .*, is None", validation=None)
    refused("augment was None, is Noise", augment=Noise())
    refused("train was", data=samples(seed=1))
    refused(r"parameter towers.a.fc1.0.weight was \(8, 6\), is None", Unstitched().towers)
    refused("task b was Classification", tasks={"a": TASKS["a"], "b": Classification("a", 3)})


def test_damaged_and_foreign_checkpoints_are_refused(tmp_path):
    path = tmp_path / "run.ckpt"
    train(stitched(), resume=path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    torch.save({"state_dict": {}}, path)
    for content in (b"", b"text", whole[:-1], whole[:middle], flipped, path.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"run.ckpt cannot be read as a checkpoint of fit: delete it"):
            train(stitched(), resume=path)
