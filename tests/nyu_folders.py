"""Small NYU-v2 folders, prepared and official, for tests."""

import numpy as np
import pytest
from PIL import Image

from xstitch_lib.data.nyuv2.layout import CLASSES

TRAIN, TEST = [1, 3, 5, 6, 8], [2, 4, 7]  # runs 1, 3, 5-6, 8: validation is 5 and 6
NAMES = ["book", "wall", "soap tray", "ball"]  # labels 1, 2, …
CLASS_OF = {"ball": 40, "wall": 1, "book": 23, "never seen": 5, "soap tray": 39}


def frame(number):
    """Image, labels 0…40 and stored normals of a made-up prepared frame."""
    g = np.random.default_rng(number)
    image = np.full((240, 320, 3), 25 * number, np.uint8)
    normals = g.normal(size=(240, 320, 3))
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    normals[:, 200:] = 0
    return image, g.integers(0, 41, (240, 320)).astype(np.uint8), (127 * normals + 128).round().astype(np.uint8)


def write_prepared(folder):
    """A prepared folder of the eight frames; normals in quality 100."""
    for part, kind in (("image", "jpg"), ("label40", "png"), ("normal", "jpg")):
        (folder / part).mkdir(parents=True)
        for number in TRAIN + TEST:
            array = frame(number)[("image", "label40", "normal").index(part)]
            options = {"quality": 100, "subsampling": 0} if kind == "jpg" else {}
            Image.fromarray(array).save(folder / part / f"{number:04d}.{kind}", **options)
    for name, numbers in (("train", TRAIN), ("test", TEST)):
        (folder / f"{name}.txt").write_text("".join(f"{number:04d}\n" for number in numbers))
    (folder / "classes.txt").write_text("".join(f"{n} {name} 7\n" for n, name in enumerate(CLASSES, 1)))
    return folder


def write_official(folder, frames=8, **changes):
    """The three official files, in Matlab's formats; `changes` replaces or (None) leaves out data sets."""
    h5py = pytest.importorskip("h5py", reason="the official file is read with h5py")
    from scipy.io import savemat

    g = np.random.default_rng(0)
    content = {
        "images": g.integers(0, 256, (frames, 3, 640, 480), dtype=np.uint8),
        "depths": np.full((frames, 640, 480), 2, np.float32),
        "labels": g.integers(0, len(NAMES) + 1, (frames, 640, 480), dtype=np.uint16),
        "names": NAMES,
        "scenes": [f"kitchen_{n:04d}" for n in range(frames)],
    } | changes
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "nyu_depth_v2_labeled.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in content.items():
            if isinstance(array, list):
                array = [cell(file, f"{name}{n}", word, h5py) for n, word in enumerate(array)]
                file.create_dataset(name, data=[array], dtype=h5py.ref_dtype)
            elif array is not None:
                file[name] = array
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file")
    savemat(
        folder / "splits.mat", {f"{k}Ndxs": np.array([v], np.uint16).T for k, v in (("train", TRAIN), ("test", TEST))}
    )
    names, classes = [np.array([words], object) for words in (list(CLASS_OF), list(CLASSES))]
    mapped = np.array([list(CLASS_OF.values())], np.uint8)
    savemat(folder / "classMapping40.mat", {"allClassName": names, "mapClass": mapped, "className": classes})
    return path


def cell(file, name, word, h5py):
    """A cell's text, as Matlab keeps it: a column of UTF-16 numbers among the file's references."""
    return file.create_dataset(f"#refs#/{name}", data=np.array([[ord(letter)] for letter in word], np.uint16)).ref
