"""MTAN against its equations."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xstitch_lib.looking import cost
from xstitch_lib.networks.mtan import mtan
from xstitch_lib.networks.towers import fashion_cnn, small_alexnet_fcn

BLOCKS = [("conv1", "conv1"), ("conv2", "conv2"), ("conv3", "conv5"), ("fc6", "fc7")]
OUTPUTS = {"seg": 5, "normals": 7}
X = torch.rand(4, 3, 32, 48, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return mtan(lambda task: small_alexnet_fcn(OUTPUTS[task], width=4), OUTPUTS, BLOCKS, X[:1])


def convolved(layer, x):
    """A convolution and batch norm over the batch, written out."""
    conv, norm, _ = layer
    x = F.conv2d(x, conv.weight, conv.bias, padding=conv.padding)
    mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, correction=0)
    return (x - mean) / (var + norm.eps).sqrt()


def test_masks_and_features_are_those_of_the_papers_equations(net):
    found, maps, x = net(X), {}, X
    for name, layer in net.trunk.items():
        x = maps[name] = layer(x)
    for task, rest in net.rests.items():
        before = None
        for j, (u, p) in enumerate(BLOCKS):
            given = maps[u]
            if j:
                passed = convolved(net.passing[j - 1], before).relu()
                while passed.shape[2:] != given.shape[2:]:
                    passed = F.max_pool2d(passed, 2)
                given = torch.cat([given, passed], 1)
            g, h = net.masks[task][j]
            before = convolved(h, convolved(g, given).relu()).sigmoid() * maps[p]
        torch.testing.assert_close(found[task], rest(before), rtol=1e-3, atol=1e-3)


def test_masks_of_one_leave_the_shared_network(net):
    """So the tasks share all features, as the paper says of this case."""
    for masks in net.masks.values():
        for _, h in masks:
            nn.init.zeros_(h[1].weight)
            nn.init.constant_(h[1].bias, 100.0)
    x = X
    for layer in net.trunk.values():
        x = layer(x)
    for task, scores in net(X).items():
        torch.testing.assert_close(scores, net.rests[task](x))


def test_tasks_share_the_network_and_what_passes_on_but_no_mask(net):
    net(X)["seg"].square().sum().backward()
    shared = [*net.trunk.parameters(), *net.passing.parameters(), *net.masks["seg"].parameters()]
    assert all([p.grad is not None for p in shared])
    assert all([p.grad is None for p in [*net.masks["normals"].parameters(), *net.rests["normals"].parameters()]])
    assert cost(net, X).multiplies > cost(small_alexnet_fcn(12, width=4), X).multiplies


@pytest.mark.parametrize(
    "blocks, message",
    [
        ([("conv9", "conv9")], "no layer 'conv9'"),
        ([("conv2", "conv1")], "in the order they run"),
        ([], "pairs of layers"),
        ([("conv1", "pool1")], r"block \('conv1', 'pool1'\) is made from a map as large as"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(blocks, message):
    with pytest.raises(ValueError, match=message):
        mtan(lambda task: fashion_cnn(3, width=4), "ab", blocks, (1, 1, 28, 28))
    with pytest.raises(ValueError, match="Sequential"):
        mtan(lambda task: nn.ModuleList(), "ab", [("conv1", "conv1")], (1, 1, 28, 28))
