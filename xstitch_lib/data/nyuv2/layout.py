"""A folder of prepared NYU-v2 frames: what lies where, and which frame is in which split."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

SIZE = (240, 320)  # of a prepared frame, half of the original
OFFICIAL = {"train": 795, "test": 654}  # frames of the official split
FILES = {"image": "image/{:04d}.jpg", "seg": "label40/{:04d}.png", "normals": "normal/{:04d}.jpg"}
SPLITS = ("train", "validation", "test")
CLASSES = (
    *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf", "picture"),
    *("counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror", "floor mat", "clothes"),
    *("ceiling", "books", "refridgerator", "television", "paper", "towel", "shower curtain", "box", "whiteboard"),
    *("person", "night stand", "toilet", "sink", "lamp", "bathtub", "bag"),
    *("otherstructure", "otherfurniture", "otherprop"),
)
MAT = "nyu_depth_v2_labeled.mat"
STEPS = (
    "on a machine with network, xs.data.nyuv2.download(folder) fetches the official files (2.8 GB) into a folder; "
    f'then xs.data.nyuv2.prepare(folder + "/{MAT}", root) makes the frames, and NYUv2(root) reads them'
)


def find(root: str | Path | None) -> Path:
    """The folder of the prepared frames; None, ``nyuv2`` in the folder that the variable XSTITCH_DATA names.

    Raises:
        FileNotFoundError: if there is none, or it is another data set's.
    """
    if root is None and not os.environ.get("XSTITCH_DATA"):
        raise FileNotFoundError(
            "NYUv2 needs root=, a folder of prepared frames, or the environment variable XSTITCH_DATA, a folder with "
            f"nyuv2/ in it; got neither: {STEPS}"
        )
    folder = Path(os.environ["XSTITCH_DATA"], "nyuv2") if root is None else Path(root).expanduser()
    wanted = ["train.txt", "test.txt", "classes.txt", *[file.split("/")[0] for file in FILES.values()]]
    missing = [name for name in wanted if not (folder / name).exists()]
    if missing:
        raise FileNotFoundError(
            f"{folder} is not a folder of prepared NYU-v2 frames, it lacks {', '.join(missing)}: {STEPS}"
        )
    _check_classes(folder / "classes.txt")
    return folder


def read_split(folder: Path, split: str) -> list[int]:
    """The official numbers of a split's frames, in order.

    "test" is the official one. "validation" is taken out of the official training frames by `held_out`, "train" is
    the rest.

    Raises:
        ValueError: if train.txt and test.txt are no split of all frames.
    """
    lists = {name: _read_list(folder / f"{name}.txt") for name in OFFICIAL}
    check_lists(lists, folder)
    validation = held_out(lists["train"])
    lists |= {"validation": validation, "train": sorted({*lists["train"]} - {*validation})}
    return lists[split]


def held_out(train: Sequence[int]) -> list[int]:
    """The frames for validation: of the runs of consecutive numbers among ``train``, every eighth from the third on.

    The videos' frames are numbered in their order and the official split keeps a room on one side. So what lies between
    two test frames are whole rooms, and no room should be in both training and validation. The prepared folder has
    no names of rooms to choose by; `prepare` has, and warns if a room is in both. Of the 795 official training
    frames, in 123 runs, these are 96, in 16 runs; third and eighth were chosen for that number and because all 40
    classes are in both parts, in about the same shares.
    """
    runs: list[list[int]] = []
    for frame in sorted(train):
        if not runs or frame != runs[-1][-1] + 1:
            runs.append([])
        runs[-1].append(frame)
    return [frame for run in runs[2::8] for frame in run]


def check_lists(lists: Mapping[str, Sequence[int]], where: Path) -> None:
    """A ValueError if the lists "train" and "test" are not a split of all frames."""
    frames = sum(OFFICIAL.values())
    for name, numbers in lists.items():
        outside = [number for number in numbers if not 1 <= number <= frames]
        twice = [number for number, times in Counter(numbers).items() if times > 1]
        wrong = (
            (f"names frame {outside[0]}, but frames are 1 to {frames}" if outside else "")
            or (f"names frame {twice[0]} twice" if twice else "")
            or (f"has {len(numbers)} frames, not {OFFICIAL[name]}" if len(numbers) != OFFICIAL[name] else "")
        )
        if wrong:
            raise ValueError(f"the {name} list in {where} {wrong}: {_REPAIR}")
    both = sorted(set(lists["train"]) & set(lists["test"]))
    if both:
        raise ValueError(f"frame {both[0]} is in both the train and the test list in {where}: {_REPAIR}")


_REPAIR = "take the two lists from the official splits.mat, which is what xs.data.nyuv2.prepare does"


def _read_list(path: Path) -> list[int]:
    words = path.read_text().split()
    wrong = [word for word in words if not word.isdecimal()]
    if wrong:
        raise ValueError(f"{path.name} in {path.parent} must hold frame numbers; got {wrong[0]!r}: {_REPAIR}")
    return [int(word) for word in words]


def _check_classes(path: Path) -> None:
    names = [line.strip().split(" ", 1)[-1].rsplit(" ", 1)[0] for line in path.read_text().splitlines()]
    if tuple(names) != CLASSES:
        raise ValueError(
            f"{path.name} in {path.parent} must list the 40 classes, a line each as '1 wall 95238428'; got "
            f"{len(names)} lines that begin with {', '.join(names[:3])}: prepare the folder again"
        )
