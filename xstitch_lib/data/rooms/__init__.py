"""A small procedural world with exact labels: drawn on the spot, nothing to download."""

import hashlib
from collections.abc import Sequence
from functools import cache as once
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from xstitch_lib.data.cache import cached
from xstitch_lib.data.ragged import Ragged
from xstitch_lib.data.regions import with_regions
from xstitch_lib.data.rooms.attributes import ATTRIBUTES, MEANING, OF_DETECTION
from xstitch_lib.data.rooms.furniture import CLASSES
from xstitch_lib.data.rooms.pictures import SPLITS, draw_pictures
from xstitch_lib.data.rooms.proposals import MOST, find_proposals
from xstitch_lib.data.tensors import TensorData

SMALLEST = 16  # pixels of a picture's side
OF_OBJECTS = {"boxes": torch.float, "labels": torch.long, "attributes": torch.float, "pixels": torch.long}


class Objects(NamedTuple):
    """What stands, lies or hangs in one picture: K things of which at least 6 pixels are seen.

    Attributes:
        boxes: (K, 4) float32, left, top, right and bottom edge in pixels (0…W, 0…H), tight around what is seen.
        labels: (K,) int64, 3…18, places in ``Rooms.classes``.
        attributes: (K, A) float32, 1 or 0 for each of ``Rooms.attribute_names``; none is unknown. What each one means
            stands in ``Rooms.meaning``.
        pixels: (K,) int64, how many are seen.
    """

    boxes: Tensor
    labels: Tensor
    attributes: Tensor
    pixels: Tensor


class Rooms(TensorData):
    """Pictures of furnished rooms, with the class and the surface normal of every pixel, and every object.

    Args:
        n: pictures; the first ones are the same for every n.
        seed: ≥ 0, of the split; another seed is another set.
        size: (H, W) in pixels, each at least 16. Another size shows the same scenes.
        split: "train", "validation" or "test"; no scene is in two of them.
        cache: keep the pictures on disk (48 kB each at 48×64), in ``xstitch_lib/`` below ``$XDG_CACHE_HOME`` or
            ``~/.cache``, and read them from there the next time.

    Attributes:
        tensors: "image" (N, 3, H, W) float32 in [0, 1], 8 bits deep; "seg" (N, H, W) int64, 0…18; "normals"
            (N, 3, H, W) float32 unit vectors in the camera's frame (x right, y down, z forward) that point to the
            camera, exact at the pixel's middle.
        beside: "boxes", "labels", "attributes", "pixels" of the `objects`, each a `Ragged`.
        classes, attribute_names: the names of the labels and of the attributes.
        things: the classes from 3 on, those of objects.
        detection_attributes: the names of those attributes that a network can learn and does not know at once.
        meaning: attribute → when a thing has it.

    Raises:
        ValueError: for n < 1, a negative seed, a size below 16×16, or an unknown split.

    A room of 2.8–4.4 × 3–4.6 m is seen from near one of its walls. Classes are told apart by shape and place as much
    as by colour, and are as unequal as in real rooms: half of all pixels are wall, one in 300 is vase.

    >>> rooms = Rooms(n=2, cache=False)
    >>> rooms
    Rooms(split='train', 2 images of 48×64, seed=0)
    >>> rooms[0]["normals"].shape
    torch.Size([3, 48, 64])
    >>> [rooms.classes[label] for label in rooms.objects[0].labels]
    ['door', 'cabinet', 'table', 'box', 'ball', 'vase', 'vase']
    """

    classes = CLASSES
    things = CLASSES[3:]
    attribute_names = ATTRIBUTES
    detection_attributes = OF_DETECTION
    meaning = MEANING

    def __init__(
        self, n: int = 600, seed: int = 0, size: tuple[int, int] = (48, 64), split: str = "train", cache: bool = True
    ):
        _check(n, seed, size, split)
        self.split, self.seed, self.size, self.cache = split, seed, tuple(size), cache
        make = partial(draw_pictures, n, seed, self.size, split)
        arrays = cached("rooms", f"{split} {seed} {self.size} {n} {_version()}", make) if cache else make()
        drawn = {name: torch.from_numpy(array) for name, array in arrays.items()}
        image = drawn["image"].float().div_(255)
        counts = drawn["count"].long()
        super().__init__(
            {"image": image, "seg": drawn["seg"].long(), "normals": drawn["normals"]},
            beside={name: Ragged(drawn[name].to(dtype), counts) for name, dtype in OF_OBJECTS.items()},
        )

    @property
    def objects(self) -> list[Objects]:
        """One `Objects` a picture; together they stand in ``beside`` as `Ragged` tensors."""
        return [Objects(*one) for one in zip(*[self.beside[name] for name in Objects._fields], strict=True)]

    def proposals(self, most: int = MOST) -> Ragged:
        """Where a network should look: the first boxes that selective search finds in each picture.

        Args:
            most: boxes a picture, ≥ 1; some pictures have fewer.

        Returns:
            A `Ragged` of (R_n, 4) float32 edges in pixels, the most promising first; see
            `xstitch_lib.data.small_search.small_search`.

        Raises:
            ValueError: for ``most`` below 1.
            ModuleNotFoundError: if scikit-image is missing, and some of the pictures' boxes come not with the package.

        They depend on the pixels alone. At 48×64, those of the first 200 pictures of seed 1 for training, 50 for
        validation and 100 for test come with the package, up to 128 each; others take 15 ms a picture and core, and
        are kept on disk as the pictures are.
        """
        return find_proposals(self.tensors["image"], most, self.cache)

    def with_regions(
        self, proposals: Ragged | None = None, attributes: Sequence[str] = detection_attributes
    ) -> TensorData:
        """The pictures with their objects as a network of regions learns them; see `xstitch_lib.data.with_regions`.

        Args:
            proposals: of (R_n, 4) boxes, one sample a picture; None, those of `proposals`.
            attributes: the names of those to learn, in the order of their columns.

        Raises:
            ValueError: for an unknown attribute, or proposals of another number of pictures.

        "labels" are 0…15, places in ``Rooms.things``.

        >>> rooms = Rooms(n=2, cache=False)
        >>> rooms.with_regions(rooms.beside["boxes"])  # a network that is told where to look
        TensorData(2 samples: image (3, 48, 64), regions ('K', 4), object ('K',), boxes ('K', 4), labels ('K',),
            attributes ('K', 35))
        """
        unknown = [name for name in attributes if name not in self.attribute_names]
        if unknown:
            raise ValueError(f"Rooms has no attribute {unknown[0]!r}; it has {', '.join(self.attribute_names)}")
        boxes, labels, known = [self.beside[name] for name in ("boxes", "labels", "attributes")]
        columns = known.values[:, [self.attribute_names.index(name) for name in attributes]]
        return with_regions(
            self.tensors["image"],
            self.proposals() if proposals is None else proposals,
            boxes,
            Ragged(labels.values - self.classes.index(self.things[0]), labels.counts),
            Ragged(columns, known.counts),
        )

    def __repr__(self) -> str:
        height, width = self.size
        return f"Rooms(split={self.split!r}, {len(self)} images of {height}×{width}, seed={self.seed})"


def _check(n: int, seed: int, size: tuple[int, int], split: str) -> None:
    if split not in SPLITS:
        raise ValueError(f"split must be 'train', 'validation' or 'test'; got {split!r}")
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"n, how many pictures to draw, must be an integer of at least 1; got {n!r}")
    if not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed must be an integer of at least 0; got {seed!r}")
    sides = isinstance(size, list | tuple) and len(size) == 2 and all([isinstance(side, int) for side in size])
    if not sides or min(size) < SMALLEST:
        raise ValueError(f"size must be two integers (height, width), each at least {SMALLEST}; got {size!r}")


@once
def _version() -> str:
    """Of the generator: of its source and of NumPy, whose random streams may change."""
    source = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return f"{hashlib.sha256(b''.join(source)).hexdigest()} {np.__version__}"
