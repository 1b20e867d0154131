"""The study's controls are stitched nets like any other: frozen units, identity units, self-stitch, other places."""

import copy

import pytest
import torch
from torch import nn

from xstitch_lib import CrossStitchUnit, fit
from xstitch_lib.data import TensorData
from xstitch_lib.networks import stitch
from xstitch_lib.networks.named import Named
from xstitch_lib.networks.towers import CONVS, POOLS, fashion_cnn, small_alexnet_fcn
from xstitch_lib.tasks import Classification

PICTURE = (1, 3, 48, 64)


class Apart(nn.Module):
    """Towers trained together with nothing between them."""

    def __init__(self, towers):
        super().__init__()
        self.towers = Named(towers)

    def forward(self, x):
        return {task: tower(x) for task, tower in self.towers.items()}


def pair(tasks=("seg", "normals")):
    return {task: small_alexnet_fcn(outputs, width=4) for task, outputs in zip(tasks, (5, 7), strict=False)}


def train(net, tasks=("seg", "normals")):
    generator = torch.Generator().manual_seed(0)
    data = {task: torch.randint(0, 3, (32,), generator=generator) for task in tasks}
    data = TensorData({"image": torch.rand(32, 1, 28, 28, generator=generator), **data})
    return fit(
        net, {task: Classification(task, 3) for task in tasks}, data, steps=4, lr=0.05, batch_size=8, snapshots=2
    )


def fashion(tasks=("seg", "normals"), batch_norm=True):
    return {task: fashion_cnn(3, width=2, dropout=0.0, batch_norm=batch_norm) for task in tasks}


def stitched(towers, alpha_same=0.9):
    return stitch(towers, ["pool1", "pool2", "fc3"], (1, 1, 28, 28), alpha_same=alpha_same)


def weights(towers):
    return {task: copy.deepcopy(tower.state_dict()) for task, tower in towers.items()}


def same(found, expected):
    return [torch.equal(found[t][name], expected[t][name]) for t in expected for name in expected[t]]


def test_frozen_units_stay_at_their_start_while_the_towers_learn():
    net = stitched(fashion(), alpha_same=0.7)
    net.units.requires_grad_(False)
    before = weights(net.towers)
    history = train(net)
    for name, unit in net.units.items():
        start = CrossStitchUnit(channels=unit.channels, alpha_same=0.7).alpha
        assert torch.equal(unit.alpha, start) and unit.alpha.grad is None
        assert (history.alphas[name] == start.detach().numpy()).all() and len(history.alpha_steps) == 2
    assert not all(same(weights(net.towers), before))


def test_without_freezing_the_same_run_moves_every_alpha():
    net = stitched(fashion(), alpha_same=0.7)
    train(net)
    for unit in net.units.values():
        assert not torch.equal(unit.alpha, CrossStitchUnit(channels=unit.channels, alpha_same=0.7).alpha)


def test_frozen_identity_units_train_the_towers_to_the_weights_they_reach_apart():
    towers = fashion()
    apart, net = Apart(copy.deepcopy(towers)), stitched(towers, alpha_same=1.0)
    net.units.requires_grad_(False)
    train(apart)
    train(net)
    assert all(same(weights(net.towers), weights(apart.towers)))


@pytest.mark.parametrize("after", [POOLS, CONVS])
def test_frozen_identity_units_pass_outputs_and_gradients_unchanged(after):
    towers, x = pair(), torch.rand(2, *PICTURE[1:])
    apart, net = Apart(copy.deepcopy(towers)), stitch(towers, after, PICTURE, alpha_same=1.0)
    net.units.requires_grad_(False)
    for each in (apart, net.train()):
        out = each(x)
        (out["seg"].square().sum() + 2 * out["normals"].logsumexp(1).sum()).backward()
    assert all([torch.equal(net(x)[task], apart(x)[task]) for task in towers])
    for p, q in zip(net.towers.parameters(), apart.towers.parameters(), strict=True):
        assert q.grad.any() and torch.equal(p.grad, q.grad)


def test_units_may_stand_after_every_convolution_instead_of_every_pooling():
    net = stitch(pair(), CONVS, PICTURE)
    assert {name: unit.channels for name, unit in net.units.items()} == dict(
        zip(CONVS, (4, 8, 12, 12, 8, 24, 24), strict=True)
    )
    assert [name for name, stands in net.layout()["seg"] if stands] == list(CONVS)
    assert {task: tuple(y.shape) for task, y in net(torch.rand(PICTURE)).items()} == {
        "seg": (1, 5, 6, 8),
        "normals": (1, 7, 6, 8),
    }


def test_two_towers_of_one_task_stitch_to_themselves():
    towers = fashion(("seg", "seg twin"))
    net = stitched(towers)
    assert "towers.seg twin.conv1.0.weight" in net.state_dict()
    twins = {"seg": Classification("seg", 3), "seg twin": Classification("seg", 3)}
    labels = torch.arange(32) % 3
    before = weights(net.towers)
    history = fit(net, twins, TensorData({"image": torch.rand(32, 1, 28, 28), "seg": labels}), steps=2, lr=0.05)
    assert set(history.table.task) == {"seg", "seg twin"}
    for task in twins:
        assert not all(same({task: net.towers[task].state_dict()}, {task: before[task]}))
    copied = copy.deepcopy(net).eval()
    assert torch.equal(copied(torch.ones(1, 1, 28, 28))["seg twin"], net.eval()(torch.ones(1, 1, 28, 28))["seg twin"])
