import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from region_pictures import random_boxes, region_pictures, whole
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import box_iou

from xstitch_lib.data import Ragged
from xstitch_lib.tasks.boxes import DEVIATIONS, check_regions, moved, of_objects, offsets, overlaps


@given(st.integers(0, 2**31), st.integers(0, 12), st.integers(0, 12))
@settings(deadline=None, max_examples=30)
def test_overlaps_are_torchvisions_also_without_boxes(seed, n, m):
    g = torch.Generator().manual_seed(seed)
    a, b = random_boxes(n, g), random_boxes(m, g)
    torch.testing.assert_close(overlaps(a, b), box_iou(a, b))


@given(st.integers(0, 2**31))
@settings(deadline=None, max_examples=30)
def test_offsets_are_fast_rcnns_and_lead_back_to_the_box(seed):
    g = torch.Generator().manual_seed(seed)
    regions, boxes = random_boxes(9, g), random_boxes(9, g)
    by = offsets(regions, boxes)
    coder = BoxCoder(weights=tuple(1 / d for d in DEVIATIONS))
    torch.testing.assert_close(by, coder.encode_single(boxes, regions), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(moved(regions, by[:, None])[:, 0], boxes, rtol=1e-4, atol=1e-3)


def test_a_region_finds_its_own_pictures_object():
    batch = whole(region_pictures())
    rows, objects = of_objects(batch)
    assert torch.equal(batch["regions"].values[rows], batch["boxes"].values[objects])
    assert torch.equal(objects, torch.arange(6))
    turned = {name: x[torch.tensor([3, 1, 0])] for name, x in batch.items()}
    rows, objects = of_objects(turned)
    assert torch.equal(turned["regions"].values[rows], turned["boxes"].values[objects])


def changed(**parts):
    return {**region_pictures().tensors, **parts}


GOOD = region_pictures().tensors


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({name: x for name, x in GOOD.items() if name != "regions"}, "task 'find' needs the labels 'regions'"),
        (changed(boxes=torch.zeros(4, 4)), "'boxes' as a Ragged of floating-point boxes .* got a Tensor"),
        (
            changed(boxes=Ragged(-GOOD["boxes"].values, GOOD["boxes"].counts)),
            "a left edge before the right one .* got 6 others, the first .* in sample 0",
        ),
        (
            changed(object=Ragged(GOOD["object"].values + 9, GOOD["object"].counts)),
            "'object' to be the place of a box among its picture's, or -1 for none; got 11 where there are 3 boxes",
        ),
        (changed(object=GOOD["boxes"]), r"'object' as a Ragged with rows of shape \(\)"),
    ],
)
def test_boxes_that_are_none_are_named(tensors, words):
    with pytest.raises(ValueError, match=words):
        check_regions("find", tensors)


def test_pictures_without_objects_or_proposals_pass():
    check_regions("find", region_pictures(objects=(0, 0), proposals=(0, 3)).tensors)
