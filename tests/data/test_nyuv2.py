"""NYU-v2's reader on small folders, and on a few real frames."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from nyu_folders import TEST, TRAIN, frame, write_prepared
from PIL import Image

from xstitch_lib.data import IGNORE, NYUv2, TensorData
from xstitch_lib.data.nyuv2 import frames, layout, official
from xstitch_lib.tasks import SemanticSegmentation, SurfaceNormals
from xstitch_lib.training.augment import colour, compose, mirror, scale_crop
from xstitch_lib.training.batches import Batches
from xstitch_lib.training.evaluation import checked
from xstitch_lib.training.fit import fit

needs_nyu = pytest.mark.skipif("XSTITCH_DATA" not in os.environ, reason="XSTITCH_DATA names no folder with NYU-v2")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_prepared(tmp_path_factory.mktemp("nyu") / "nyuv2")


@pytest.fixture
def folder(written, tmp_path, few):
    """A prepared folder to damage."""
    return shutil.copytree(written, tmp_path / "nyuv2")


@pytest.fixture
def real():
    return Path(os.environ["XSTITCH_DATA"]) / "nyuv2"


def test_samples_are_what_the_files_hold(folder):
    data = NYUv2(folder, "test")
    assert isinstance(data, TensorData) and data.frames == (2, 4, 7)
    assert repr(data) == "NYUv2(split='test', 3 images of 240×320)"
    for sample, number in zip(data, TEST, strict=True):
        image, label, normal = frame(number)
        inside = np.zeros((240, 320), bool)
        inside[4:235, 4:315] = True
        assert sample["image"].dtype == torch.float32 and sample["image"].shape == (3, 240, 320)
        torch.testing.assert_close(sample["image"], torch.from_numpy(image / 255).float().permute(2, 0, 1))
        assert sample["seg"].dtype == torch.int64 and IGNORE == -1
        np.testing.assert_array_equal(sample["seg"], np.where(inside, label.astype(int) - 1, IGNORE))
        known = inside & (np.arange(320) < 200)
        lengths = sample["normals"].norm(dim=0).numpy()
        np.testing.assert_allclose(lengths[~(known | (np.arange(320) >= 192))], 0)
        exact = (normal.astype(float) - 128) / 127  # as JPEG keeps noise: the picture's 8×8 blocks at 200 are clean
        angle = np.einsum("hwc,chw->hw", exact, sample["normals"].numpy()) / np.linalg.norm(exact, axis=2).clip(1e-9)
        np.testing.assert_allclose(lengths[known], 1, rtol=1e-5)
        assert np.median(angle[known]) > np.cos(np.radians(1)) and not lengths[:, 208:].any()


def test_memory_holds_seven_bytes_a_pixel_and_batches_are_decoded(folder):
    data = NYUv2(folder, "test")
    assert sum([x.nbytes for x in data.tensors.values()]) == 3 * 240 * 320 * 7
    moved = data.to("cpu")
    assert type(moved) is NYUv2 and moved.classes == data.classes
    drawn = Batches(moved, size=3).draw()
    assert (drawn["image"].dtype, drawn["seg"].dtype, drawn["normals"].dtype) == (torch.float, torch.long, torch.float)
    order = drawn["image"][:, 0, 0, 0].argsort()
    assert all([torch.equal(x[order], data[:][name]) for name, x in drawn.items()])


def test_tasks_accept_the_stored_samples(folder):
    data = NYUv2(folder, "train")
    seg, normals = SemanticSegmentation("seg", 40, NYUv2.classes), SurfaceNormals.from_data(data, codewords=8)
    checked("test", data, {"seg": seg, "normals": normals})
    counts = seg.label_counts(data.tensors)
    assert sum(counts.values()) == (data[:]["seg"] >= 0).sum() and min(counts.values()) > 0
    assert 10 < normals.floor(data)["mean"] < 40
    with pytest.raises(ValueError, match="labels 'seg' from 0 to 11"):
        checked("test", data, {"seg": SemanticSegmentation("seg", 12)})


def test_a_network_trains_on_it_with_all_augmentations_and_resumes(folder, tmp_path):
    train, validation = [NYUv2(folder, split, (120, 160)) for split in ("train", "validation")]
    tasks = {"seg": SemanticSegmentation("seg", 40), "normals": SurfaceNormals.from_data(train, codewords=4)}
    options = {"steps": 6, "lr": 0.1, "batch_size": 2, "snapshots": 2, "log_every": 2, "checkpoint_every": 3}
    nets = []
    for path in (tmp_path / "a.ckpt", tmp_path / "a.ckpt", None):
        torch.manual_seed(0)
        net = torch.nn.ModuleDict({name: torch.nn.Conv2d(3, task.outputs, 1) for name, task in tasks.items()})
        net.forward = lambda x, net=net: {name: tower(x) for name, tower in net.items()}
        augment = compose(mirror, scale_crop, colour)
        history = fit(net, tasks, train, augment=augment, validation=validation, resume=path, **options)
        nets.append(torch.cat([p.detach().flatten() for p in net.parameters()]))
    assert torch.equal(nets[0], nets[1]) and torch.equal(nets[0], nets[2])
    assert {"loss", "mIU", "mean"} <= {*history.table.metric} and np.isfinite(history.table.value).all()


@pytest.mark.parametrize("factor", [2, 5])
def test_a_smaller_size_is_the_mean_of_images_and_normals_and_a_label_that_is_there(folder, factor):
    full, small = NYUv2(folder, "validation"), NYUv2(folder, "validation", (240 // factor, 320 // factor))
    one, other = full[:], small[:]
    means = torch.nn.functional.avg_pool2d(one["image"], factor)
    torch.testing.assert_close(other["image"], means, rtol=0, atol=0.51 / 255)
    blocks = one["seg"].unfold(1, factor, factor).unfold(2, factor, factor)
    assert torch.equal(other["seg"], blocks[..., factor // 2, factor // 2])
    directions = torch.nn.functional.avg_pool2d(one["normals"], factor)
    known = other["normals"].any(1)
    assert (directions.norm(dim=1)[known] > 0.49).all() and (directions.norm(dim=1)[~known] < 0.51).all()
    angle = (torch.nn.functional.normalize(directions) * other["normals"]).sum(1)
    assert angle[known].min() > np.cos(np.radians(1.5))


def test_a_size_that_is_no_whole_fraction_is_refused(folder):
    for size in [(100, 200), (480, 640), (240, 240), 240, (8, 10)]:
        with pytest.raises(ValueError, match="240×320 divided by a whole number"):
            NYUv2(folder, size=size)


def test_no_frame_is_in_two_splits_and_none_is_left_out(folder):
    parts = [NYUv2(folder, split, (24, 32)).frames for split in ("train", "validation", "test")]
    assert parts == [(1, 3, 8), (5, 6), (2, 4, 7)]


def test_without_root_the_variable_names_the_folder(folder, monkeypatch):
    monkeypatch.setenv("XSTITCH_DATA", str(folder.parent))
    assert NYUv2(split="test").frames == (2, 4, 7)
    monkeypatch.delenv("XSTITCH_DATA")
    with pytest.raises(FileNotFoundError, match=r"XSTITCH_DATA.*nyuv2.download\(folder\).*nyuv2.prepare"):
        NYUv2()


def test_an_unknown_split_is_refused(folder):
    with pytest.raises(ValueError, match="'train', 'validation' or 'test'; got 'val'"):
        NYUv2(folder, "val")


def test_a_folder_of_another_data_set_is_refused_with_the_way_to_make_one(tmp_path):
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "train.txt").write_text("2008_000001")
    with pytest.raises(FileNotFoundError, match=r"it lacks test.txt, classes.txt, image, label40, normal: .*prepare"):
        NYUv2(tmp_path)
    with pytest.raises(FileNotFoundError, match="elsewhere is not a folder of prepared NYU-v2 frames"):
        NYUv2(tmp_path / "elsewhere")


def test_another_set_of_classes_is_refused(folder):
    (folder / "classes.txt").write_text("1 bed 7\n2 books 9\n")
    with pytest.raises(ValueError, match=r"the 40 classes.*got 2 lines that begin with bed, books"):
        NYUv2(folder)


@pytest.mark.parametrize("name", ["image/0002.jpg", "label40/0004.png", "normal/0007.jpg"])
def test_a_missing_a_cut_off_and_another_file_are_named(folder, name):
    path = folder / name
    content = path.read_bytes()
    for cut in (len(content) // 2, len(content) - 30, 0):
        path.write_bytes(content[:cut])
        with pytest.raises(ValueError, match=f"{name} in .* cannot be read .*: delete it and run"):
            NYUv2(folder, "test")
    path.unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is missing in .*: prepare writes what is missing"):
        NYUv2(folder, "test")


@pytest.mark.parametrize("name", ["image/0002.jpg", "label40/0002.png", "normal/0002.jpg"])
def test_a_picture_of_another_size_or_kind_is_named(folder, name):
    good = Image.open(folder / name).copy()
    good.resize((320, 200)).save(folder / name)
    with pytest.raises(ValueError, match=f"{name} in .* is 200×320 pixels of kind .*, not 240×320"):
        NYUv2(folder, "test")
    good.convert({"RGB": "L", "L": "RGB"}[good.mode]).save(folder / name)
    with pytest.raises(ValueError, match=f"{name} in .* is 240×320 pixels of kind .* of kind {good.mode} "):
        NYUv2(folder, "test")


def test_a_label_out_of_range_is_named(folder):
    labels = np.array(Image.open(folder / "label40/0004.png"))
    labels[100, 100] = 41
    Image.fromarray(labels).save(folder / "label40/0004.png")
    with pytest.raises(ValueError, match=r"label40/0004.png in .* holds label 41, but labels are 0, unknown, to 40"):
        NYUv2(folder, "test")


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [
        ([*TRAIN[:-1], 2], TEST, "frame 2 is in both the train and the test list"),
        ([*TRAIN[:-1], 9], TEST, "train list in .* names frame 9, but frames are 1 to 8"),
        ([0, *TRAIN[1:]], TEST, "train list in .* names frame 0, but frames are 1 to 8"),
        (TRAIN, [2, 4, 4], "test list in .* names frame 4 twice"),
        (TRAIN[:-1], TEST, "train list in .* has 4 frames, not 5"),
        (["2008_000001"], TEST, "train.txt in .* must hold frame numbers; got '2008_000001'"),
        ([], TEST, "train list in .* has 0 frames"),
    ],
)
def test_lists_that_are_no_split_are_refused(folder, train, test, words):
    for name, numbers in (("train", train), ("test", test)):
        (folder / f"{name}.txt").write_text("\n".join(map(str, numbers)))
    with pytest.raises(ValueError, match=f"{words}.*official splits.mat"):
        NYUv2(folder, "test")


@needs_nyu
def test_the_real_split_is_official_and_validation_is_whole_runs_with_every_class(real):
    train, validation, test = [layout.read_split(real, split) for split in ("train", "validation", "test")]
    assert (len(train), len(validation), len(test)) == (699, 96, 654)
    assert sorted(train + validation + test) == list(range(1, 1450))
    for number in validation:
        assert not {number - 1, number + 1} & {*train}
    found = {*np.concatenate([np.unique(frames.read(real, number)["seg"]) for number in validation[::2]])}
    assert {*range(1, 41)} - found <= {28}  # every other frame is enough for all but the shower curtain
    assert layout.find(real) == real


@needs_nyu
def test_in_real_frames_the_border_is_white_and_labels_and_normals_are_unknown_there(real):
    shown = [frames.read(real, number) for number in range(1, 1450, 120)]
    images = np.stack([one["image"] for one in shown]).astype(float)
    border = np.ones((240, 320), bool)
    border[3:-3, 3:-4] = False
    assert images[:, border].mean() > 215 and np.median(images[:, ~border]) < 200
    stored = [frames.compact(one, 1) for one in shown]
    for one in stored:
        assert (one["seg"][border] == IGNORE).all() and not one["normals"][:, border].any()
        assert one["normals"][:, 4:235, 4:315].any(0).all()
    normals = torch.from_numpy(np.stack([one["normals"] for one in stored])).float()
    lengths = normals.norm(dim=1)[:, 4:235, 4:315] / 127
    assert (lengths - 1).abs().max() < 0.01
    assert (normals[:, 2] < 0)[:, 4:235, 4:315].float().mean() > 0.98  # they point to the camera


@needs_nyu
def test_the_measured_border_ends_before_what_is_looked_at(real):
    images = [np.asarray(Image.open(path)) for path in sorted((real / "image").glob("*.jpg"))[::10]]
    white = np.mean([image.min(2) > 230 for image in images], 0)
    for share in (white[:, 20:-20].mean(1), white[20:-20].mean(0)):
        assert share[[0, 1, -2, -1]].min() > 0.98
        assert share[frames.INSIDE][[0, -1]].max() < 0.1  # windows are white, too
    assert white[20:-20].mean(0)[-4] > 0.2  # a fourth column at the right


@needs_nyu
def test_real_floors_face_up_and_are_the_right_class(real):
    up, floor = [], NYUv2.classes.index("floor")
    for number in range(1, 1450, 120):
        stored = frames.compact(frames.read(real, number), 2)
        up.append(-stored["normals"][1][(stored["seg"] == floor) & stored["normals"].any(0)] / 127)
    assert np.median(np.concatenate(up)) > 0.8


@needs_nyu
def test_the_official_split_and_mapping_are_the_prepared_folders(real):
    scipy_io = pytest.importorskip("scipy.io", reason="the official files are read with SciPy")
    lists = official.read_splits(real / "splits.mat")
    for name, numbers in lists.items():
        assert [f"{number:04d}" for number in numbers] == (real / f"{name}.txt").read_text().split()
    content = scipy_io.loadmat(real / "classMapping40.mat")
    names = [str(name[0]) for name in content["allClassName"].flatten()]
    table = official.read_mapping(real / "classMapping40.mat", names)
    assert len(table) == 895 and table[0] == 0 and table[1:].tolist() == content["mapClass"].flatten().tolist()
    place = names.index("night stand") + 1
    assert NYUv2.classes[table[place] - 1] == "night stand"
