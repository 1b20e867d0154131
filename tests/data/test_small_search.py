import sys

import pytest
import torch

from xstitch_lib.data import Ragged, Rooms
from xstitch_lib.data.proposals import recall
from xstitch_lib.data.small_search import small_search


@pytest.fixture(scope="module")
def rooms():
    return Rooms(40, seed=5, cache=False)


@pytest.fixture(scope="module")
def found(rooms):
    return [small_search(image) for image in rooms.tensors["image"]]


def painted(size, *patches):
    """Grey, with patches (x0, y0, x1, y1, colour)."""
    image = torch.full((3, *size), 0.5)
    for x0, y0, x1, y1, colour in patches:
        image[:, y0:y1, x0:x1] = torch.tensor(colour)[:, None, None]
    return image


def test_recall_on_rooms(rooms, found):
    boxes = rooms.beside["boxes"]
    most = {n: Ragged.of([x[:n] for x in found]) for n in (32, 64, 128)}
    assert recall(most[128], boxes, 0.5) > 92 and recall(most[128], boxes, 0.7) > 84
    assert recall(most[64], boxes, 0.5) > 88 and recall(most[64], boxes, 0.7) > 78
    last = Ragged.of([x[-32:] for x in found])
    assert recall(most[32], boxes, 0.5) > 30 + recall(last, boxes, 0.5), "the first are better than the last"


def test_boxes_lie_in_the_picture_and_differ(found):
    for boxes in found:
        assert boxes.dtype == torch.float32 and torch.equal(boxes, boxes.round())
        assert len(boxes.unique(dim=0)) == len(boxes) and (boxes == torch.tensor([0.0, 0, 64, 48])).all(1).any()
        assert (boxes[:, 2:] - boxes[:, :2] >= 2).all()
        assert boxes.min() == 0 and boxes[:, 2].max() == 64 and boxes[:, 3].max() == 48


def test_the_same_pixels_give_the_same_boxes(rooms, found):
    image = rooms.tensors["image"][7]
    assert torch.equal(small_search(image), found[7])
    assert torch.equal(small_search((255 * image).round().byte()), found[7])


def test_what_stands_out_most_comes_first():
    red, faint = (10, 12, 22, 20, (0.9, 0.1, 0.1)), (40, 20, 52, 34, (0.55, 0.5, 0.45))
    boxes = small_search(painted((48, 64), red, faint)).tolist()
    assert boxes[0] == [10, 12, 22, 20] and boxes.index([40, 20, 52, 34]) < 5


def test_two_halves_are_joined_to_one_thing():
    left, right = (20, 10, 30, 30, (0.9, 0.2, 0.1)), (30, 10, 40, 30, (0.8, 0.1, 0.2))
    boxes = small_search(painted((48, 64), left, right)).tolist()
    assert [20, 10, 40, 30] in boxes


@pytest.mark.parametrize("size", [(16, 16), (48, 64), (2, 2), (2, 30)])
@pytest.mark.parametrize("colour", [0.0, 0.5, 1.0])
def test_a_picture_of_one_colour_is_one_box(size, colour):
    assert small_search(torch.full((3, *size), colour)).tolist() == [[0, 0, size[1], size[0]]]


def test_a_picture_of_noise_is_searched_too():
    assert len(small_search(torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0)))) > 1


@pytest.mark.parametrize("image", [torch.zeros(48, 64), torch.zeros(1, 48, 64), torch.zeros(3, 1, 64), "room.jpg"])
def test_what_is_no_picture_is_named(image):
    with pytest.raises(ValueError, match=r"needs a picture \(3, H, W\) of at least 2×2 pixels; got"):
        small_search(image)


def test_without_scikit_image_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(ModuleNotFoundError, match=r"needs scikit-image, .*extra `detection`"):
        small_search(torch.zeros(3, 16, 16))
