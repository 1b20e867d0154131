"""The download's parts, on a made-up archive and in place of the network."""

import hashlib
import io
import sys
import tarfile
from types import SimpleNamespace

import pytest

from xstitch_lib.data.apascal import download
from xstitch_lib.data.apascal.download import ARCHIVE, SHA256, extract_lists

pooch = pytest.importorskip("pooch", reason="the lists are fetched with pooch")
datasets = pytest.importorskip("torchvision.datasets", reason="the pictures are fetched with torchvision")
LISTS = {"apascal_train.txt": b"one", "apascal_test.txt": b"other"}


@pytest.fixture(autouse=True)
def digests(monkeypatch):
    for name, content in LISTS.items():
        monkeypatch.setitem(SHA256, name, hashlib.sha256(content).hexdigest())


def pack(path, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def inner(files):
    return {f"attribute_data/{name}": content for name, content in files.items()}


@pytest.fixture
def network(monkeypatch):
    """What is asked of it; the archive and VOC 2008 with one picture are there."""
    asked = []

    def retrieve(url, known_hash, fname, path):
        asked.append(url)
        return str(pack(path / fname, inner(LISTS)))

    def voc(root, year, image_set, download=False):
        folder = root / "VOCdevkit/VOC2008"
        files = SimpleNamespace(images=[folder / "JPEGImages/a.jpg"], targets=[folder / "Annotations/a.xml"])
        if download:
            asked.append((year, image_set))
            for file in (*files.images, *files.targets):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
        elif not folder.is_dir():
            raise RuntimeError("Dataset not found or corrupted.")
        return files

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    monkeypatch.setattr(datasets, "VOCDetection", voc)
    return asked


def test_lists_and_pictures_are_fetched_once(network, tmp_path):
    folder = download(tmp_path / "voc")
    assert network == [ARCHIVE, ("2008", "trainval")] and folder == tmp_path / "voc"
    assert {name: (folder / name).read_bytes() for name in LISTS} == LISTS
    assert download(folder) == folder and len(network) == 2
    (folder / "VOCdevkit/VOC2008/JPEGImages/a.jpg").unlink()  # as after a call that was interrupted
    download(folder)
    assert network[2:] == [("2008", "trainval")]


@pytest.mark.parametrize("names", [{"../../apascal_train.txt", "/apascal_test.txt"}, {"a/apascal_train.txt"}])
def test_nothing_is_written_outside_the_folder(tmp_path, names):
    files = inner(LISTS) | dict.fromkeys(names, b"evil")
    with pytest.raises(ValueError, match=r"apascal_t.*\.txt in .* has the sha256"):
        extract_lists(pack(tmp_path / "a.tar.gz", files), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_another_and_a_damaged_archive_are_refused(tmp_path):
    path = pack(tmp_path / "a.tar.gz", inner({"apascal_train.txt": b"one"}))
    with pytest.raises(ValueError, match=f"lacks apascal_test.txt, so it is not the authors' archive from {ARCHIVE}"):
        extract_lists(path, tmp_path)
    for content in (path.read_bytes()[:90], b"<html>not found</html>", b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a.tar.gz cannot be read \(.*\): delete it"):
            extract_lists(path, tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.tar.gz"]


def test_without_a_network_the_way_by_hand_is_told(network, tmp_path, monkeypatch):
    def fails(*args, **kwargs):
        raise OSError("no route")

    with monkeypatch.context() as patch:
        patch.setattr(pooch, "retrieve", fails)
        with pytest.raises(RuntimeError, match=rf"{ARCHIVE} \(no route\): fetch it .* put apascal_train.txt and"):
            download(tmp_path)
    monkeypatch.setattr(datasets, "VOCDetection", fails)
    with pytest.raises(RuntimeError, match=r"VOC 2008 \(no route\): .* VOCtrainval_14-Jul-2008.tar .*JPEGImages holds"):
        download(tmp_path)


@pytest.mark.parametrize("package", ["pooch", "torchvision.datasets"])
def test_a_missing_package_is_named(network, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=f"`pip install {package.split('.')[0]}`"):
        download(tmp_path)
