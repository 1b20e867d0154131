"""What a share of variance is, and that alphas are not it."""

import copy

import pytest
import torch
from torch import nn

from xstitch_lib import sharing, stitch, towers
from xstitch_lib.looking import correlation

LAYERS = ["pool1", "pool5", "fc7"]


@pytest.fixture
def images():
    return torch.rand(6, 3, 24, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def net():
    torch.manual_seed(0)
    made = stitch({"a": towers.small_alexnet_fcn(5), "b": towers.small_alexnet_fcn(4)}, LAYERS, (1, 3, 24, 32))
    for unit in made.units.values():
        nn.init.uniform_(unit.alpha, -0.2, 1)
    return made


def maps_of(net, images, layer):
    """What the unit got and gave, by a hook of the test's own."""
    kept = []
    hook = net.units[layer].register_forward_hook(lambda unit, args, out: kept.extend([args[0], out]))
    with torch.no_grad():
        net.eval()(images)
    hook.remove()
    return [torch.stack([m.transpose(0, 1).flatten(1).double() for m in maps]) for maps in kept]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_share_is_the_covariance_of_a_part_with_the_sum(net, images, layer):
    got, given = maps_of(net, images, layer)
    alpha, shares = net.units[layer].alpha.detach().double(), sharing(net, images)[layer]
    for c in range(len(alpha)):
        for i in range(2):
            for j in range(2):
                both = torch.cov(torch.stack([alpha[c, i, j] * got[j, c], given[i, c]]))
                if both[1, 1] > 0:
                    assert shares[c, i, j].item() == pytest.approx(float(both[0, 1] / both[1, 1]), abs=1e-3)


def test_the_shares_of_a_row_sum_to_one_and_dead_channels_have_none(net, images):
    with torch.no_grad():
        for tower in net.towers.values():
            tower.fc7[0].weight[3] = 0
            tower.fc7[0].bias[3] = -1
    shares = sharing(net, images)["fc7"]
    assert shares[3].isnan().all()
    assert torch.allclose(shares[~shares.isnan().any(2).any(1)].sum(-1), torch.ones(1), atol=1e-4)


@pytest.mark.parametrize("what", ["what comes in", "what goes out"])
def test_rescaling_a_channel_changes_alphas_and_neither_outputs_nor_shares(net, images, what):
    """A ReLU network's weights may be scaled up in one layer and down in the next."""
    scaled, factors = copy.deepcopy(net), torch.linspace(0.5, 4, 96)
    with torch.no_grad():
        if what == "what comes in":
            conv = scaled.towers["b"].fc7[0]
            conv.weight *= factors[:, None, None, None]
            conv.bias *= factors
            scaled.units["fc7"].alpha[:, :, 1] /= factors[:, None]
        else:
            scaled.units["fc7"].alpha[:, 1] *= factors[:, None]
            scaled.towers["b"].fc8.weight /= factors[:, None, None]
        before, after = net.eval()(images), scaled.eval()(images)
    assert not torch.allclose(net.units["fc7"].alpha, scaled.units["fc7"].alpha)
    for task in before:
        assert torch.allclose(before[task], after[task], atol=1e-5)
    for layer, shares in sharing(net, images).items():
        assert torch.allclose(shares, sharing(scaled, images)[layer], atol=1e-3, equal_nan=True)


def test_separate_towers_share_nothing(net, images):
    for unit in net.units.values():
        unit.alpha.data.copy_(torch.eye(2))
    for shares in sharing(net, images).values():
        assert torch.allclose(shares.nanmean(0), torch.eye(2))


def test_equal_towers_correlate_fully_and_the_net_is_left_as_it_was(images):
    torch.manual_seed(0)
    tower = towers.small_alexnet_fcn(5)
    net = stitch({"a": tower, "b": copy.deepcopy(tower)}, LAYERS, (1, 3, 24, 32)).train()
    for found in correlation(net, images).values():
        found = found[~found.isnan().any(2).any(1)]
        assert len(found) and torch.allclose(found, torch.ones_like(found), atol=1e-4)
    assert net.training and not net.units["pool1"]._forward_pre_hooks


def test_a_net_without_units_is_refused(images):
    with pytest.raises(ValueError, match="has no units"):
        sharing(towers.small_alexnet_fcn(5), images)
