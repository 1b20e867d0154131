"""Upsampling and the loss on pixels, against torch's own, slower way."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from xstitch_lib.data.tensors import IGNORE
from xstitch_lib.tasks.pixels import cross_entropy, every, upsample

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def interpolated(scores, size):
    return F.interpolate(scores, size=size, mode="bilinear", align_corners=False)


def drawn(seed, coarse, fine, classes=4, samples=2):
    g = torch.Generator().manual_seed(seed)
    scores = torch.randn(samples, classes, *coarse, generator=g, dtype=torch.float64)
    return scores, torch.randint(IGNORE, classes, (samples, *fine), generator=g)


@settings(deadline=None, max_examples=50)
@given(SIZES, SIZES, st.integers(1, 4), st.booleans())
def test_upsampling_is_bilinear_at_the_pixels_asked_for(coarse, fine, stride, channels_last):
    scores, _ = drawn(0, coarse, fine)
    expected = interpolated(scores, fine)[:, :, every(stride), every(stride)]
    layout = torch.channels_last if channels_last else torch.contiguous_format
    found = upsample(scores.contiguous(memory_format=layout), fine, stride)
    torch.testing.assert_close(found.permute(0, 3, 1, 2), expected)


def test_upsampling_keeps_the_middle_of_each_cell():
    assert upsample(torch.tensor([[[[1.0, 5.0], [3.0, 7.0]]]]), size=(6, 6)).view(6, 6)[1::3, 1::3].tolist() == [
        [1.0, 5.0],
        [3.0, 7.0],
    ]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 99), SIZES, SIZES, st.integers(1, 4))
def test_the_loss_and_its_gradient_are_the_plain_ones(seed, coarse, fine, stride):
    scores, labels = drawn(seed, coarse, fine)
    mine, plain = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    pixels = every(stride)
    total, count = cross_entropy(mine, labels[:, pixels, pixels], fine, stride)
    # a stride means that the loss does not look at the other labels
    looked_at = torch.full_like(labels, IGNORE)
    looked_at[:, pixels, pixels] = labels[:, pixels, pixels]
    expected = F.cross_entropy(interpolated(plain, fine), looked_at, ignore_index=IGNORE, reduction="sum")
    torch.testing.assert_close(total, expected)
    assert count == (looked_at != IGNORE).sum()
    (gradient,), (expected_gradient,) = torch.autograd.grad(total, mine), torch.autograd.grad(expected, plain)
    torch.testing.assert_close(gradient, expected_gradient)


def test_labels_of_other_pixels_and_unknown_ones_add_nothing_to_the_gradient():
    scores = torch.randn(2, 3, 4, 4, requires_grad=True)
    labels = torch.full((2, 4, 4), IGNORE)
    labels[0, 1, 2] = 1
    cross_entropy(scores, labels, (4, 4), stride=1)[0].backward()
    touched = (scores.grad != 0).any(1).nonzero()
    assert touched.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("stride", [1, 2])
def test_no_label_at_all_gives_zero_and_a_gradient_of_zeros(stride):
    scores = torch.randn(2, 3, 2, 2, requires_grad=True)
    labels = torch.full((2, 8, 8), IGNORE)[:, every(stride), every(stride)]
    total, count = cross_entropy(scores, labels, (8, 8), stride)
    total.backward()
    assert (total, count) == (0, 0)
    assert (scores.grad == 0).all()


def test_a_million_pixels_are_summed_precisely():
    scores, labels = drawn(0, (7, 10), (512, 512))
    precise, _ = cross_entropy(scores, labels, (512, 512), 1)
    single, _ = cross_entropy(scores.float(), labels, (512, 512), 1)
    assert single.item() == pytest.approx(precise.item(), rel=1e-6)
