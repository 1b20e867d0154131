"""Reordered channels, the same function."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import nn

from xstitch_lib import align, towers
from xstitch_lib.looking import channel_correlation

HIDDEN = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"]


@pytest.fixture
def images():
    return torch.rand(8, 3, 48, 64, generator=torch.Generator().manual_seed(2))


def a_tower(seed, outputs=5):
    torch.manual_seed(seed)
    tower = towers.small_alexnet_fcn(outputs, width=8)
    for module in tower.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.bias, std=0.1)
    return tower


def shuffled(tower):
    """The same function with its hidden channels in another order, made without the library."""
    tower = copy.deepcopy(tower)
    convs = [module for module in tower.modules() if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        for conv, following in pairwise(convs):
            order = torch.randperm(conv.out_channels)
            conv.weight.copy_(conv.weight[order])
            conv.bias.copy_(conv.bias[order])
            following.weight.copy_(following.weight[:, order])
    return tower


def test_an_aligned_tower_computes_what_it_did(images):
    tower = a_tower(0)
    aligned = align(tower, a_tower(1, outputs=3), images)
    with torch.no_grad():
        assert torch.allclose(aligned(images), tower(images), atol=1e-5)
    assert not torch.equal(aligned.conv2[0].weight, tower.conv2[0].weight)


def test_a_shuffled_tower_is_put_back_in_order(images):
    tower = a_tower(0)
    back = align(shuffled(tower), tower, images)
    for layer in HIDDEN:
        of_both = [t[: list(dict(t.named_children())).index(layer) + 1](images) for t in (tower, back)]
        assert torch.allclose(*of_both, atol=1e-4), layer


def test_channels_correlate_as_numpy_says(images):
    with torch.no_grad():
        first, second = a_tower(0).conv1(images), a_tower(1).conv1(images)
    found = channel_correlation(first, second)
    expected = torch.corrcoef(torch.stack([first[:, 3].flatten(), second[:, 5].flatten()]))[0, 1]
    assert found.shape == (8, 8) and found[3, 5] == pytest.approx(float(expected), abs=1e-4)


def test_another_architecture_is_refused(images):
    with pytest.raises(ValueError, match="one architecture; got channels"):
        align(a_tower(0), towers.small_alexnet_fcn(5, width=4), images)


def test_a_layer_that_cannot_be_reordered_is_named(images):
    tower = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    with pytest.raises(ValueError, match="cannot reorder a tower with BatchNorm2d: it knows Conv2d"):
        align(tower, tower, images)


@pytest.mark.parametrize(
    "block",
    [
        lambda: nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3)),
        lambda: nn.Conv2d(4, 4, 3, groups=2),
        lambda: nn.Conv2d(4, 4, 3, bias=False),
    ],
)
def test_a_layer_of_other_than_one_plain_convolution_is_refused(images, block):
    tower = nn.Sequential(nn.Conv2d(3, 4, 3), block(), nn.Conv2d(4, 2, 1))
    with pytest.raises(ValueError, match=r"one ungrouped convolution with a bias each; got .*'1'"):
        align(tower, tower, images)
