"""Fashion-MNIST with the seed's second label: ten articles of clothing, and three groups of them.

Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", 2017. MIT licence, Copyright (c) 2017 Zalando SE: see `fashion_mnist_LICENSE` beside this file.
"""

import gzip
import hashlib
import io
from pathlib import Path

import numpy as np
import torch

from xstitch_lib.data.tensors import TensorData

GROUP_OF_ARTICLE = (2, 2, 2, 1, 2, 0, 1, 0, 1, 0)

# split → the file it is cut from, which images of each class, how many of these are embedded; in file order
SPLITS = {
    "train": ("train", slice(500, None), 600),
    "validation": ("train", slice(500), 100),
    "test": ("t10k", slice(None), 100),
}

# sha256 as published and as Debian packs it: the same data, Debian's gzip header has no name and another date
FILES = {
    "train-images-idx3-ubyte.gz": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
    ),
    "train-labels-idx1-ubyte.gz": (
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
    ),
    "t10k-images-idx3-ubyte.gz": (
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
    ),
}
EMBEDDED = Path(__file__).with_name("fashion_mnist.npz")
EMBEDDED_SHA256 = "c5d9f023dde3dc6028f8dfaa8256be838429ea8db00c7f4af405d7f0c38a2e77"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"


class FashionMNIST(TensorData):
    """Grey 28×28 pictures of clothing with two labels: the article, and the group of articles it belongs to.

    Args:
        split: "train", "validation" or "test"; no picture is in two of them. Validation is the first 500
            pictures of each class in the published training file, train is the rest of that file. Pictures
            keep the file's order, so train starts with trousers, whose first 500 end soonest: shuffle it.
        full: False, the slice that comes with the package: 6,000, 1,000 and 1,000 pictures, the first 600, 100
            and 100 of each class of the full split. True, all 55,000, 5,000 and 10,000, read from ``root``,
            else from the folder of Debian's package dataset-fashion-mnist, else downloaded once (with pooch).
        root: with ``full=True``, a folder with the four published .gz files, or torchvision's root above them.

    Attributes:
        tensors: "image" (N, 1, 28, 28) float32 in [0, 1]; "article" (N,) int64, 0…9; "group" (N,) int64, 0…2.
        articles, groups: the names of the labels. ``GROUP_OF_ARTICLE[article]`` is the group.
        source: where the pictures came from.

    Raises:
        ValueError: for an unknown split, a root without ``full=True``, or a file that is not the original.
        FileNotFoundError: if ``root`` lacks a file.
        ModuleNotFoundError, RuntimeError: if a download is needed and pooch, or the network, is missing.

    Source: the second label is the one of the project's seed 002.

    >>> data = FashionMNIST("validation")
    >>> data
    FashionMNIST(split='validation', 1000 images, embedded slice)
    >>> data.articles[data[0]["article"]], data.groups[data[0]["group"]]
    ('Ankle boot', 'Shoes')
    """

    articles = (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )
    groups = ("Shoes", "For Women", "Other")

    def __init__(self, split: str = "train", full: bool = False, root: str | Path | None = None):
        if split not in SPLITS:
            raise ValueError(f"split must be 'train', 'validation' or 'test'; got {split!r}")
        if root is not None and not full:
            raise ValueError(f"root is read only with full=True; got root={str(root)!r} for the embedded slice")
        self.split = split
        if full:
            folder, self.source = _find(split, root)
            arrays = _cut(folder, split)
        else:
            self.source = "embedded slice"
            with np.load(io.BytesIO(_checked(EMBEDDED, EMBEDDED_SHA256)), allow_pickle=False) as file:
                arrays = {name: file[f"{split}_{name}"] for name in ("image", "article")}
        article = torch.from_numpy(arrays["article"]).long()
        image = torch.from_numpy(arrays["image"]).unsqueeze(1).float().div_(255)
        super().__init__({"image": image, "article": article, "group": torch.tensor(GROUP_OF_ARTICLE)[article]})

    def __repr__(self) -> str:
        return f"FashionMNIST(split={self.split!r}, {len(self)} images, {self.source})"


def cut_slice(folder: str | Path, path: str | Path) -> None:
    """Write the embedded slice to ``path``, from a ``folder`` with the four published .gz files.

    Per split the file holds ``_image`` (N, 28, 28) and ``_article`` (N,), both uint8, and ``_index`` (N,) uint16,
    the pictures' places in their published file. `EMBEDDED_SHA256` must follow each new cut.
    """
    cuts = {split: _cut(Path(folder), split, embedded) for split, (_, _, embedded) in SPLITS.items()}
    np.savez_compressed(path, **{f"{split}_{name}": x for split, cut in cuts.items() for name, x in cut.items()})


def _cut(folder: Path, split: str, per_class: int | None = None) -> dict[str, np.ndarray]:
    image_file, label_file = _names(split)
    image = _read(folder / image_file, header=16).reshape(-1, 28, 28)
    article = _read(folder / label_file, header=8)
    part = SPLITS[split][1]
    index = np.sort(np.concatenate([np.flatnonzero(article == c)[part][:per_class] for c in range(10)]))
    return {"image": image[index], "article": article[index], "index": index.astype(np.uint16)}


def _names(split: str) -> tuple[str, str]:
    file = SPLITS[split][0]
    return f"{file}-images-idx3-ubyte.gz", f"{file}-labels-idx1-ubyte.gz"


def _read(path: Path, header: int) -> np.ndarray:
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is missing in {path.parent}; put the four published .gz files there")
    return np.frombuffer(gzip.decompress(_checked(path, *FILES[path.name])), np.uint8, offset=header)


def _checked(path: Path, *expected: str) -> bytes:
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found not in expected:
        raise ValueError(
            f"{path.name} in {path.parent} is not the original file: its sha256 is {found}, "
            f"expected {' or '.join(expected)}; delete it and download or install it again"
        )
    return content


def _find(split: str, root: str | Path | None) -> tuple[Path, str]:
    if root is not None:
        root = Path(root).expanduser()
        torchvision = root / "FashionMNIST" / "raw"
        folder = torchvision if torchvision.is_dir() else root
        return folder, str(folder)
    if DEBIAN.is_dir():
        return DEBIAN, "Debian package dataset-fashion-mnist"
    return _download(_names(split)), "download"


def _download(names: tuple[str, ...]) -> Path:
    other_ways = "give root=, a folder with its four .gz files, or install Debian's package dataset-fashion-mnist"
    try:
        import pooch
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"to download Fashion-MNIST, `pip install pooch`; or {other_ways}") from error
    folder = Path(pooch.os_cache("xstitch_lib"))
    for name in names:
        try:
            pooch.retrieve(URL + name, known_hash=FILES[name][0], fname=name, path=folder)
        except OSError as error:
            raise RuntimeError(f"could not download {URL}{name} ({error}); {other_ways}") from error
    return folder
