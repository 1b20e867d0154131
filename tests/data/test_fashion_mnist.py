import hashlib
import shutil
import socket
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch

from xstitch_lib.data import FashionMNIST, TensorData, fashion_mnist
from xstitch_lib.data.fashion_mnist import DEBIAN, EMBEDDED, FILES, GROUP_OF_ARTICLE, cut_slice

IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
SIZES = {"train": (6000, 55000), "validation": (1000, 5000), "test": (1000, 10000)}
needs_debian = pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs Debian's package dataset-fashion-mnist")


@pytest.fixture(scope="module")
def embedded():
    return dict(np.load(EMBEDDED, allow_pickle=False))


@pytest.fixture(params=SIZES)
def split(request):
    return request.param


@pytest.fixture
def web(tmp_path, monkeypatch):
    """An empty folder served over HTTP, and the empty cache folder that downloads from it go to."""
    pooch = pytest.importorskip("pooch", reason="the download needs pooch")
    site, cache = tmp_path / "site", tmp_path / "cache"
    site.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site))
    monkeypatch.setattr(fashion_mnist, "URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "no-package")
    monkeypatch.setattr(pooch, "os_cache", {"xstitch_lib": cache}.__getitem__)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield site, cache
    server.shutdown()
    thread.join()
    server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class CutOff(Quiet):
    def copyfile(self, source, outputfile):
        outputfile.write(source.read(100))


def published(name: str) -> bytes:
    """Debian's copy with the gzip header of the published file: its date and name put back."""
    packed = (DEBIAN / name).read_bytes()
    date = (1504176627).to_bytes(4, "little")  # 2017-08-31 10:50:27 UTC, of the two test files
    return b"\x1f\x8b\x08\x08" + date + packed[8:10] + name.removesuffix(".gz").encode() + b"\0" + packed[10:]


def test_embedded_file_stays_under_4_MB():
    assert EMBEDDED.stat().st_size < 4_000_000


def test_every_class_has_its_share_of_a_split(split):
    counts = torch.bincount(FashionMNIST(split).tensors["article"])
    assert counts.tolist() == [SIZES[split][0] // 10] * 10


@needs_debian
def test_every_class_has_its_share_of_a_full_split(split):
    data = FashionMNIST(split, full=True)
    assert torch.bincount(data.tensors["article"]).tolist() == [SIZES[split][1] // 10] * 10
    assert (
        repr(data) == f"FashionMNIST(split='{split}', {SIZES[split][1]} images, Debian package dataset-fashion-mnist)"
    )


def test_splits_share_no_picture(embedded):
    train, validation, test = [embedded[f"{split}_index"] for split in SIZES]
    assert not set(train) & set(validation)
    assert len({*train, *validation}) == 7000 and len(set(test)) == 1000
    pictures = np.concatenate([embedded[f"{split}_image"] for split in SIZES])
    assert len(np.unique(pictures.reshape(8000, -1), axis=0)) == 8000


def test_pictures_stand_in_file_order(embedded, split):
    assert (np.diff(embedded[f"{split}_index"].astype(int)) > 0).all()


@needs_debian
def test_cutting_again_gives_the_embedded_arrays(embedded, tmp_path):
    cut_slice(DEBIAN, tmp_path / "cut.npz")
    again = np.load(tmp_path / "cut.npz", allow_pickle=False)
    assert sorted(again) == sorted(embedded)
    for name, array in embedded.items():
        assert again[name].dtype == array.dtype
        np.testing.assert_array_equal(again[name], array)


@needs_debian
def test_embedded_split_is_the_first_of_each_class_of_the_full_split(split):
    small, full = FashionMNIST(split), FashionMNIST(split, full=True)
    for article in range(10):
        ours = small.tensors["image"][small.tensors["article"] == article]
        theirs = full.tensors["image"][full.tensors["article"] == article]
        assert torch.equal(ours, theirs[: len(ours)])


@needs_debian
def test_validation_is_the_first_500_of_each_class_of_the_training_file_and_train_the_rest():
    validation, train = (fashion_mnist._cut(DEBIAN, split) for split in ("validation", "train"))
    assert sorted([*validation["index"], *train["index"]]) == list(range(60000))
    for article in range(10):
        first, rest = (cut["index"][cut["article"] == article] for cut in (validation, train))
        assert len(first) == 500 and first.max() < rest.min()


@pytest.mark.parametrize(
    ("article", "group"),
    [
        ("T-shirt/top", "Other"),
        ("Trouser", "Other"),
        ("Pullover", "Other"),
        ("Dress", "For Women"),
        ("Coat", "Other"),
        ("Sandal", "Shoes"),
        ("Shirt", "For Women"),
        ("Sneaker", "Shoes"),
        ("Bag", "For Women"),
        ("Ankle boot", "Shoes"),
    ],
)
def test_group_is_the_seeds_second_label(article, group):
    number = FashionMNIST.articles.index(article)
    assert FashionMNIST.groups[GROUP_OF_ARTICLE[number]] == group
    tensors = FashionMNIST("test").tensors
    assert set(tensors["group"][tensors["article"] == number].tolist()) == {FashionMNIST.groups.index(group)}


def test_images_are_floats_from_0_to_1_and_labels_are_integers(embedded, split):
    data = FashionMNIST(split)
    assert isinstance(data, TensorData) and len(data) == SIZES[split][0]
    image, article, group = (data.tensors[name] for name in ("image", "article", "group"))
    assert image.shape == (len(data), 1, 28, 28) and image.dtype == torch.float32
    assert (image.min(), image.max()) == (0, 1)
    np.testing.assert_array_equal((image[:, 0] * 255).round().byte(), embedded[f"{split}_image"])
    assert article.shape == group.shape == (len(data),) and article.dtype == group.dtype == torch.int64


def test_item_is_a_dict_of_tensors():
    item = FashionMNIST("test")[3]
    assert {name: tuple(x.shape) for name, x in item.items()} == {"image": (1, 28, 28), "article": (), "group": ()}


def test_repr_says_split_size_and_source():
    assert repr(FashionMNIST()) == "FashionMNIST(split='train', 6000 images, embedded slice)"


def test_unknown_split_is_refused_with_the_three_names():
    with pytest.raises(ValueError, match="'train', 'validation' or 'test'; got 'val'"):
        FashionMNIST("val")


def test_root_without_full_is_refused(tmp_path):
    with pytest.raises(ValueError, match="full=True"):
        FashionMNIST(root=tmp_path)


def test_altered_embedded_file_is_refused_with_both_checksums(tmp_path, monkeypatch):
    altered = bytearray(EMBEDDED.read_bytes())
    altered[1_000_000] ^= 1
    path = tmp_path / "fashion_mnist.npz"
    path.write_bytes(altered)
    monkeypatch.setattr(fashion_mnist, "EMBEDDED", path)
    with pytest.raises(ValueError, match="not the original") as error:
        FashionMNIST("test")
    found = hashlib.sha256(altered).hexdigest()
    assert all(
        x in str(error.value) for x in ("fashion_mnist.npz", str(tmp_path), found, fashion_mnist.EMBEDDED_SHA256)
    )


def test_wrong_file_under_root_is_refused_before_it_is_parsed(tmp_path):
    (tmp_path / IMAGES).write_bytes(b"short")
    with pytest.raises(ValueError, match="not the original") as error:
        FashionMNIST("test", full=True, root=tmp_path)
    found = hashlib.sha256(b"short").hexdigest()
    assert all(x in str(error.value) for x in (IMAGES, str(tmp_path), found, *FILES[IMAGES]))


@needs_debian
@pytest.mark.parametrize("name", [IMAGES, LABELS])
def test_truncated_file_under_root_is_refused(tmp_path, name):
    shutil.copytree(DEBIAN, tmp_path, dirs_exist_ok=True)
    (tmp_path / name).write_bytes((DEBIAN / name).read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"{name} in .* is not the original file"):
        FashionMNIST("test", full=True, root=tmp_path)


def test_missing_file_under_root_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"{IMAGES} is missing in {tmp_path}"):
        FashionMNIST("test", full=True, root=tmp_path)


@needs_debian
@pytest.mark.parametrize("below", [".", "FashionMNIST/raw"])
def test_root_may_be_a_plain_folder_or_torchvisions(tmp_path, below):
    folder = tmp_path / below
    folder.mkdir(parents=True, exist_ok=True)
    for name in (IMAGES, LABELS):
        (folder / name).write_bytes(published(name))
    data = FashionMNIST("test", full=True, root=str(tmp_path))
    assert repr(data) == f"FashionMNIST(split='test', 10000 images, {folder})"
    assert torch.equal(data.tensors["image"], FashionMNIST("test", full=True).tensors["image"])


@needs_debian
def test_download_fills_the_cache_and_the_second_use_needs_no_server(web, monkeypatch):
    site, cache = web
    from_debian = FashionMNIST("test", full=True, root=DEBIAN)
    for name in (IMAGES, LABELS):
        (site / name).write_bytes(published(name))
    first = FashionMNIST("test", full=True)
    assert first.source == "download" and torch.equal(first.tensors["image"], from_debian.tensors["image"])
    assert sorted(path.name for path in cache.iterdir()) == [IMAGES, LABELS]

    monkeypatch.setattr(fashion_mnist, "URL", "http://127.0.0.1:9/")
    second = FashionMNIST("test", full=True)
    assert all(torch.equal(second.tensors[name], x) for name, x in first.tensors.items())


@needs_debian
def test_altered_file_in_the_cache_is_fetched_again(web):
    site, cache = web
    cache.mkdir()
    for name in (IMAGES, LABELS):
        (site / name).write_bytes(published(name))
        (cache / name).write_bytes(published(name)[:-1])
    assert len(FashionMNIST("test", full=True)) == 10000


def test_altered_download_is_refused_with_both_checksums_and_leaves_nothing(web):
    site, cache = web
    (site / IMAGES).write_bytes(b"altered")
    with pytest.raises(ValueError, match="does not match") as error:
        FashionMNIST("test", full=True)
    assert all(x in str(error.value) for x in (IMAGES, hashlib.sha256(b"altered").hexdigest(), FILES[IMAGES][0]))
    assert list(cache.iterdir()) == []


def test_download_that_breaks_off_leaves_nothing(web, monkeypatch):
    site, cache = web
    monkeypatch.setattr(Quiet, "copyfile", CutOff.copyfile)
    (site / IMAGES).write_bytes(bytes(1000))
    with pytest.raises(RuntimeError, match=f"could not download .*{IMAGES}"):
        FashionMNIST("test", full=True)
    assert list(cache.iterdir()) == []


def test_without_network_the_other_ways_are_named(web, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setattr(fashion_mnist, "URL", f"http://127.0.0.1:{unused.getsockname()[1]}/")
        with pytest.raises(RuntimeError, match=r"root=.*dataset-fashion-mnist"):
            FashionMNIST("test", full=True)


def test_without_pooch_the_install_command_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "no-package")
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install pooch.*root=.*dataset-fashion-mnist"):
        FashionMNIST("test", full=True)
