"""Weights and alphas apart, and their learning rates on the way."""

import pytest
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook
from training_runs import Noise, interrupted, stitched, train

from xstitch_lib.networks.towers import fashion_cnn
from xstitch_lib.training.optim import constant, cosine, milestones, parameter_groups, warmup
from xstitch_lib.unit import CrossStitchUnit


def test_weights_and_alphas_are_told_apart_by_identity():
    net = stitched()
    first, second = parameter_groups(net, lr=0.1, unit_lr_scale=100, weight_decay=5e-4)
    assert {id(p) for p in second["params"]} == {id(p) for p in net.units.parameters()}
    assert {id(p) for p in first["params"]} == {id(p) for p in net.towers.parameters()}
    assert (first["lr"], first["weight_decay"]) == (0.1, 5e-4)
    assert (second["lr"], second["weight_decay"]) == (pytest.approx(10), 0)


def test_units_are_found_anywhere_and_frozen_ones_stay_out():
    net = nn.Sequential(nn.Linear(2, 2), nn.ModuleDict({"mix": CrossStitchUnit(2, 8), "net": stitched()}))
    groups = {group["name"]: group["params"] for group in parameter_groups(net, lr=0.1)}
    assert len(groups["alphas"]) == 3
    for p in groups["alphas"]:
        p.requires_grad_(False)
    assert [group["name"] for group in parameter_groups(net, lr=0.1)] == ["weights"]
    with pytest.raises(ValueError, match="Sequential has no parameter to train"):
        parameter_groups(net.requires_grad_(False), lr=0.1)


@pytest.mark.parametrize("schedule", [constant, cosine, milestones(0.3, 0.6), warmup(0.25, then=cosine)])
def test_the_unit_multiplier_survives_every_step_and_a_resume(schedule, tmp_path):
    rates = []
    hook = register_optimizer_step_pre_hook(
        lambda solver, *_: rates.append({group["name"]: group["lr"] for group in solver.param_groups})
    )
    options = {"schedule": schedule, "resume": tmp_path / "run.ckpt", "checkpoint_every": 5, "unit_lr_scale": 100}
    try:
        assert interrupted(stitched(), augment=Noise(stop_at=6), **options)
        train(stitched(), augment=Noise(), **options)
    finally:
        hook.remove()
    assert [rate["weights"] for rate in rates] == pytest.approx([0.05 * schedule(step / 12) for step in range(12)])
    assert [rate["alphas"] for rate in rates] == pytest.approx([100 * rate["weights"] for rate in rates])


def test_the_control_of_a_dense_unit_learns_as_the_unit_does():
    """Faster by the units' scale and without decay, or the comparison of the two would be one of settings."""
    weights, alphas = parameter_groups(fashion_cnn(3, width=2, inside=2), lr=0.1, unit_lr_scale=5, weight_decay=0.01)
    assert [p.shape for p in alphas["params"]] == [(64, 64)] * 2
    assert alphas["lr"] == 0.5 and alphas["weight_decay"] == 0 and weights["weight_decay"] == 0.01
