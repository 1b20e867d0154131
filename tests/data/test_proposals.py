"""Proposals: what selective search finds, how it is kept, and what recall counts."""

import math
import sys
from types import ModuleType

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from xstitch_lib.data import Ragged
from xstitch_lib.data import proposals as file
from xstitch_lib.data.proposals import proposals, recall, selective_search

pytest.importorskip("torchvision", reason="boxes are compared by torchvision")


def scene(height=60, width=80, seed=0):
    """(3, H, W) uint8, some noise with a bright and a dark rectangle on it, and their boxes (2, 4)."""
    g = torch.Generator().manual_seed(seed)
    image = torch.randint(90, 120, (3, height, width), generator=g, dtype=torch.uint8)
    boxes = torch.tensor([[0.25, 0.2, 0.5, 0.6], [0.6, 0.5, 0.9, 0.9]]) * torch.tensor([width, height, width, height])
    for (x0, y0, x1, y1), colour in zip(boxes.int().tolist(), ((250, 230, 20), (10, 20, 60)), strict=True):
        image[:, y0:y1, x0:x1] = torch.tensor(colour, dtype=torch.uint8).view(3, 1, 1)
    return image, boxes


@pytest.fixture(scope="module")
def cv2():
    pytest.importorskip("cv2.ximgproc", reason="selective search is OpenCV's")
    return pytest.importorskip("cv2")


@pytest.fixture
def searched(cv2, monkeypatch):
    """How large the pictures were that were searched."""
    shapes, search = [], file._search

    def counted(pixels, options):
        shapes.append(pixels.shape[:2])
        return search(pixels, options)

    monkeypatch.setattr(file, "_search", counted)
    return shapes


@pytest.fixture
def pictures(tmp_path):
    """Three files of different sizes."""
    paths = [tmp_path / f"{n}.png" for n in range(3)]
    for n, path in enumerate(paths):
        Image.fromarray(scene(60 + n, 80, n)[0].permute(1, 2, 0).numpy()).save(path)
    return paths


def same(one, other):
    return torch.equal(one.values, other.values) and torch.equal(one.counts, other.counts)


@pytest.mark.parametrize("side", [200, 40])
def test_objects_are_found_in_the_pictures_own_pixels(cv2, side):
    image, boxes = scene(100, 160)
    found = selective_search(image, side=side)
    assert recall(Ragged.of([found]), Ragged.of([boxes]), iou=0.8) == 100


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(5, 50), st.booleans())
def test_boxes_lie_in_the_picture_none_is_small_and_none_twice(cv2, height, width, side, plain):
    image = torch.zeros(3, height, width) if plain else torch.rand(3, height, width)
    found = selective_search(image, side=side)
    assert found.shape[1:] == (4,) and found.dtype == torch.float32 and len(found)
    assert (found >= 0).all() and (found <= torch.tensor([width, height] * 2)).all()
    smallest = file.SMALLEST * min(height, width)
    assert (found[:, 2:] - found[:, :2]).min() > 0.98 * smallest and len(found.unique(dim=0)) == len(found)


def test_the_same_picture_has_the_same_boxes_in_any_form(cv2):
    """OpenCV's order comes from C's generator, which goes on from call to call."""
    image, _ = scene()
    first = selective_search(image)
    assert torch.equal(first, selective_search(image, seed=1)) and torch.equal(first, selective_search(image / 255))
    few = selective_search(image, most=5)
    assert len(few) == 5 < len(first) and torch.equal(few, selective_search(image, most=5))
    assert not torch.equal(few, selective_search(image, most=5, seed=1))
    assert {*map(tuple, few.tolist())} <= {*map(tuple, first.tolist())}


def test_many_pictures_are_searched_once_and_kept_by_their_content(searched, pictures, tmp_path):
    first = proposals(pictures, folder=tmp_path / "kept")
    assert len(searched) == 3 and len(list((tmp_path / "kept").iterdir())) == 3
    assert all([torch.equal(one, selective_search(scene(60 + n, 80, n)[0])) for n, one in enumerate(first)])
    moved = pictures[0].rename(tmp_path / "moved.png")
    assert len(searched) == 6 and same(proposals([moved, *pictures[1:]], folder=tmp_path / "kept"), first)
    few = proposals([str(moved)], most=4, seed=3, folder=tmp_path / "kept")
    assert few.counts.tolist() == [4] and len(searched) == 6, "the choice is made among what is kept"
    pictures[1].write_bytes(pictures[2].read_bytes())
    assert torch.equal(proposals(pictures[1:2], folder=tmp_path / "kept").values, first[2]) and len(searched) == 6


def test_another_size_and_another_opencv_search_again(searched, cv2, pictures, tmp_path, monkeypatch):
    for n, change in enumerate([{}, {"side": 30}]):
        proposals(pictures[:1], folder=tmp_path, **change)
        assert len(searched) == n + 1
    monkeypatch.setattr(cv2, "__version__", "99")
    proposals(pictures[:1], folder=tmp_path)
    assert len(searched) == 3


def test_tensors_of_equal_bytes_and_other_shape_are_told_apart(searched, tmp_path):
    images = [torch.zeros(3, 20, 30, dtype=torch.uint8), torch.zeros(3, 30, 20, dtype=torch.uint8)]
    found = [proposals(images, folder=tmp_path).values.tolist() for _ in range(2)]
    assert found == [[[0, 0, 30, 20], [0, 0, 20, 30]]] * 2 and len(searched) == 2


def test_an_interrupted_call_goes_on(searched, pictures, tmp_path, monkeypatch):
    whole = proposals(pictures, folder=tmp_path / "whole")
    search = file._search

    def interrupted(pixels, options):
        if pixels.shape[0] == 62:
            raise KeyboardInterrupt
        return search(pixels, options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(file, "_search", interrupted)
        proposals(pictures, folder=tmp_path / "part", workers=1)
    searched.clear()
    assert same(proposals(pictures, folder=tmp_path / "part"), whole) and searched == [(62, 80)]


def test_a_damaged_file_is_made_again_with_a_warning(searched, pictures, tmp_path):
    first = proposals(pictures[:1], folder=tmp_path / "kept")
    (path,) = (tmp_path / "kept").iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=f"{path.name} is damaged"):
        assert same(proposals(pictures[:1], folder=tmp_path / "kept"), first)
    assert same(proposals(pictures[:1], folder=tmp_path / "kept"), first) and len(searched) == 2


def test_without_a_folder_they_lie_in_the_users_cache(searched, pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    proposals(pictures)
    assert len(list((tmp_path / "xstitch_lib/proposals").iterdir())) == 3
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    proposals(pictures[:1])
    assert len(searched) == 4


def test_recall_counts_true_boxes_that_some_proposal_meets():
    square, none = torch.tensor([[0.0, 0, 10, 10]]), torch.zeros(0, 4)
    boxes = Ragged.of([torch.cat([square, square + 20]), none, square])
    found = Ragged.of([torch.tensor([[0.0, 0, 10, 5], [0, 0, 1, 1]]), square, none])
    assert recall(found, boxes, 0.5) == pytest.approx(100 / 3) and recall(found, boxes, 0.51) == 0
    assert recall(boxes, boxes, 1.0) == 100 and math.isnan(recall(found[1:2], boxes[1:2]))
    with pytest.raises(ValueError, match="as many pictures of proposals as of boxes; got 3 and 1"):
        recall(found, boxes[:1])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: selective_search(torch.zeros(1, 5, 5)), r"needs a picture \(3, H, W\); got torch.float32 \(1, 5, 5\)"),
        (lambda: selective_search("a.jpg"), r"needs a picture \(3, H, W\); got str"),
        (lambda: selective_search(torch.zeros(3, 0, 5)), r"got torch.float32 \(3, 0, 5\)"),
        (lambda: selective_search(torch.zeros(3, 5, 5), most=0), "most, the number of proposals, .* at least 1; got 0"),
        (lambda: selective_search(torch.zeros(3, 5, 5), side=1.5), "side, in pixels, .* at least 1; got 1.5"),
        (lambda: proposals([]), "at least one picture; got none"),
    ],
)
def test_what_is_no_picture_is_refused(cv2, call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_file_that_is_no_picture_is_named(cv2, tmp_path):
    for content in (b"", b"no picture"):
        (tmp_path / "a.jpg").write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.jpg is no picture that OpenCV can read"):
            proposals([tmp_path / "a.jpg"], folder=tmp_path / "kept")


@pytest.mark.parametrize("opencv", [None, ModuleType("cv2")])
def test_without_ximgproc_the_extra_is_named(monkeypatch, opencv):
    monkeypatch.setitem(sys.modules, "cv2", opencv)
    for name in ("cv2.ximgproc", "cv2.ximgproc.segmentation"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"`pip install opencv-contrib-python-headless`, .*extra `detection`"):
        selective_search(torch.zeros(3, 5, 5))
