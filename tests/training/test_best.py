"""The best weights, early stopping, what is called after a step, and runs that are made longer."""

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from training_runs import TASKS, Noise, assert_same, assert_same_history, samples, stitched, train, weights

from xstitch_lib.training.best import Best
from xstitch_lib.training.checkpoint import CheckpointError, RandomState
from xstitch_lib.training.optim import cosine


def watched(values):
    """A validation that finds these values one after the other, and what the weights were then."""
    seen, coming = [], iter(values)

    def look(net):
        seen.append(weights(net))
        return {"a": {"accuracy": next(coming)}}

    return look, seen


def test_the_network_ends_with_the_best_snapshots_weights_and_the_run_when_patience_does():
    look, seen = watched([10.0, 30.0, 30.0, 20.0, 90.0])
    net, best = stitched(), Best("a", "accuracy", patience=2)
    history = train(net, steps=8, snapshots=5, validation=look, best=best)
    assert (best.step, best.value, len(seen)) == (2, 30.0, 4)  # equal is not better
    assert_same(weights(net), seen[1])
    assert history.table.step.max() == 6


def test_a_run_with_a_best_resumes_to_the_same(tmp_path):
    nets, found = [stitched(), stitched()], []
    for net, path in zip(nets, (None, tmp_path / "run.ckpt"), strict=True):
        options = {"validation": samples(), "snapshots": 5, "checkpoint_every": 4, "resume": path}
        if path:
            train(stitched(), steps=8, after_step=lambda step, losses: step == 5, best=Best("a", "accuracy"), **options)
        found.append(Best("a", "accuracy"))
        train(net, steps=8, best=found[-1], **options)
    assert (found[0].step, found[0].value) == (found[1].step, found[1].value)
    assert_same(weights(nets[0]), weights(nets[1]))


def test_a_run_that_ended_early_is_saved_there_and_is_not_gone_on_with(tmp_path):
    path, values = tmp_path / "run.ckpt", [10.0, 30.0, 30.0, 20.0]
    options = {"steps": 8, "snapshots": 5, "resume": path}
    nets, histories = [stitched(), stitched(seed=5)], []
    for net, found in zip(nets, (values, []), strict=True):  # the second would ask for another value
        best = Best("a", "accuracy", patience=2)
        histories.append(train(net, validation=watched(found)[0], best=best, **options))
        assert (best.step, torch.load(path, weights_only=True)["step"]) == (2, 6)
    assert_same(weights(nets[0]), weights(nets[1]))
    assert_same_history(*histories)


def test_a_run_that_a_function_ended_is_saved_there_and_goes_on(tmp_path):
    straight, net, path = stitched(), stitched(), tmp_path / "run.ckpt"
    train(straight, steps=8)
    train(stitched(), steps=8, resume=path, after_step=lambda step, losses: step == 3)
    assert torch.load(path, weights_only=True)["step"] == 3
    train(net, steps=8, resume=path)
    assert_same(weights(net), weights(straight))


def test_a_function_sees_every_steps_losses():
    seen = []
    history = train(stitched(), steps=6, log_every=1, after_step=lambda step, losses: seen.append((step, losses)))
    table = history.table[history.table.metric == "loss"]
    for step, losses in seen:
        row = table[table.step == step].set_index("task").value
        assert losses == pytest.approx({f"{task} loss": row[task] for task in TASKS})
    assert [step for step, _ in seen] == [1, 2, 3, 4, 5, 6]


def test_a_run_is_made_longer_where_the_schedule_allows_it(tmp_path):
    straight, longer = stitched(), stitched()
    path, options = tmp_path / "run.ckpt", {"unit_lr_scale": 10, "snapshots": 0}
    train(straight, augment=Noise(), steps=9, **options)
    train(stitched(), augment=Noise(), steps=5, resume=path, **options)
    train(longer, augment=Noise(), steps=9, resume=path, **options)
    assert_same(weights(longer), weights(straight))
    other = tmp_path / "cosine.ckpt"
    train(stitched(), steps=5, schedule=cosine, resume=other)
    with pytest.raises(CheckpointError, match="schedule was"):
        train(stitched(), steps=9, schedule=cosine, resume=other)


def test_another_number_of_processes_is_said():
    state = RandomState(Accelerator(cpu=True))
    kept = state.state_dict()
    kept["generators"] = [torch.cat([x, x]) for x in kept["generators"]]
    with pytest.warns(UserWarning, match="begun in 2 processes and goes on in 1: not bit for bit"):
        state.load_state_dict(kept)


def test_one_best_is_for_one_run():
    best, options = Best("a", "accuracy"), {"steps": 4, "validation": samples(), "snapshots": 3}
    train(stitched(), best=best, **options)
    with pytest.raises(ValueError, match="best= is of another run"):
        train(stitched(seed=1), best=best, **options)


def test_a_function_ends_the_run_with_a_truth_value_alone():
    history = train(stitched(), steps=8, log_every=1, after_step=lambda step, losses: np.bool_(step == 2))
    assert history.table.step.max() == 2
    with pytest.raises(ValueError, match=r"after_step returns True, to end the run, .*; at step 1 got 1"):
        train(stitched(), after_step=lambda step, losses: step)


def test_misfits_are_named():
    with pytest.raises(ValueError, match="best= looks at snapshots, and snapshots=0 asks for none"):
        train(stitched(), best=Best("a", "accuracy"), validation=samples(), snapshots=0)
    with pytest.raises(ValueError, match="best= needs validation="):
        train(stitched(), best=Best("a", "accuracy"))
    with pytest.raises(ValueError, match="'a' has no metric 'mIU'; known are a accuracy"):
        train(stitched(), validation=samples(), best=Best("a", "mIU"))
    with pytest.raises(ValueError, match="patience is at least 1 snapshot"):
        Best("a", "accuracy", patience=0)
