"""aPascal's reader on small folders, and on a few real pictures."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from apascal_folders import TEST, line, name, write, write_annotation
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from xstitch_lib.data import APascal, Ragged, TensorData, apascal
from xstitch_lib.data.apascal import layout, lists
from xstitch_lib.data.apascal.pictures import MEAN, scaled
from xstitch_lib.training.batches import Batches

REAL = Path(os.environ.get("XSTITCH_DATA", "nowhere"), "voc2008")
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="XSTITCH_DATA names no folder with voc2008/ in it")


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "voc2008")


@pytest.fixture
def found(monkeypatch):
    """Proposals without OpenCV: two a picture, in pixels of its file."""
    asked = []

    def search(files, most):
        asked.append(([Path(file).stem for file in files], most))
        return Ragged.of([torch.tensor([[0.0, 0, 10, 10], [20, 10, 40, 40]]) for _ in files])

    monkeypatch.setattr(apascal, "searched", search)
    return asked


def test_samples_are_what_the_files_hold(folder, found):
    data = APascal(folder, "test", size=80)
    assert isinstance(data, TensorData) and data.pictures == (name(5), name(6)) and data.inputs == ("image", "regions")
    assert repr(data) == "APascal(split='test', 2 pictures)" and found == [([name(5), name(6)], 2000)]
    sample = data[0]  # of 60×40, twice as large
    assert sample["image"].shape == (3, 80, 120) and sample["image"].dtype == torch.float32
    inside, outside = torch.tensor([240, 220, 200]) / 255, torch.tensor([20, 40, 50]) / 255
    torch.testing.assert_close(sample["image"][:, 40, 48], inside, atol=0.02, rtol=0)
    torch.testing.assert_close(sample["image"][:, 5, 5], outside, atol=0.02, rtol=0)
    boxes = [[32, 16, 64, 64], [0, 0, 120, 80]]
    assert sample["boxes"].tolist() == boxes and sample["boxes"].dtype == torch.float32
    assert sample["regions"].tolist() == [[0, 0, 20, 20], [40, 20, 80, 80], *boxes]
    assert sample["object"].tolist() == [-1, -1, 0, 1]
    assert [data.classes[label] for label in sample["labels"]] == ["cat", "dog"]
    named = [[data.attribute_names[place] for place in row.nonzero()] for row in sample["attributes"]]
    assert named == [["2D Boxy", "Leather"], ["3D Boxy"]] and sample["attributes"].shape == (2, 64)
    assert sample["difficult"].tolist() == [False, False] and not data.has_difficult


def test_batches_are_padded_with_the_mean_colour(folder, found):
    data = APascal(folder, size=40)
    drawn = data.draw(torch.tensor([1, 0, 2]))  # 40×60, 60×40, 67×33
    assert drawn["image"].shape == (3, 3, 60, 67) and "size" not in drawn
    mean = torch.tensor(MEAN)
    for place, row in enumerate([1, 0, 2]):
        sample = data[row]
        _, height, width = sample["image"].shape
        picture = drawn["image"][place]
        assert torch.equal(picture[:, :height, :width], sample["image"])
        for rest in (picture[:, height:], picture[:, :, width:]):
            torch.testing.assert_close(rest, mean.view(3, 1, 1).expand_as(rest))
        for part in ("regions", "object", "boxes", "labels", "attributes", "difficult"):
            assert torch.equal(drawn[part][place], sample[part])
    assert data[:3].keys() == drawn.keys() == Batches(data, size=2).draw().keys()


def test_it_is_moved_cut_and_told_apart_like_any_data_set(folder, found):
    data = APascal(folder, size=40)
    part = data.take(torch.tensor([2, 0]))
    assert type(part) is APascal and part.pictures == (data.pictures[2], data.pictures[0])
    assert len({data.fingerprint(), part.fingerprint(), APascal(folder, size=41).fingerprint()}) == 3
    assert APascal(folder, size=40).fingerprint() == data.to("cpu").fingerprint() == data.fingerprint()
    assert [len(batch["image"]) for batch in part.batches(1)] == [1, 1]


def test_without_proposals_regions_are_the_true_boxes(folder, monkeypatch):
    monkeypatch.setattr(apascal, "searched", None)
    data = APascal(folder, "test", size=40, proposals=0)
    assert torch.equal(data.tensors["regions"].values, data.tensors["boxes"].values)
    assert data.tensors["object"].values.tolist() == [0, 1, 0, 1]


@given(st.lists(st.tuples(st.integers(1, 2000), st.integers(1, 2000)), min_size=1), st.integers(32, 800))
def test_pictures_keep_their_form_and_stay_within_the_size(sizes, size):
    made = scaled(torch.tensor(sizes), size)
    for (width, height), (w, h) in zip(sizes, made.tolist(), strict=True):
        assert min(w, h) == size or (min(w, h) < size and max(w, h) == round(size * 5 / 3))
        assert abs(w * height - h * width) <= max(width, height)  # to half a pixel of either side


def test_a_box_of_the_whole_picture_stays_one_at_every_size(tmp_path):
    g = np.random.default_rng(0)
    sizes = {number: tuple(g.integers(33, 150, 2)) for number in range(10)}
    data = APascal(write(tmp_path / "voc", test=sizes), "test", size=57, proposals=0)
    for sample in data:
        _, height, width = sample["image"].shape
        torch.testing.assert_close(sample["boxes"][1], torch.tensor([0.0, 0, width, height]))


def test_no_picture_is_in_two_splits_and_a_missing_one_moves_none(folder, found):
    parts = [APascal(folder, split, 40).pictures for split in ("train", "validation", "test")]
    assert parts == [tuple(map(name, numbers)) for numbers in ([1, 2, 4, 7, 8], [3], [5, 6])]
    (folder / f"JPEGImages/{name(2)}.jpg").unlink()
    data = APascal(folder, "train", 40, allow_missing=True)
    assert data.pictures == tuple(map(name, [1, 4, 7, 8])) and data.missing == 1
    assert repr(data) == "APascal(split='train', 4 pictures, 1 missing)"
    assert APascal(folder, "validation", 40).missing == 0


def test_missing_pictures_are_counted_and_both_ways_out_are_told(folder, found):
    (folder / f"JPEGImages/{name(2)}.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of the 5 pictures .*download\(.*\) .*allow_missing=True\)"):
        APascal(folder)
    for number in TEST:
        (folder / f"JPEGImages/{name(number)}.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"2 of the 2 pictures .*apascal_test.txt"):
        APascal(folder, "test", allow_missing=True)
    (folder / "apascal_test.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks apascal_test.txt: .*xs.data.apascal.download\(root\)"):
        APascal(folder)


def test_without_root_the_variable_names_the_folder(folder, found, monkeypatch):
    monkeypatch.setenv("XSTITCH_DATA", str(folder.parent))
    assert len(APascal(split="test", size=40)) == 2
    monkeypatch.delenv("XSTITCH_DATA")
    with pytest.raises(FileNotFoundError, match=r"needs root=.*XSTITCH_DATA.*got neither"):
        APascal()


def test_pictures_may_lie_where_vocs_archive_unpacks_to(folder, found):
    (folder / "VOCdevkit/VOC2008").mkdir(parents=True)
    (folder / "JPEGImages").rename(folder / "VOCdevkit/VOC2008/JPEGImages")
    assert len(APascal(folder, "test", size=40)) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "val"}, "'train', 'validation' or 'test'; got 'val'"),
        ({"size": 31}, "size, pixels of the shorter side, .* at least 32; got 31"),
        ({"size": (48, 64)}, r"got \(48, 64\)"),
        ({"proposals": -1}, "proposals, .* at least 0; got -1"),
    ],
)
def test_other_options_are_refused(folder, options, words):
    with pytest.raises(ValueError, match=words):
        APascal(folder, **options)


GOOD = line(5, "cat", (17, 9, 32, 32))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (GOOD.rsplit(" ", 1)[0], "has 69 fields, not 70"),
        (GOOD.replace("cat", "unicorn"), "names the class 'unicorn'"),
        (GOOD.replace("17", "x17"), "has 'x17' where a number of the box belongs"),
        (GOOD.replace("17", "nan"), "has 'nan' where a number of the box belongs"),
        (GOOD[:-1] + "2", "has the attribute '2', which is neither 0 nor 1"),
        (GOOD.replace("2008_000005.jpg", "../x.jpg"), r"names the picture '\.\./x.jpg'"),
        (line(5, "cat", (0, 9, 32, 32)), "has the box 0 9 32 32, but 1 ≤ xmin"),
        (line(5, "cat", (33, 9, 32, 32)), "has the box 33 9 32 32, but 1 ≤ xmin ≤ xmax"),
        (line(5, "cat", (17, 9, 61, 32)), "has a box that ends at 61, 32, but its picture is 60×40"),
    ],
)
def test_a_bad_line_is_named(folder, bad, words):
    with open(folder / "apascal_test.txt", "a") as file:
        file.write(bad)
    with pytest.raises(ValueError, match=f"line 5 of .*apascal_test.txt {words}.*: take the list"):
        APascal(folder, "test", 40, proposals=0)


def test_a_damaged_picture_is_named(folder):
    path = folder / f"JPEGImages/{name(6)}.jpg"
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], b"no picture", b""):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"{path.name} cannot be read \(.*\): unpack or download"):
            APascal(folder, "test", 40, proposals=0)


def test_a_grey_picture_is_read_as_a_coloured_one(folder):
    path = folder / f"JPEGImages/{name(5)}.jpg"
    with Image.open(path) as picture:
        picture.convert("L").save(path)
    image = APascal(folder, "test", 40, proposals=0)[0]["image"]
    assert image.shape[0] == 3 and torch.equal(image[0], image[2])


def test_what_is_difficult_is_told_by_class_and_box(folder):
    write_annotation(folder, 5, [("dog", (17, 9, 32, 32), 1), ("dog", (1, 1, 60, 40), 1), ("cat", (17, 9, 32, 32), 0)])
    write_annotation(folder, 6, [("cat", (17, 9, 32, 32), 1)])
    data = APascal(folder, "test", 40, proposals=0)
    assert data.has_difficult and [some.tolist() for some in data.tensors["difficult"]] == [[0, 1], [1, 0]]
    path = folder / f"Annotations/{name(6)}.xml"
    for damaged in ("<annotation>", "<annotation><object><name>cat</name></object></annotation>"):
        path.write_text(damaged)
        with pytest.raises(ValueError, match=rf"{path.name} cannot be read \(.*\): unpack .* annotations again"):
            APascal(folder, "test", 40, proposals=0)


def test_objects_and_attributes_are_counted(folder):
    counts = APascal(folder, "train", 40, proposals=0).counts()
    assert {label: n for label, n in counts["labels"].items() if n} == {"cat": 5, "dog": 5}
    assert {word: n for word, n in counts["attributes"].items() if n} == {"2D Boxy": 5, "3D Boxy": 5, "Leather": 5}
    assert len(counts["labels"]) == 20 and len(counts["attributes"]) == 64


def test_proposals_lie_within_their_picture(folder, tmp_path, monkeypatch):
    pytest.importorskip("cv2.ximgproc", reason="selective search is OpenCV's")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data = APascal(folder, "train", size=100, proposals=5)
    for sample in data:
        _, height, width = sample["image"].shape
        regions = sample["regions"][sample["object"] == -1]
        assert 1 <= len(regions) <= 5 and (regions[:, 2:] <= torch.tensor([width, height]) + 1e-3).all()
    assert len(list((tmp_path / "xstitch_lib/proposals").iterdir())) == len(data)


@needs_real
def test_the_real_lists_are_whole_and_the_names_are_theirs():
    found = {split: lists.read_list(REAL / file) for split, file in layout.LISTS.items()}
    assert [sum(map(len, found[split].values())) for split in ("train", "test")] == [6340, 6355]
    parts = {split: layout.part([*found[split]], split) for split in found}
    assert [len(names) for names in parts.values()] == [1690, 423, 2227]
    assert len({*parts["train"], *parts["validation"], *parts["test"]}) == 4340
    assert tuple((REAL / "attribute_names.txt").read_text().splitlines()) == layout.ATTRIBUTES
    assert tuple((REAL / "class_names.txt").read_text().split()[:20]) == layout.CLASSES


@needs_real
def test_real_pictures_hold_their_boxes():
    data = APascal(REAL, "validation", 200, allow_missing=True, proposals=0)
    assert len(data) + data.missing == 423 and data.counts()["labels"]["dog"] > 30
    for n in range(0, len(data), 10):
        sample = data[n]
        _, height, width = sample["image"].shape
        boxes = sample["boxes"]
        assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] > boxes[:, :2]).all()
        assert (boxes[:, 2:] <= torch.tensor([width, height]) + 1e-3).all()
        assert len(sample["image"].unique()) > 20
