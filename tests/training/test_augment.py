"""Mirroring, zoom and colour: labels stay with their pixels, images in their range, normals with the geometry."""

import pytest
import torch
from region_pictures import region_pictures
from torch import nn
from torch.nn import functional as F

from xstitch_lib import augment
from xstitch_lib.data import Ragged
from xstitch_lib.data.nyuv2.geometry import Camera, normals_from_depth
from xstitch_lib.tasks.angles import angles
from xstitch_lib.training.augment import colour, compose, crop, flip, mirror, scale_crop
from xstitch_lib.training.checkpoint import describe


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


@pytest.mark.parametrize("change", [flip, mirror, colour, scale_crop])
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


@pytest.mark.parametrize("change", [mirror, colour, scale_crop])
def test_randomness_is_from_the_global_generator(change):
    runs = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        runs.append(change(batch())["image"])
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


def scene(samples=8, size=(24, 32), seed=0):
    """A batch whose image tells each pixel's column, row and label, with some normals unknown."""
    g = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(*[(torch.arange(n) + 0.5) / n for n in size], indexing="ij")
    seg = torch.randint(-1, 40, (samples, *size), generator=g)
    normals = F.normalize(torch.randn(samples, 3, *size, generator=g), dim=1) * (seg % 3 > 0).unsqueeze(1)
    image = torch.stack([columns, rows], 0).expand(samples, -1, -1, -1)
    return {"image": image, "seg": seg, "normals": normals, "article": torch.arange(samples)}


@pytest.mark.parametrize("place", [(0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.25)])
def test_a_crop_is_the_window_enlarged_labels_and_normals_with_it(place):
    before = scene()
    after = crop(before, torch.full((8,), 2.0), torch.tensor([place] * 8))
    left, top = int(16 * place[0]), int(12 * place[1])
    for name in ("seg", "normals"):
        window = before[name][..., top : top + 12, left : left + 16]
        expected = window.repeat_interleave(2, -1).repeat_interleave(2, -2)
        if name == "normals":
            expected = F.normalize(expected * torch.tensor([1, 1, 2.0]).view(3, 1, 1), dim=1)
        torch.testing.assert_close(after[name], expected)
    assert after["seg"].dtype == torch.long and torch.equal(after["article"], before["article"])
    inner = after["image"][..., 1:-1, 1:-1]  # bilinear: where its neighbours are, a pixel's own coordinates
    columns = (left + (torch.arange(32) + 0.5) / 2)[1:-1] / 32
    torch.testing.assert_close(inner[:, 0], columns.expand_as(inner[:, 0]))


def test_no_zoom_changes_nothing():
    before = scene()
    after = crop(before, torch.ones(8), torch.rand(8, 2, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(after, before)


def test_normals_stay_unit_or_unknown_and_turn_to_the_camera_the_more_the_larger_the_zoom():
    before = scene()
    before["normals"][:] = F.normalize(torch.tensor([0.5, -0.6, -0.4]), dim=0).view(1, 3, 1, 1)
    before["normals"][:, :, :, :8] = 0
    zooms, z = torch.linspace(1, 1.5, 8), []
    normals = crop(before, zooms, torch.full((8, 2), 0.3))["normals"]
    for one in normals:
        known = one.any(0)
        assert 0 < (~known).sum() < known.sum()
        torch.testing.assert_close(one.norm(dim=0)[known], torch.ones(known.sum()))
        z.append(one[2][known].mean())
    assert z == sorted(z, reverse=True) and z[0] > z[-1]


def test_enlarged_normals_are_those_of_the_scene_that_is_seen_so():
    height, width, zoom, place = 60, 80, 1.4, (0.8, 0.1)
    camera = Camera(120.0, 118.0, 41.0, 28.0)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    sight = torch.stack([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, torch.ones(height, width)])
    plane = F.normalize(torch.tensor([0.3, -0.6, -0.5]), dim=0)
    inverse = torch.einsum("c,chw->hw", plane, sight) / -2
    given = {"image": inverse[None, None], "normals": plane.view(1, 3, 1, 1).expand(1, 3, height, width)}
    after = crop(given, torch.tensor([zoom]), torch.tensor([place]))
    corner = [spare * (1 - 1 / zoom) * n for spare, n in zip(place, (width, height), strict=True)]
    moved = [zoom * (at - start + 0.5) - 0.5 for at, start in zip((camera.cx, camera.cy), corner, strict=True)]
    nearer = 1 / (zoom * after["image"][0, 0, 1:-1, 1:-1])
    seen = normals_from_depth(nearer, Camera(camera.fx, camera.fy, moved[0] - 1, moved[1] - 1))
    assert angles(seen[None], after["normals"][..., 1:-1, 1:-1]).max() < 0.05
    assert angles(seen[None], given["normals"][..., 1:-1, 1:-1]).min() > 5  # what leaving them alone would cost


def test_a_mirrored_crop_is_a_crop_of_the_mirror():
    before, g = batch(64), torch.Generator().manual_seed(0)
    zoom, place = 1 + torch.rand(64, generator=g) / 2, torch.rand(64, 2, generator=g)
    one = flip(crop(before, zoom, place))
    other = crop(flip(before), zoom, torch.stack([1 - place[:, 0], place[:, 1]], 1))
    torch.testing.assert_close(one["image"], other["image"])
    assert (one["seg"] == other["seg"]).float().mean() > 0.999


def test_zooms_are_from_1_to_one_and_a_half_and_windows_everywhere_but_never_outside():
    torch.manual_seed(0)
    image = scene(2000)["image"]
    image = scale_crop({"image": image})["image"]
    spans = [image[:, 0, 12].diff(dim=1)[:, 5:-5].mean(1) * 32, image[:, 1, :, 16].diff(dim=1)[:, 5:-5].mean(1) * 24]
    torch.testing.assert_close(spans[0], spans[1], rtol=0, atol=1e-3)
    zooms = 1 / spans[0]
    assert zooms.min() >= 0.999 and zooms.max() <= 1.501
    torch.testing.assert_close(
        zooms.quantile(torch.tensor([0.1, 0.5, 0.9])), torch.tensor([1.05, 1.25, 1.45]), atol=0.02, rtol=0
    )
    for middle, span in ((image[:, 0, 12, 15:17].mean(1), spans[0]), (image[:, 1, 11:13, 16].mean(1), spans[1])):
        start = (middle - span / 2)[span < 0.9]
        place = start / (1 - span[span < 0.9])
        assert place.min() > -0.01 and place.max() < 1.01
        assert 0.45 < place.mean() < 0.55 and (place < 0.1).float().mean() > 0.05


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


def test_a_mirror_moves_boxes_and_regions_with_their_pixels():
    batch = region_pictures().tensors
    flipped = augment.flip(batch)
    for name in ("boxes", "regions"):
        for image, mirrored, old, new in zip(batch["image"], flipped["image"], batch[name], flipped[name], strict=True):
            for (left, top, right, bottom), own in zip(
                new.round().int().tolist(), old.round().int().tolist(), strict=True
            ):
                cut = image[:, own[1] : own[3], own[0] : own[2]]
                assert torch.equal(mirrored[:, top:bottom, left:right], cut.flip(-1))
    assert flipped["labels"] is batch["labels"] and flipped["object"] is batch["object"]
    again = augment.flip(flipped)
    torch.testing.assert_close(again["boxes"].values, batch["boxes"].values)


def test_each_picture_is_mirrored_with_its_boxes_or_not_at_all():
    batch = region_pictures(objects=(1, 2) * 10, proposals=(3, 0) * 10).tensors
    torch.manual_seed(0)
    found, flipped = augment.mirror(batch), augment.flip(batch)
    moved = (found["image"] != batch["image"]).flatten(1).any(1)
    assert 3 < moved.sum() < 17
    for name in ("boxes", "regions"):
        for i, rows in enumerate(found[name]):
            assert torch.equal(rows, (flipped if moved[i] else batch)[name][i])


def test_boxes_are_not_left_behind_without_a_word():
    batch = {"image": torch.rand(2, 3, 4, 4), "boxes": Ragged.of([torch.zeros(1, 4), torch.zeros(2, 4)])}
    zoom = {"zoom": torch.tensor([2.0, 2.0]), "place": torch.zeros(2, 2)}
    with pytest.raises(ValueError, match="leave boxes where they were: write an augmentation that moves these too"):
        augment.crop(batch, **zoom)
    with pytest.raises(ValueError, match="leave outlines where they were"):
        augment.mirror({"image": batch["image"], "outlines": batch["boxes"]})
    assert augment.colour(batch)["boxes"] is batch["boxes"]
