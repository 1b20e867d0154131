"""From the official file of labelled frames to the folder that `NYUv2` reads."""

import warnings
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from xstitch_lib.data.nyuv2.frames import pillow
from xstitch_lib.data.nyuv2.geometry import normals_from_depth
from xstitch_lib.data.nyuv2.layout import CLASSES, FILES, OFFICIAL, held_out
from xstitch_lib.data.nyuv2.official import Labelled, open_labelled, read_mapping, read_splits
from xstitch_lib.files import replacing

FORMATS = {"image": {"quality": 95, "subsampling": 0}, "seg": {}, "normals": {"quality": 95, "subsampling": 0}}


def prepare(
    mat_file: str | Path, folder: str | Path, splits: str | Path | None = None, mapping: str | Path | None = None
) -> Path:
    """Make the folder of prepared frames, at half the official resolution.

    Args:
        mat_file: the official ``nyu_depth_v2_labeled.mat``; `download` fetches it.
        folder: where to; it is made if need be. Frames that are there already are left as they are, so an
            interrupted call goes on when it is repeated.
        splits, mapping: the official ``splits.mat`` and ``classMapping40.mat``; None, those beside ``mat_file``.

    Returns:
        ``folder``. It has ``image/NNNN.jpg``, means of 2×2 pixels, ``label40/NNNN.png``, 0 where unlabelled, else the
        class 1…40 of the bottom right of 2×2 pixels, and ``normal/NNNN.jpg``, ``127 * n + 128`` of
        `normals_from_depth` at that same pixel, for NNNN from 0001 to 1449; ``classes.txt`` with number, name and
        labelled pixels in the official resolution; and, written last, ``test.txt`` and ``train.txt``, without which
        `NYUv2` refuses a folder, so that one that is not finished is not mistaken for one that is.

    Raises:
        FileNotFoundError: if a file is missing; the message tells where it comes from.
        ValueError: if one is cut off or another file.
        ModuleNotFoundError: if h5py, Pillow or SciPy is missing.

    The official depth was filled in where the Kinect measured none, so normals are known everywhere, but not all are
    measured. JPEG loses a little: in the median a normal moves by 0.6 degrees, and by 4 in one pixel of a hundred.
    Every file is written whole or not at all. About 4 minutes on one CPU core.
    """
    mat_file, folder = Path(mat_file).expanduser(), Path(folder).expanduser()
    splits = Path(splits or mat_file.with_name("splits.mat"))
    mapping = Path(mapping or mat_file.with_name("classMapping40.mat"))
    with open_labelled(mat_file) as labelled:
        lists, table = read_splits(splits), read_mapping(mapping, labelled.names)
        _warn_of_shared_rooms(labelled.scenes, lists["train"])
        pixels = np.zeros(len(CLASSES) + 1, np.int64)
        for number in tqdm(range(1, sum(OFFICIAL.values()) + 1), desc="preparing NYU-v2", disable=None):
            labels = table[labelled.labels(number)]
            pixels += np.bincount(labels.flatten(), minlength=len(pixels))
            _write_frame(folder, number, labels, labelled)
    lines = [f"{place} {name} {pixels[place]}" for place, name in enumerate(CLASSES, start=1)]
    _write(folder / "classes.txt", "\n".join(lines) + "\n")
    for name in ("test", "train"):
        _write(folder / f"{name}.txt", "".join([f"{number:04d}\n" for number in lists[name]]))
    return folder


def _write_frame(folder: Path, number: int, labels: np.ndarray, labelled: Labelled) -> None:
    arrays = {
        "image": lambda: _halved(labelled.image(number)),
        "seg": lambda: labels[1::2, 1::2],
        "normals": lambda: _normals(labelled.depth(number)),
    }
    for name, file in FILES.items():
        path = folder / file.format(number)
        if not path.exists():
            _save(path, arrays[name](), **FORMATS[name])


def _halved(image: np.ndarray) -> np.ndarray:
    height, width, channels = image.shape
    return image.reshape(height // 2, 2, width // 2, 2, channels).mean((1, 3)).round().astype(np.uint8)


def _normals(depth: np.ndarray) -> np.ndarray:
    normals = normals_from_depth(torch.from_numpy(np.ascontiguousarray(depth)), stride=2)
    return (127 * normals + 128).round().byte().permute(1, 2, 0).numpy()


def _save(path: Path, array: np.ndarray, **options: int) -> None:
    picture = pillow().fromarray(np.ascontiguousarray(array))
    with replacing(path) as file:
        picture.save(file, {".jpg": "JPEG", ".png": "PNG"}[path.suffix], **options)


def _write(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())


def _warn_of_shared_rooms(scenes: list[str], train: list[int]) -> None:
    if not scenes:
        return
    validation = {*held_out(train)}
    rooms = {part: {scenes[n - 1] for n in train if (n in validation) == part} for part in (True, False)}
    if shared := sorted(rooms[True] & rooms[False]):
        warnings.warn(
            f"{len(shared)} rooms, {shared[0]} among them, are in both the validation and the training part of "
            "NYUv2's split: validation results are somewhat too good",
            stacklevel=3,
        )
