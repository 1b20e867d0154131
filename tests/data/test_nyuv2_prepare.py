"""From an official file (a small one, made here in its format) to a folder that the reader takes."""

import shutil
import warnings

import numpy as np
import pytest
from nyu_folders import NAMES, TEST, TRAIN, write_official
from PIL import Image

from xstitch_lib.data import NYUv2
from xstitch_lib.data.nyuv2 import prepare
from xstitch_lib.data.nyuv2.geometry import KINECT
from xstitch_lib.data.nyuv2.layout import CLASSES
from xstitch_lib.data.nyuv2.official import Labelled

h5py = pytest.importorskip("h5py", reason="the official file is read with h5py")
pytestmark = pytest.mark.usefixtures("few")
TILTED = np.array([0.36, -0.48, -0.8])


def tilted():
    """(640, 480) depth, as in the file, of a plane with the normal TILTED."""
    x, y = np.meshgrid(np.arange(640), np.arange(480), indexing="ij")
    rays = np.stack([(x - KINECT.cx) / KINECT.fx, (y - KINECT.cy) / KINECT.fy, np.ones_like(x)])
    return (-2 / np.einsum("c,cwh->wh", TILTED, rays)).astype(np.float32)


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    folder = tmp_path_factory.mktemp("official")
    flat = np.full((7, 640, 480), 2, np.float32)
    return write_official(folder, depths=np.concatenate([flat, tilted()[None]]))


def picture(folder, name):
    with Image.open(folder / name) as file:
        return np.asarray(file)


def test_the_folder_has_the_layout_and_the_reader_takes_it(official, tmp_path):
    folder = prepare(official, tmp_path / "new" / "nyuv2")
    for part, kind in (("image", "jpg"), ("label40", "png"), ("normal", "jpg")):
        assert sorted(path.name for path in (folder / part).iterdir()) == [f"{n:04d}.{kind}" for n in range(1, 9)]
    assert (folder / "train.txt").read_text().split() == [f"{n:04d}" for n in TRAIN]
    assert (folder / "test.txt").read_text().split() == [f"{n:04d}" for n in TEST]
    lines = [line.split(" ") for line in (folder / "classes.txt").read_text().splitlines()]
    with h5py.File(official) as file:
        images, labels = np.array(file["images"]), np.array(file["labels"])
    assert [line[0] for line in lines] == [str(n) for n in range(1, 41)]
    assert lines[0] == ["1", "wall", str((labels == 2).sum())] and lines[19][1:3] == ["floor", "mat"]
    assert int(lines[22][-1]) == (labels == 1).sum() and sum([int(line[-1]) for line in lines]) == (labels > 0).sum()

    for number in (1, 8):  # images and labels are upright, in their place, and these
        shown = images[number - 1].transpose(2, 1, 0)
        means = (shown[::2, ::2].astype(float) + shown[1::2, ::2] + shown[::2, 1::2] + shown[1::2, 1::2]) / 4
        assert np.abs(picture(folder, f"image/{number:04d}.jpg") - means).mean() < 5  # JPEG of noise
        classes = np.array([0, CLASSES.index("books") + 1, 1, 39, 40])[labels[number - 1].T]
        np.testing.assert_array_equal(picture(folder, f"label40/{number:04d}.png"), classes[1::2, 1::2])
    data = NYUv2(folder, "train")
    assert data.frames == (1, 3, 8)
    normals = data[:]["normals"][:, :, 4:235, 4:315].double().permute(0, 2, 3, 1).numpy()
    assert np.degrees(np.arccos((normals[:2] @ [0, 0, -1]).clip(-1, 1))).max() < 0.6
    assert np.degrees(np.arccos((normals[2] @ TILTED).clip(-1, 1))).max() < 1.2  # 8 bits twice, and JPEG


def test_an_interrupted_call_leaves_no_folder_to_read_and_goes_on(official, tmp_path, monkeypatch):
    depth, asked = Labelled.depth, []

    def broken(self, number):
        asked.append(number)
        if number == 5 and asked.count(5) == 1:
            raise KeyboardInterrupt
        return depth(self, number)

    monkeypatch.setattr(Labelled, "depth", broken)
    with pytest.raises(KeyboardInterrupt):
        prepare(official, tmp_path)
    assert (tmp_path / "label40/0005.png").exists() and not (tmp_path / "normal/0005.jpg").exists()
    with pytest.raises(FileNotFoundError, match=r"it lacks train.txt, test.txt"):
        NYUv2(tmp_path)
    first = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    prepare(official, tmp_path)
    assert asked == [1, 2, 3, 4, 5, 5, 6, 7, 8]  # nothing is made twice
    assert all([path.stat().st_mtime_ns == written for path, written in first.items()])
    assert len(NYUv2(tmp_path, "test")) == 3 and not list(tmp_path.rglob("unfinished*"))


def test_a_deleted_frame_is_written_again(official, tmp_path):
    prepare(official, tmp_path)
    before = (tmp_path / "image/0003.jpg").read_bytes()
    (tmp_path / "image/0003.jpg").unlink()
    prepare(official, tmp_path)
    assert (tmp_path / "image/0003.jpg").read_bytes() == before


def test_missing_depth_is_an_unknown_normal(tmp_path):
    depths = np.full((8, 640, 480), 2, np.float32)
    depths[:, :320] = 0
    folder = prepare(write_official(tmp_path / "official", depths=depths), tmp_path / "nyuv2")
    normals = NYUv2(folder, "test")[:]["normals"][:, :, 4:235]
    assert not normals[..., :152].any() and normals[..., 168:315].any(1).all()  # JPEG blurs 8 pixels around the edge


def test_a_room_on_both_sides_is_told(official, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare(official, tmp_path / "nyuv2")
    rooms = [f"kitchen_{n}" for n in (1, 2, 3, 4, 5, 5, 7, 5)]  # frames 5 and 6 are for validation, 8 is for training
    with pytest.warns(UserWarning, match="1 rooms, kitchen_5 among them, are in both"):
        prepare(write_official(tmp_path / "official", scenes=rooms), tmp_path / "nyuv2")


@pytest.mark.parametrize("name", ["nyu_depth_v2_labeled.mat", "splits.mat", "classMapping40.mat"])
def test_a_missing_and_a_cut_off_file_are_named(official, tmp_path, name):
    here = shutil.copytree(official.parent, tmp_path / "official")
    content = (here / name).read_bytes()
    (here / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=f"{name} (is cut off|cannot be read).*download"):
        prepare(here / official.name, tmp_path / "nyuv2")
    (here / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{name} does not exist: .*download\(folder\)"):
        prepare(here / official.name, tmp_path / "nyuv2")
    assert not (tmp_path / "nyuv2" / "train.txt").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"depths": None}, "it has no 'depths', but #refs#, images, labels"),
        ({"images": np.zeros((8, 3, 480, 640), np.uint8)}, r"'images' is \(8, 3, 480, 640\), not \(8, 3, 640, 480\)"),
        ({"labels": np.zeros((7, 640, 480), np.uint16)}, r"'labels' is \(7, 640, 480\), not \(8, 640, 480\)"),
        ({"labels": np.full((8, 640, 480), 5, np.uint16)}, "frame 1 of .* holds label 5, but the file names 4 labels"),
        ({"names": [*NAMES[:3], "spoon"]}, "classMapping40.mat maps no label 'spoon' to a class"),
    ],
)
def test_another_file_is_refused(tmp_path, changes, words):
    with pytest.raises(ValueError, match=words):
        prepare(write_official(tmp_path / "official", **changes), tmp_path / "nyuv2")


def test_another_split_and_another_mapping_are_refused(official, tmp_path):
    from scipy.io import savemat

    savemat(tmp_path / "splits.mat", {"trainNdxs": [[1, 2, 3, 4, 5]], "testNdxs": [[5, 6, 7]]})
    with pytest.raises(ValueError, match="frame 5 is in both the train and the test list"):
        prepare(official, tmp_path / "nyuv2", splits=tmp_path / "splits.mat")
    with pytest.raises(
        ValueError, match=r"splits.mat is another file than .*it has no 'allClassName'|no 'allClassName'"
    ):
        prepare(official, tmp_path / "nyuv2", mapping=tmp_path / "splits.mat")
    names = {"allClassName": np.array([NAMES], object), "mapClass": [[1, 2, 3, 4]]}
    savemat(tmp_path / "13.mat", names | {"className": np.array([["bed", "books"]], object)})
    with pytest.raises(ValueError, match=r"13.mat is not the official mapping to 40 classes"):
        prepare(official, tmp_path / "nyuv2", mapping=tmp_path / "13.mat")


@pytest.mark.parametrize("to", [[1, 2, 3], [1, 2, 3, 41], [0, 1, 2, 3]])
def test_a_mapping_that_names_no_class_for_a_label_is_refused(official, tmp_path, to):
    from scipy.io import savemat

    names = {"allClassName": np.array([NAMES], object), "className": np.array([CLASSES], object)}
    savemat(tmp_path / "classes.mat", names | {"mapClass": [to]})
    with pytest.raises(
        ValueError, match=rf"must map each of its 4 labels .*{len(to)} classes from {min(to)} to {max(to)}"
    ):
        prepare(official, tmp_path / "nyuv2", mapping=tmp_path / "classes.mat")
