import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from room_scenes import CURTAIN, ball, cube, found, same, solid, thing

from xstitch_lib.data import Rooms, TensorData
from xstitch_lib.data.rooms import pictures
from xstitch_lib.data.rooms.attributes import ATTRIBUTES
from xstitch_lib.data.rooms.scene import CUBE

# percent of all pixels of Rooms(600): the machine may move a few of them, a changed generator many
SHARES = {
    "wall": 50.35,
    "floor": 8.56,
    "ceiling": 4.33,
    "door": 3.19,
    "window": 3.84,
    "column": 1.17,
    "bed": 6.2,
    "cabinet": 7.02,
    "sofa": 2.88,
    "table": 3.7,
    "rug": 1.02,
    "picture": 1.3,
    "chair": 2.27,
    "box": 1.34,
    "lamp": 0.96,
    "bin": 0.68,
    "ball": 0.44,
    "book": 0.42,
    "vase": 0.33,
}


@pytest.fixture(scope="module")
def rooms():
    return Rooms(n=600, cache=False)


def draw(n=5, **changes):
    return Rooms(n=n, cache=False, **changes)


def test_tensors_have_their_types_and_ranges(rooms):
    assert isinstance(rooms, TensorData) and len(rooms) == len(rooms.objects) == 600
    image, seg, normals = (rooms.tensors[name] for name in ("image", "seg", "normals"))
    assert image.shape == normals.shape == (600, 3, 48, 64) and seg.shape == (600, 48, 64)
    assert (image.dtype, seg.dtype, normals.dtype) == (torch.float32, torch.int64, torch.float32)
    assert image.min() >= 0 and image.max() <= 1
    assert torch.equal((image * 255).round().byte().float().div(255), image)
    assert (seg.min(), seg.max()) == (0, 18)
    assert torch.allclose(normals.norm(dim=1), torch.ones(600, 48, 64), atol=1e-6)


def test_repr_says_split_number_size_and_seed():
    assert repr(draw(2, seed=4, size=(16, 20), split="test")) == "Rooms(split='test', 2 images of 16×20, seed=4)"


def test_the_same_call_gives_the_same_pictures():
    assert same(draw(seed=3), draw(seed=3))


@settings(max_examples=10, deadline=None)
@given(n=st.integers(1, 12), more=st.integers(1, 12), chunk=st.integers(1, 9), seed=st.integers(0, 2**70))
def test_fewer_pictures_are_the_first_of_more_whatever_the_chunk(n, more, chunk, seed):
    fewer = draw(n, seed=seed, size=(16, 20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "CHUNK", chunk * 16 * 20)
        many = draw(n + more, seed=seed, size=(16, 20))
    assert same(fewer, many.take(slice(n)))


def test_splits_and_seeds_share_no_picture():
    sets = [draw(6, split=split, seed=seed) for split in ("train", "validation", "test") for seed in (0, 1, 2**32)]
    labels = torch.cat([one.tensors["seg"] for one in sets]).flatten(1)
    assert len(labels.unique(dim=0)) == 6 * 9


def test_another_size_shows_the_same_scenes():
    small, large = draw(20), draw(20, size=(96, 128))
    agree = large.tensors["seg"][:, ::2, ::2] == small.tensors["seg"]
    assert agree.float().mean() > 0.96
    close = (large.tensors["normals"][..., ::2, ::2] * small.tensors["normals"]).sum(1) > 0.99
    assert close.float().mean() > 0.95
    tall = draw(20, size=(64, 64)).tensors["seg"][:, 8:-8]
    assert torch.equal(tall, small.tensors["seg"]), "a taller picture sees more above and below"


def test_classes_are_long_tailed_as_recorded(rooms):
    shares = 100 * torch.bincount(rooms.tensors["seg"].flatten(), minlength=19) / rooms.tensors["seg"].numel()
    assert len(rooms.classes) == len(set(rooms.classes)) == 19 and rooms.classes[0] == "wall"
    assert 35 < shares[0] < 60 and 0 < shares.min() < 1
    assert rooms.classes[shares.argmin()] == "vase"
    assert dict(zip(rooms.classes, shares.tolist(), strict=True)) == pytest.approx(SHARES, abs=0.02)


def test_boxes_lie_in_the_picture_and_hold_their_class(rooms):
    for one, seg in zip(rooms.objects, rooms.tensors["seg"], strict=True):
        assert one.boxes.dtype == one.attributes.dtype == torch.float32
        assert one.labels.dtype == one.pixels.dtype == torch.int64
        assert len(one.boxes) == len(one.labels) == len(one.attributes) == len(one.pixels)
        for (left, top, right, bottom), label, pixels in zip(
            one.boxes.int().tolist(), one.labels, one.pixels, strict=True
        ):
            assert 0 <= left < right <= 64 and 0 <= top < bottom <= 48 and pixels >= 6
            inside = seg[top:bottom, left:right] == label
            assert inside.sum() >= pixels
            assert all([edge.any() for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1])])


def test_every_pixel_of_a_thing_belongs_to_an_object_or_to_one_too_small(rooms):
    things = (rooms.tensors["seg"] > 2).sum()
    pixels = sum([one.pixels.sum() for one in rooms.objects])
    assert 0.99 < pixels / things <= 1


def test_a_box_is_tight_around_the_pixels_seen():
    one = found(cube(2.5))  # its face, 2 m ahead, is 12.5 pixels of 0.08 m wide; 12 middles are on it
    assert one.boxes.tolist() == [[19, 19, 31, 31]] and one.pixels.tolist() == [144] and one.labels.tolist() == [5]
    two = found(cube(2.5), CURTAIN)
    assert two.boxes[0].tolist() == [25, 19, 31, 31] and two.pixels[0] == 72


def test_things_seen_in_fewer_than_six_pixels_are_left_out():
    assert found(ball(2.0, radius=0.1)).pixels.tolist() == []  # four middles are 0.057 m from the axis
    board = solid(CUBE, 2.0, (0.06, 0.1, 0.01), centre=(0.0, -1.26, 2.51))  # two columns, three rows
    assert found(thing(board)).pixels.tolist() == [6]


def test_a_box_holds_every_part_of_a_thing():
    left, right = [solid(CUBE, 2.0, (0.22, 0.22, 0.01), centre=(x, -1.3, 2.51)) for x in (-0.8, 0.8)]
    assert found(thing(left, right)).boxes.tolist() == [[12, 22, 38, 28]]


def test_an_empty_room_has_no_objects():
    empty = found()
    assert (empty.boxes.shape, empty.attributes.shape, empty.count.tolist()) == ((0, 4), (0, len(ATTRIBUTES)), [0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 0}, "n, how many pictures to draw, .* at least 1; got 0"),
        ({"n": 2.5}, "integer .* got 2.5"),
        ({"seed": -1}, "seed must be .* at least 0; got -1"),
        ({"split": "val"}, "'train', 'validation' or 'test'; got 'val'"),
        ({"size": (15, 64)}, r"two integers \(height, width\), each at least 16; got \(15, 64\)"),
        ({"size": 64}, "size .* got 64"),
        ({"size": (48, 64, 3)}, "size .* got"),
        ({"size": (48.0, 64.0)}, "size .* got"),
    ],
)
def test_a_wrong_argument_is_named_with_what_was_found(changes, message):
    with pytest.raises(ValueError, match=message):
        Rooms(**changes)
