"""Towers that learned the same things in another order: put one's channels into the other's order."""

import copy
from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor, nn

from xstitch_lib.networks.probe import untouched

KNOWN = (nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.Dropout, nn.ZeroPad2d)


def align(tower: nn.Sequential, to: nn.Sequential, images: Tensor) -> nn.Sequential:
    """A copy of ``tower`` that computes the same, with its channels in the order that fits another tower best.

    A hidden layer's channels may stand in any order, if the next layer reads them in that order. Layer by layer,
    channels are assigned to those of ``to`` so that the sum of their correlations, over all images and places, is
    largest.

    Args:
        tower, to: convolutional towers of one architecture, such as `towers.small_alexnet_fcn`; the last layer, the
            scores, keeps its order and may differ in size.
        images: one batch on which maps are compared.

    Raises:
        ValueError: if a tower has layers that this function cannot reorder, or the two differ.

    Source: chapter "Looking inside: the alphas". The matching is that of Li et al., "Convergent learning", 2015.
    """
    from scipy.optimize import linear_sum_assignment  # not on the training path

    tower = copy.deepcopy(tower)
    ours, theirs = [_convolutions(t) for t in (tower, to)]
    sizes = [[conv.out_channels for conv in list(convs.values())[:-1]] for convs in (ours, theirs)]
    if list(ours) != list(theirs) or sizes[0] != sizes[1]:
        raise ValueError(f"align needs towers of one architecture; got channels {sizes[0]} and {sizes[1]}")
    names = list(ours)
    for name, following in pairwise(names):
        match = channel_correlation(_maps(to, name, images), _maps(tower, name, images))
        order = torch.as_tensor(linear_sum_assignment(match.nan_to_num().cpu().numpy(), maximize=True)[1])
        with torch.no_grad():
            ours[name].weight.copy_(ours[name].weight[order])
            ours[name].bias.copy_(ours[name].bias[order])
            ours[following].weight.copy_(ours[following].weight[:, order])
    return tower


def channel_correlation(first: Tensor, second: Tensor, channel_dim: int = 1) -> Tensor:
    """(B, C, ...) and (B, D, ...) maps → (C, D), the correlation of every two channels; NaN for a constant one."""
    x, y = [m.movedim(channel_dim, 0).flatten(1).cpu().double() for m in (first, second)]
    return torch.corrcoef(torch.cat([x, y]))[: len(x), len(x) :].float()


def _convolutions(tower: nn.Sequential) -> OrderedDict[str, nn.Conv2d]:
    """Layer name → its convolution, in order."""
    if not isinstance(tower, nn.Sequential):
        raise ValueError(f"align reorders nn.Sequential towers; got {type(tower).__name__}")
    leaves = [m for m in tower.modules() if not isinstance(m, nn.Sequential)]
    if strange := [m for m in leaves if not isinstance(m, KNOWN)]:
        known = ", ".join([kind.__name__ for kind in KNOWN])
        raise ValueError(f"align cannot reorder a tower with {type(strange[0]).__name__}: it knows {known}")
    found = [
        (name, conv)
        for name, child in tower.named_children()
        for conv in child.modules()
        if isinstance(conv, nn.Conv2d)
    ]
    if len(dict(found)) < len(found) or any([conv.groups > 1 or conv.bias is None for _, conv in found]):
        raise ValueError(f"align reorders layers of one ungrouped convolution with a bias each; got {dict(found)}")
    return OrderedDict(found)


def _maps(tower: nn.Sequential, layer: str, images: Tensor) -> Tensor:
    """What comes out of ``layer``, its ReLU included."""
    end = list(dict(tower.named_children())).index(layer) + 1
    with torch.no_grad(), untouched(tower):
        return tower[:end](images.to(next(tower.parameters()).device))
