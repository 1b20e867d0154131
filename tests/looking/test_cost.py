import copy
from collections import OrderedDict
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from xstitch_lib.looking import cost
from xstitch_lib.networks import ensemble, mtl_shared, split, stitch
from xstitch_lib.networks.towers import CONVS, POOLS, fashion_cnn, small_alexnet_fcn

PICTURE = (1, 3, 48, 64)
VALUES = {  # of one sample, behind each layer of the small tower
    **{"conv1": 16 * 24 * 32, "pool1": 16 * 12 * 16, "conv2": 32 * 12 * 16, "pool2": 32 * 6 * 8, "conv3": 48 * 6 * 8},
    **{"conv4": 48 * 6 * 8, "conv5": 32 * 6 * 8, "pool5": 32 * 6 * 8, "fc6": 96 * 6 * 8, "fc7": 96 * 6 * 8},
}
PLACES = 8 * sum([VALUES[pool] for pool in ("pool1", "pool2", "pool5")])  # of the maxima
TOWER = 4 * sum(VALUES.values()) + PLACES
IMAGE = 4 * 3 * 48 * 64


def small(task="seg"):
    return small_alexnet_fcn({"seg": 19, "normals": 20}[task])


def stitched(after):
    return stitch({task: small(task) for task in ("seg", "normals")}, after, PICTURE)


def activations(net):
    return cost(net, PICTURE).activations


def test_a_tower_keeps_its_picture_and_every_layers_map_once():
    assert activations(small()) == IMAGE + TOWER  # fc8's scores are the loss's to keep


def test_units_keep_their_inputs_beside_the_next_layers():
    pair = 2 * (IMAGE + TOWER)  # each tower centres its own copy of the picture
    assert activations(stitched(POOLS)) == pair + 2 * 4 * sum([VALUES[name] for name in POOLS])
    assert activations(stitched(CONVS)) == pair + 2 * 4 * sum([VALUES[name] for name in CONVS])


def test_a_split_keeps_its_trunk_once_and_a_copy_of_its_last_map_for_each_branch():
    branch = 4 * (VALUES["fc6"] + VALUES["fc7"])
    assert activations(split(small, ["seg", "normals"], at="fc6")) == (
        IMAGE + TOWER - branch - 4 * VALUES["pool5"] + 2 * (4 * VALUES["pool5"] + branch)
    )


def test_mtl_shared_keeps_the_latent_maps_and_an_ensemble_its_members():
    latent = 4 * VALUES["fc7"]
    assert activations(mtl_shared(small, ["seg", "normals"])) == 2 * (IMAGE + TOWER + latent)
    assert activations(ensemble([small(), small()])) >= 2 * (IMAGE + TOWER)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.lists(st.integers(1, 9), min_size=2, max_size=5))
def test_what_is_counted_is_of_one_sample(batch, widths):
    layers = [nn.Sequential(nn.Linear(a, b), nn.ReLU(inplace=b % 2 == 0)) for a, b in pairwise(widths)]
    found = cost(nn.Sequential(*layers), (batch, widths[0]))
    products = [a * b for a, b in pairwise(widths)]
    assert found == (sum(products) + sum(widths[1:]), sum(products), 0, 4 * sum(widths))


def test_views_share_memory_and_wider_numbers_take_more():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.Unflatten(1, (2, 3)), nn.Linear(3, 1))
    assert cost(net, (2, 3, 4)).activations == 4 * (12 + 6)
    assert cost(net.double(), (2, 3, 4)).activations == 8 * (12 + 6)


def test_what_needs_no_gradient_keeps_nothing():
    tower = small().requires_grad_(False)
    assert activations(tower) == 0
    tower.fc8.requires_grad_(True)
    assert activations(tower) == 4 * VALUES["fc7"]


def test_nothing_of_the_network_changes():
    net, batch = fashion_cnn(10, width=2), torch.rand(3, 1, 28, 28)
    state, rng = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    with torch.no_grad():
        found = cost(net, batch)
        assert not torch.is_grad_enabled()
    assert found == cost(net, (3, 1, 28, 28)) and found.activations > 0
    assert all([torch.equal(value, state[key]) for key, value in net.state_dict().items()])
    assert all([module.training and not module._forward_hooks for module in net.modules()])
    assert all([p.grad is None for p in net.parameters()]) and torch.equal(torch.get_rng_state(), rng)


def test_networks_too_large_to_hold_are_counted_on_the_meta_device():
    with torch.device("meta"):
        net = stitched(POOLS)
    assert cost(net, PICTURE) == cost(stitched(POOLS), PICTURE)


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="at least one sample"):
        cost(nn.Sequential(OrderedDict(fc=nn.Linear(2, 2))), (0, 2))
