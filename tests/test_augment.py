"""Mirroring and colour: labels stay with their pixels, images in their range."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xstitch_lib import augment
from xstitch_lib.augment import colour, compose, flip, mirror
from xstitch_lib.checkpoint import describe
from xstitch_lib.tasks.angles import angles


def batch(samples=64, seed=0):
    g = torch.Generator().manual_seed(seed)
    return {
        "image": torch.rand(samples, 3, 4, 6, generator=g),
        "seg": torch.randint(-1, 5, (samples, 4, 6), generator=g),
        "normals": F.normalize(torch.randn(samples, 3, 4, 6, generator=g), dim=1),
        "article": torch.arange(samples),
        "attributes": torch.rand(samples, 6, generator=g),
    }


def assert_same(first, second):
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_flipping_twice_changes_nothing():
    assert_same(flip(flip(batch())), batch())


def test_what_is_labelled_on_pixels_goes_with_them_and_the_rest_stays():
    before, after = batch(4), flip(batch(4))  # attributes (4, 6) are no map, though images are 4×6
    for x in range(6):
        assert torch.equal(after["image"][..., x], before["image"][..., 5 - x])
        assert torch.equal(after["seg"][..., x], before["seg"][..., 5 - x])
        assert torch.equal(after["normals"][:, 0, :, x], -before["normals"][:, 0, :, 5 - x])
        assert torch.equal(after["normals"][:, 1:, :, x], before["normals"][:, 1:, :, 5 - x])
    assert_same([after["article"], after["attributes"]], [before["article"], before["attributes"]])


def test_a_mirror_keeps_the_angles_between_normals():
    one, two = flip(batch(seed=1))["normals"], flip(batch(seed=2))["normals"]
    expected = angles(batch(seed=1)["normals"], batch(seed=2)["normals"]).flip(-1)
    torch.testing.assert_close(angles(one, two), expected)


@pytest.mark.parametrize("change", [flip, mirror, colour])
def test_the_callers_batch_is_left_alone(change):
    given = batch()
    change(given)
    assert_same(given, batch())


def test_each_sample_is_mirrored_whole_or_not_at_all_half_of_them():
    torch.manual_seed(0)
    before, flipped, after = batch(1000), flip(batch(1000)), mirror(batch(1000))
    chosen = (after["image"] != before["image"]).flatten(1).any(1)
    assert 440 < chosen.sum() < 560
    for name in before:
        assert_same(after[name][chosen], flipped[name][chosen])
        assert_same(after[name][~chosen], before[name][~chosen])


@pytest.mark.parametrize("change", [mirror, colour])
def test_randomness_is_from_the_global_generator(change):
    runs = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        runs.append(change(batch())["image"])
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


def test_colour_changes_images_alone_each_by_its_own_and_keeps_their_range():
    before = batch()
    before["image"][:] = before["image"][:1]
    before["image"][:, :, 0, 0], before["image"][:, :, 0, 1] = 0, 1
    after = colour(before)
    assert after["image"].min() >= 0 and after["image"].max() <= 1
    assert len(after["image"].flatten(1).unique(dim=0)) == 64
    assert_same({**after, "image": None}, {**before, "image": None})


def test_colour_is_saturation_then_contrast_then_brightness(monkeypatch):
    drawn = torch.tensor([[1.1, 0.9], [0.8, 1.2], [0.9, 1.1]]).view(3, 2, 1, 1)
    monkeypatch.setattr(torch.Tensor, "uniform_", lambda self, low, high: self.copy_(drawn))
    image = 0.3 + 0.4 * batch(2)["image"]  # far enough from 0 and 1 not to be clamped
    brightness, contrast, saturation = drawn.unsqueeze(2)
    expected = image.mean(1, keepdim=True) + saturation * (image - image.mean(1, keepdim=True))
    mean = expected.mean((1, 2, 3), keepdim=True)
    expected = brightness * (mean + contrast * (expected - mean))
    torch.testing.assert_close(colour({"image": image})["image"], expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_no_jitter_is_the_same_picture_and_grey_stays_grey(monkeypatch, channels):
    grey = torch.rand(5, 1, 4, 6).expand(-1, channels, -1, -1)
    recoloured = colour({"image": grey})["image"]
    torch.testing.assert_close(recoloured, recoloured[:, :1].expand_as(recoloured))
    assert not torch.allclose(recoloured, grey)
    monkeypatch.setattr(augment, "JITTER", 0.0)
    torch.testing.assert_close(colour({"image": grey})["image"], grey)


def test_steps_follow_each_other_and_name_the_whole():
    def darken(batch):
        return {"image": batch["image"] / 2}

    def brighten(batch):
        return {"image": batch["image"] + 0.5}

    both = compose(darken, brighten)
    assert both({"image": torch.ones(1)})["image"] == 1
    texts = [
        describe({"augment": step}, nn.Identity(), {})["augment"]
        for step in (mirror, compose(mirror, colour), compose(colour, mirror))
    ]
    assert texts == ["mirror", "compose(mirror, colour)", "compose(colour, mirror)"]
