"""The embeddings of the re-implementation's second experiment: its two files, fetched, checked and converted."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np

from xstitch_lib.data.faces.pickles import read_pickle
from xstitch_lib.files import replacing

COMMIT = "430e19ec3bade06116778038328773374efe5623"
URL = f"https://raw.githubusercontent.com/helloyide/Cross-stitch-Networks-for-Multi-task-Learning/{COMMIT}/"
SHA256 = {
    "saved_data": "a5b0176a962cf0b271ad2d25a901c478dab84e4c5cfebee3f64bfa895fb4f9cc",
    "saved_data_flip": "07ed423f25725ff8a00a8f83c4fd4863f28948179101f300498eacc36d199f1d",
}
FILE = "embeddings.npz"
SIZE = 128  # numbers of an embedding
FIELDS = {"image_path": str, "gender": str, "age_young": (bool, np.bool_), "embedding": np.ndarray}
BY_HAND = (
    f"put {' and '.join(SHA256)} of {URL} into a folder, then xs.data.faces.prepare(folder, root) makes {FILE}, which "
    "FaceEmbeddings(root) reads"
)


def download(folder: str | Path) -> Path:
    """Fetch the re-implementation's two files, 5 MB, with pooch, and check them.

    Args:
        folder: where to. A file that is there is checked, not fetched again.

    Returns:
        the folder, the first argument of `prepare`.

    Raises:
        ModuleNotFoundError, RuntimeError: if pooch, or the network, is missing.
    """
    try:
        import pooch
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"to download the embeddings, `pip install pooch`; or {BY_HAND}") from error
    folder = Path(folder).expanduser()
    for name, sha256 in SHA256.items():
        try:
            pooch.retrieve(URL + name, known_hash=sha256, fname=name, path=folder)
        except OSError as error:
            raise RuntimeError(f"could not download {URL}{name} ({error}); {BY_HAND}") from error
    return folder


def prepare(folder: str | Path, root: str | Path) -> Path:
    """Make the file that `FaceEmbeddings` reads of the re-implementation's two pickles, which are never unpickled.

    Args:
        folder: holds ``saved_data`` and ``saved_data_flip``, as `download` leaves them.
        root: where ``embeddings.npz`` is written.

    Returns:
        its path.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if one is not the original, holds more than data (`read_pickle`), or the two do not fit.
    """
    found, flipped = [_entries(Path(folder).expanduser() / name, sha256) for name, sha256 in SHA256.items()]
    labels, others = [[_labels(one) for one in entries] for entries in (found, flipped)]
    if labels != others:
        raise ValueError(f"{' and '.join(SHA256)} in {folder} are not of the same pictures: download both again")
    people = {name: number for number, name in enumerate(dict.fromkeys([who for who, _, _ in labels]))}
    arrays = {
        "embedding": np.stack([one["embedding"] for one in found]).astype(np.float32),
        "flipped": np.stack([one["embedding"] for one in flipped]).astype(np.float32),
        "female": np.array([gender == "f" for _, gender, _ in labels]),
        "young": np.array([young for _, _, young in labels]),
        "person": np.array([people[who] for who, _, _ in labels], np.int16),
    }
    path = Path(root).expanduser() / FILE
    with replacing(path) as file:
        np.savez_compressed(file, **arrays)
    return path


def _entries(path: Path, sha256: str) -> Sequence[Mapping[str, Any]]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: xs.data.faces.download(folder) fetches it, or {BY_HAND}")
    content = path.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise ValueError(f"{path} is not the original file: its sha256 is {found}, not {sha256}; download it again")
    entries = read_pickle(content, str(path))
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{path} holds a {type(entries).__name__}, not a list of pictures: download it again")
    for place, one in enumerate(entries):
        fits = isinstance(one, dict) and all([isinstance(one.get(name), kind) for name, kind in FIELDS.items()])
        if not fits or one["embedding"].shape != (SIZE,) or one["gender"] not in ("f", "m"):
            raise ValueError(f"entry {place} of {path} is not one of {', '.join(FIELDS)}: download the file again")
    return entries


def _labels(one: Mapping[str, Any]) -> tuple[str, str, bool]:
    """The person, who is the folder of the picture, the gender, and whether young."""
    *_, person, _ = ["", *one["image_path"].replace("\\", "/").split("/")]
    return person, one["gender"], bool(one["age_young"])


class Arrays(NamedTuple):
    """What the file holds; see `FaceEmbeddings`."""

    embedding: np.ndarray
    flipped: np.ndarray
    female: np.ndarray
    young: np.ndarray
    person: np.ndarray


def read(path: Path) -> Arrays:
    """The arrays of a prepared file.

    Raises:
        ValueError: if it is damaged or another file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = Arrays(*[file[name] for name in Arrays._fields])
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise ValueError(f"{path} is damaged or another file ({error}): prepare it again; {BY_HAND}") from error
    count = len(arrays.person)
    wanted = Arrays(*[(count, SIZE)] * 2, *[(count,)] * 3)
    if found := [name for name in Arrays._fields if getattr(arrays, name).shape != getattr(wanted, name)]:
        shape = getattr(arrays, found[0]).shape
        raise ValueError(f"{found[0]!r} in {path} has the shape {shape}: prepare the file again; {BY_HAND}")
    return arrays
