"""aPascal: the objects of VOC 2008's photographs, each with its box, its class and 64 attributes.

Farhadi, Endres, Hoiem and Forsyth, "Describing Objects by their Attributes", CVPR 2009; the pictures are those of the
PASCAL Visual Object Classes Challenge 2008 by Everingham, Van Gool, Williams, Winn and Zisserman.
"""

import os
from pathlib import Path

import torch
from torch import Tensor

from xstitch_lib.data.apascal.download import download
from xstitch_lib.data.apascal.layout import ATTRIBUTES, CLASSES, LISTS, Folder, find, part
from xstitch_lib.data.apascal.lists import AGAIN, Object, difficult, read_list
from xstitch_lib.data.apascal.pictures import measured, padded, read, scaled
from xstitch_lib.data.proposals import proposals as searched
from xstitch_lib.data.ragged import Ragged
from xstitch_lib.data.regions import regions_of
from xstitch_lib.data.source import Batch
from xstitch_lib.data.tensors import TensorData

__all__ = ["APascal", "download"]

SMALLEST = 32  # pixels of a picture's shorter side
INPUTS = ("image", "regions")


class APascal(TensorData):
    """Photographs with boxes around their objects, the classes of these and their attributes, and proposals.

    Args:
        root: a folder with the two lists and the pictures, as `download` leaves it; None, the folder ``voc2008`` in
            the one that the variable XSTITCH_DATA names.
        split: "train", "validation" or "test", 1690, 423 and 2227 pictures. The test list holds VOC 2008's validation
            pictures; every fifth picture of the training list is for validation (see `layout.part`).
        size: pixels of the shorter side that pictures are brought to; the longer one is at most 5/3 of it, and the
            shorter one smaller where a picture is longer than that.
        allow_missing: leave out pictures that are not there. A part of VOC 2008 may be of other classes than the whole.
        proposals: the most of them a picture, see `xstitch_lib.data.proposals`; they are made once (0.4 seconds a
            picture) and kept. 0: none, regions are the true boxes alone, and no OpenCV is needed.

    Attributes:
        tensors: as stored. "image", a `Ragged` of bytes, and "size" (N, 2), width and height; "regions", "object",
            "boxes", "labels", "attributes", "difficult" as below.
        missing: how many pictures of the split are not there.
        has_difficult: whether VOC's annotations, which alone say what is difficult, were there.
        pictures: the samples' names.
        classes, attribute_names: of the 20 labels and the 64 attributes.

    Samples and batches are decoded where the data lie: "image" (B, 3, H, W) float32 in [0, 1], as large as the largest
    of the batch, ImageNet's mean colour to the right of the others and below. A different number a picture, as
    `Ragged`: "regions" (R, 4) float32, the proposals, then the true boxes; "object" (R,) int64, which of the picture's
    objects a region is the box of, -1 for the proposals; "boxes" (K, 4) float32; "labels" (K,) int64, 0…19;
    "attributes" (K, 64) float32, 1 or 0; "difficult" (K,) bool, False where nothing is known. Boxes are x0, y0, x1, y1,
    edges in pixels: VOC's numbers count pixels from 1 and name the last one inside, so 1 is subtracted from the first
    two.

    The pictures are read once, with Pillow: at 400 about 10 ms and 640 kB each.

    Raises:
        ValueError: for an unknown split, a size below 32, a line that is none of aPascal's, a box outside its picture,
            or a file that is damaged.
        FileNotFoundError: if the folder, or a picture without ``allow_missing``, is not there.
        ModuleNotFoundError: if Pillow, or for proposals OpenCV, is missing.
    """

    classes = CLASSES
    attribute_names = ATTRIBUTES

    def __init__(
        self,
        root: str | Path | None = None,
        split: str = "train",
        size: int = 400,
        allow_missing: bool = False,
        proposals: int = 2000,
    ):
        _check(split, size, proposals)
        folder = find(root)
        path = folder.lists / LISTS[split]
        listed = read_list(path)
        wanted = part([*listed], split)
        names = _those_there(folder, wanted, path, allow_missing)
        self.split, self.size, self.missing = split, size, len(wanted) - len(names)
        self.has_difficult = folder.annotations.is_dir()
        objects, files = [listed[name] for name in names], [folder.pictures / f"{name}.jpg" for name in names]
        original = measured(files)
        _check_inside(objects, original, path)
        sizes = scaled(original, size)
        labels = _labels(objects, (sizes / original).repeat(1, 2))
        labels["difficult"] = _difficult(folder, names, objects) if self.has_difficult else _nothing(labels["labels"])
        image = read(files, sizes)
        regions = _regions(files, original, sizes, labels["boxes"], proposals)
        super().__init__({"image": image, "size": sizes, **regions, **labels}, INPUTS, {"numbers": _numbers(names)})

    def __repr__(self) -> str:
        missing = f", {self.missing} missing" if self.missing else ""
        return f"APascal(split={self.split!r}, {len(self)} pictures{missing})"

    @property
    def pictures(self) -> tuple[str, ...]:
        """The samples' names, such as "2008_000008"."""
        return tuple([f"{year}_{number:06d}" for year, number in self.beside["numbers"].tolist()])

    def decode(self, batch: Batch) -> Batch:
        """Stored bytes as images in [0, 1], those of a batch padded to one size; other names pass."""
        size, image = batch.get("size"), batch.get("image")
        decoded = {name: x for name, x in batch.items() if name != "size"}
        if isinstance(image, Ragged):
            decoded["image"] = padded(image, size)
        elif image is not None:
            decoded["image"] = padded(Ragged.of([image]), size.unsqueeze(0))[0]
        return decoded

    def counts(self) -> dict[str, dict[str, int]]:
        """How many objects each class has, under "labels", and each attribute, under "attributes"."""
        labels = self.tensors["labels"].values.bincount(minlength=len(CLASSES)).tolist()
        positives = self.tensors["attributes"].values.sum(0).long().tolist()
        return {
            "labels": dict(zip(CLASSES, labels, strict=True)),
            "attributes": dict(zip(ATTRIBUTES, positives, strict=True)),
        }


def _check(split: str, size: int, proposals: int) -> None:
    if split not in LISTS:
        raise ValueError(f"split must be 'train', 'validation' or 'test'; got {split!r}")
    if not isinstance(size, int) or size < SMALLEST:
        raise ValueError(f"size, pixels of the shorter side, must be an integer of at least {SMALLEST}; got {size!r}")
    if not isinstance(proposals, int) or proposals < 0:
        raise ValueError(f"proposals, the most of them a picture, must be an integer of at least 0; got {proposals!r}")


def _those_there(folder: Folder, wanted: list[str], path: Path, allow_missing: bool) -> list[str]:
    files = {*os.listdir(folder.pictures)} if folder.pictures.is_dir() else set()
    names = [name for name in wanted if f"{name}.jpg" in files]
    if not names or (len(names) < len(wanted) and not allow_missing):
        raise FileNotFoundError(
            f"{len(wanted) - len(names)} of the {len(wanted)} pictures that {path} names for this split are missing in "
            f"{folder.pictures}: xs.data.apascal.download({str(folder.lists)!r}) fetches them, and "
            "APascal(allow_missing=True) does with those that are there"
        )
    return names


def _check_inside(objects: list[list[Object]], sizes: Tensor, path: Path) -> None:
    for some, (width, height) in zip(objects, sizes.tolist(), strict=True):
        for each in some:
            if each.box[2] > width or each.box[3] > height:
                raise ValueError(
                    f"line {each.line} of {path} has a box that ends at {each.box[2]:g}, {each.box[3]:g}, but its "
                    f"picture is {width}×{height}: {AGAIN}"
                )


def _labels(objects: list[list[Object]], scale: Tensor) -> dict[str, Ragged]:
    counts, every = torch.tensor([len(some) for some in objects]), [each for some in objects for each in some]
    boxes = torch.tensor([each.box for each in every]) - torch.tensor([1.0, 1, 0, 0])
    return {
        "boxes": Ragged(boxes * scale.repeat_interleave(counts, 0), counts),
        "labels": Ragged(torch.tensor([each.label for each in every]), counts),
        "attributes": Ragged(torch.tensor([each.attributes for each in every]).float(), counts),
    }


def _difficult(folder: Folder, names: list[str], objects: list[list[Object]]) -> Ragged:
    flags = [difficult(folder.annotations / f"{name}.xml", some) for name, some in zip(names, objects, strict=True)]
    return Ragged.of([torch.tensor(some) for some in flags])


def _nothing(labels: Ragged) -> Ragged:
    return Ragged(torch.zeros_like(labels.values, dtype=torch.bool), labels.counts)


def _regions(files: list[Path], original: Tensor, sizes: Tensor, boxes: Ragged, most: int) -> dict[str, Ragged]:
    """The proposals and then the true boxes of each picture, and which of its objects each of them is."""
    none = Ragged(torch.zeros(0, 4), torch.zeros(len(files), dtype=torch.long))
    found = searched(files, most=most) if most else none
    found = Ragged(found.values * (sizes / original).repeat(1, 2)[found.sample], found.counts)
    return regions_of(found, boxes)


def _numbers(names: list[str]) -> Tensor:
    """(N, 2) int64: VOC's names are a year and a number."""
    return torch.tensor([[int(part) for part in name.split("_")] for name in names])
