"""The training options as one value."""

from dataclasses import replace

import pytest
import torch
from training_runs import TASKS, assert_same, samples, stitched, train, weights

from xstitch_lib.training.fit import fit
from xstitch_lib.training.objective import Objective
from xstitch_lib.training.optim import cosine
from xstitch_lib.training.recipe import Recipe

RECIPE = Recipe(steps=12, lr=0.05, batch_size=16, unit_lr_scale=10, schedule=cosine, clip=1.0, snapshots=3)


def trained(recipe=None, **options):
    net = stitched()
    if recipe is None:
        train(net, **options)
    else:
        fit(net, TASKS, samples(), recipe, **options)
    return weights(net)


def test_options_one_by_one_and_a_recipe_train_alike():
    own = {"steps": 12, "lr": 0.05, "batch_size": 16, "unit_lr_scale": 10, "schedule": cosine, "clip": 1.0}
    assert_same(trained(RECIPE), trained(**own, snapshots=3))
    assert_same(trained(RECIPE, seed=3), trained(replace(RECIPE, seed=3)))


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_an_optimizer_may_be_ones_own(name):
    """The same one, made by the caller."""
    kinds = {
        "sgd": lambda groups: torch.optim.SGD(groups, momentum=0.9),
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
    }
    known, own = [trained(optimizer=kind, lr=0.01, weight_decay=0.1) for kind in (name, kinds[name])]
    torch.testing.assert_close(own, known, rtol=1e-3, atol=1e-5)
    assert not torch.equal(own["units.fc1.alpha"], weights(stitched())["units.fc1.alpha"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer": "rmsprop"}, "optimizer 'sgd', 'adam', .*'adamw' or a function, .* got optimizer='rmsprop'"),
        ({"precision": "fp16"}, "precision 'no' or 'bf16', .* precision='fp16'"),
        ({"steps": 0}, "steps, batch_size, accumulate, log_every, checkpoint_every ≥ 1; .* steps=0"),
        ({"lr": float("nan")}, "lr, unit_lr_scale, weight_decay to be finite; got .*nan"),
        ({"loss_weights": {"a": float("inf")}}, "loss_weights must be finite; got .*inf"),
        ({"clip": 0.0}, "clip must be above 0"),
        ({"objective": Objective, "loss_weights": {"a": 2.0}}, "in place of loss_weights; got .*'a': 2.0"),
        ({"objective": "sum"}, "objective is a function .* got 'sum'"),
        ({"snapshots": 1}, "snapshots must be 0 for none, or at least 2"),
    ],
)
def test_values_that_are_none_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        replace(RECIPE, **changes)


def test_the_marks_are_even_and_hold_both_ends():
    assert RECIPE.marks == [0, 6, 12] and replace(RECIPE, snapshots=0).marks == []
    assert replace(RECIPE, snapshots=100).marks == list(range(13))


def test_a_schedule_is_told_by_its_values():
    """Two functions that give the same factors are one run, a third is another."""
    tasks = ["a"]
    same = replace(RECIPE, schedule=lambda progress: cosine(progress))
    another = replace(RECIPE, schedule=lambda p: 1 - p)
    settings = [recipe.settings(tasks, recipe.solver(stitched())) for recipe in (RECIPE, same, another)]
    assert torch.equal(settings[0]["schedule"], settings[1]["schedule"])
    assert not torch.equal(settings[0]["schedule"], settings[2]["schedule"])
    assert settings[0]["loss_weights"] == [1.0] and "checkpoint_every" not in settings[0]


def test_what_an_optimizer_of_ones_own_is_made_with_belongs_to_the_run(tmp_path):
    def by(momentum):
        return lambda groups: torch.optim.SGD(groups, momentum=momentum)

    train(stitched(), optimizer=by(0.9), resume=tmp_path / "run.ckpt")
    with pytest.raises(ValueError, match=r"optimizer was .*'momentum': 0.9.* is .*'momentum': 0.5"):
        train(stitched(), optimizer=by(0.5), resume=tmp_path / "run.ckpt")


def test_a_recipe_needs_steps_and_a_rate_and_can_be_a_key():
    with pytest.raises(ValueError, match=r"fit needs lr: fit\(net, tasks, train, steps=1000, lr=1e-3\)"):
        fit(stitched(), TASKS, samples(), steps=3)
    assert {RECIPE: 1}[replace(RECIPE)] == 1
