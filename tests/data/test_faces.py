"""Face embeddings: made of the two pickles, read, cut by picture and by person; the stand-in; UTKFace's names."""

import hashlib
import os
import pickle
import socket
from pathlib import Path

import numpy as np
import pytest
import torch

from xstitch_lib.data import FaceEmbeddings, UTKFace
from xstitch_lib.data.faces import by_person, by_picture, download, prepare, sources
from xstitch_lib.data.faces.utkface import parse

ROOT = Path(os.environ.get("XSTITCH_DATA", "nowhere"))
real = pytest.mark.skipif(not (ROOT / "vggface2_embeddings").is_dir(), reason="XSTITCH_DATA has no face embeddings")
pictures = pytest.mark.skipif(not (ROOT / "utkface").is_dir(), reason="XSTITCH_DATA has no UTKFace")
PEOPLE = ("n2/1.jpg", "n2/2.jpg", "n1/1.jpg", "n2/3.jpg")


def entries(shift=0.0, **changed):
    rng = np.random.default_rng(0)
    return [
        {
            "image_path": f"data/{path}",
            "gender": "mmfm"[i],
            "age_young": i % 2 == 0,
            "embedding": rng.random(128) + shift,
        }
        | changed
        for i, path in enumerate(PEOPLE)
    ]


def put(folder, monkeypatch, first=None, second=None):
    """The two pickles in a folder, as if they were the originals."""
    folder.mkdir(exist_ok=True)
    for name, content in zip(sources.SHA256, (first or entries(), second or entries(1)), strict=True):
        packed = content if isinstance(content, bytes) else pickle.dumps(content, 3)
        (folder / name).write_bytes(packed)
        monkeypatch.setitem(sources.SHA256, name, hashlib.sha256(packed).hexdigest())
    return folder


def test_two_pickles_become_the_file_that_is_read(tmp_path, monkeypatch):
    path = prepare(put(tmp_path / "from", monkeypatch), tmp_path / "to")
    data = FaceEmbeddings(path.parent)
    assert data.tensors["person"].tolist() == [0, 0, 1, 0] * 2  # in the order in which they come
    assert data.tensors["gender"].tolist() == [1, 1, 0, 1] * 2  # as the script: 0 is female
    assert data.tensors["age"].tolist() == [1, 0, 1, 0] * 2
    assert data.tensors["picture"].tolist() == [0, 1, 2, 3] * 2
    wanted = np.stack([one["embedding"] for one in entries() + entries(1)])
    assert np.array_equal(data.tensors["embedding"], wanted.astype(np.float32))


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


def test_what_is_no_original_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    folder = put(tmp_path / "from", monkeypatch)
    (folder / "saved_data").write_bytes(b"another")
    with pytest.raises(ValueError, match="saved_data is not the original file: its sha256 is"):
        prepare(folder, tmp_path / "to")
    (folder / "saved_data").unlink()
    with pytest.raises(FileNotFoundError, match=r"saved_data does not exist: xs\.data\.faces\.download"):
        prepare(folder, tmp_path / "to")
    for found, refused in (
        (pickle.dumps([Evil()], 3), "posix.mkdir" if os.name == "posix" else "mkdir"),
        (pickle.dumps(3, 3), "holds a int, not a list of pictures"),
        (entries(gender="x"), "entry 0 of .* is not one of image_path, gender, age_young, embedding"),
        (entries(embedding=np.zeros(3)), "entry 0"),
        (entries(age_young=1.0), "entry 0"),
    ):
        with pytest.raises(ValueError, match=refused):
            prepare(put(folder, monkeypatch, found), tmp_path / "to")
    with pytest.raises(ValueError, match="are not of the same pictures"):
        prepare(put(folder, monkeypatch, second=entries()[::-1]), tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_without_network_the_steps_by_hand_are_told(tmp_path, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setattr(sources, "URL", f"http://127.0.0.1:{unused.getsockname()[1]}/")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with pytest.raises(RuntimeError, match=r"could not download .*saved_data.*then xs\.data\.faces\.prepare"):
            download(tmp_path)


def test_what_is_missing_or_damaged_is_told(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"embeddings.npz does not exist: xs\.data\.faces\.download"):
        FaceEmbeddings(tmp_path)
    (tmp_path / "embeddings.npz").write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(ValueError, match="is damaged or another file"):
        FaceEmbeddings(tmp_path)
    np.savez(tmp_path / "embeddings.npz", **(FaceEmbeddings.synthetic, sources.Arrays(*[np.zeros(3)] * 5))[1]._asdict())
    with pytest.raises(ValueError, match=r"'embedding' in .* has the shape \(3,\)"):
        FaceEmbeddings(tmp_path)


def test_where_nothing_is_at_hand_the_stand_in_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("XSTITCH_DATA", str(tmp_path))
    assert repr(FaceEmbeddings()).endswith("100 people, a synthetic stand-in)")
    monkeypatch.delenv("XSTITCH_DATA")
    assert FaceEmbeddings().fingerprint() == FaceEmbeddings.synthetic().fingerprint()


def nearest_age(data, split, name):
    """How often the nearest training vector's age is right, in percent."""
    train, test = [data.of(name, split[part]) for part in ("train", "test")]
    nearest = (test.tensors["embedding"] @ train.tensors["embedding"].T).argmax(1)
    return 100 * (train.tensors["age"][nearest] == test.tensors["age"]).float().mean().item()


@pytest.mark.parametrize("data", [pytest.param(FaceEmbeddings, marks=real), FaceEmbeddings.synthetic])
def test_under_a_split_by_picture_neighbours_know_what_they_do_not_by_person(data):
    data = data()
    x = data.tensors["embedding"]
    assert x.shape == (4000, 128) and (x.norm(dim=1) - 1).abs().max() < 1e-4
    assert data.tensors["person"].bincount().tolist() == [40] * 100
    assert (data.tensors["gender"] == 0).float().mean() == pytest.approx(0.46)
    assert data.tensors["age"].float().mean() == 0.5
    leaky, clean = nearest_age(data, by_picture(2000), "picture"), nearest_age(data, by_person(100), "person")
    assert leaky > 82 and clean < 78


@real
def test_everybody_in_the_scripts_test_is_in_its_training_set():
    data, split = FaceEmbeddings(), by_picture(2000)
    people = {part: {*data.of("picture", which).tensors["person"].tolist()} for part, which in split.items()}
    assert len(people["test"]) == 89 and people["test"] <= people["train"]
    assert [len(data.of("picture", which)) for which in split.values()] == [3600, 400]


def test_the_scripts_split_is_the_shuffle_of_its_list():
    shuffled = list(range(2000))
    np.random.RandomState(1).shuffle(shuffled)
    split = by_picture(2000)
    assert split["test"].tolist() + split["train"].tolist() == shuffled


def test_folds_cut_people_into_tests_that_meet_nobody_twice():
    folds = [by_person(100, partition=3, fold=fold) for fold in range(5)]
    assert sorted(torch.cat([fold["test"] for fold in folds]).tolist()) == list(range(100))
    for fold in folds:
        assert sorted(torch.cat(list(fold.values())).tolist()) == list(range(100))
    assert by_person(100, 0)["test"].tolist() != by_person(100, 1)["test"].tolist()
    with pytest.raises(ValueError, match="fold must be 0 to 4; got 5"):
        by_person(100, fold=5)


@pytest.mark.parametrize(
    "name", ["61_1_20170109142408075.jpg.chip.jpg", "5_2_0_1.jpg.chip.jpg", "26_1_5_1.jpg.chip.jpg"]
)
def test_malformed_names_are_known(name):
    assert parse(name) is None


def write(folder, name, size=64):
    from PIL import Image

    Image.fromarray(np.full((size, size, 3), 200, np.uint8)).save(folder / name, "JPEG")


def test_pictures_are_read_and_malformed_names_counted(tmp_path):
    names = [f"{age}_1_0_{age}.jpg.chip.jpg" for age in (1, 17, 18, 29, 30, 44, 45, 59, 60, 101)]
    for name in [*names, "39_1_20170116174525125.jpg.chip.jpg"]:
        write(tmp_path, name)
    parts = [UTKFace(tmp_path, split) for split in ("train", "validation", "test")]
    assert sum(map(len, parts)) == len(names) and all([len(part.malformed) == 1 for part in parts if len(part)])
    years, ages = [torch.cat([part.tensors[name] for part in parts]) for name in ("years", "age")]
    assert dict(zip(years.tolist(), ages.tolist(), strict=True)) == {
        1: 0, 17: 0, 18: 1, 29: 1, 30: 2, 44: 2, 45: 3, 59: 3, 60: 4, 101: 4
    }  # fmt: skip
    assert parts[0][0]["image"].mean().item() == pytest.approx(200 / 255, abs=0.02)


def test_what_is_wrong_with_a_folder_of_pictures_is_told(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="has no picture that is named age_gender_race_date"):
        UTKFace(tmp_path)
    write(tmp_path, "26_1_0_1.jpg.chip.jpg", 32)
    with pytest.raises(ValueError, match="is 32×32 pixels, not 64×64"):
        [UTKFace(tmp_path, split) for split in ("train", "validation", "test")]
    (tmp_path / "26_1_0_1.jpg.chip.jpg").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is damaged"):
        [UTKFace(tmp_path, split) for split in ("train", "validation", "test")]
    with pytest.raises(ValueError, match="split must be"):
        UTKFace(tmp_path, "all")
    monkeypatch.delenv("XSTITCH_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="UTKFace needs root="):
        UTKFace()


@pictures
def test_the_real_pictures():
    data = UTKFace(split="test")
    assert len(data.malformed) == 3 and 850 < len(data) < 1150
    assert data.tensors["image"].dtype == torch.uint8 and 0 < data.tensors["gender"].float().mean() < 1
    assert data.tensors["age"].bincount().min() > 50
