"""Boxes: how a region is moved onto an object, what belongs to which object, and what boxes must be."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from xstitch_lib.data.ragged import Ragged
from xstitch_lib.tasks.labels import required

BACKGROUND = -1  # in "object": the region stands for none
DEVIATIONS = (0.1, 0.1, 0.2, 0.2)  # by which offsets are divided, so that a loss of 1 is large
LARGEST = math.log(1000 / 16)  # growth of a side, so that exp stays finite


class Mark(NamedTuple):
    """What is drawn on a picture: a box (left, top, right, bottom edge in pixels) and a word beside it."""

    box: tuple[float, float, float, float]
    text: str


def offsets(regions: Tensor, boxes: Tensor) -> Tensor:
    """How far regions (R, 4) are from boxes (R, 4), in parts of the region: (R, 4), each divided by `DEVIATIONS`.

    x and y of the middle in the region's width and height, then the logarithms of the two sides' ratios.

    >>> offsets(torch.tensor([[0.0, 0.0, 10.0, 10.0]]), torch.tensor([[1.0, 0.0, 11.0, 10.0]]))
    tensor([[1., 0., 0., 0.]])

    Source: Girshick et al., "Rich feature hierarchies for accurate object detection", CVPR 2014, appendix C.
    """
    at, size = _middle(regions)
    to, new = _middle(boxes)
    return torch.cat([(to - at) / size, (new / size).log()], 1) / regions.new_tensor(DEVIATIONS)


def moved(regions: Tensor, by: Tensor) -> Tensor:
    """The boxes (R, K, 4) that are ``by`` (R, K, 4) from regions (R, 4): the way back from `offsets`."""
    at, size = [x[:, None] for x in _middle(regions)]
    by = by * by.new_tensor(DEVIATIONS)
    middle, half = at + size * by[..., :2], size * by[..., 2:].clamp(max=LARGEST).exp() / 2
    return torch.cat([middle - half, middle + half], -1)


def _middle(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]


def overlaps(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes (N, 4) and (M, 4): (N, M); of a picture without boxes it has no columns."""
    from_, to = torch.max(a[:, None, :2], b[:, :2]), torch.min(a[:, None, 2:], b[:, 2:])
    both = (to - from_).clamp(min=0).prod(2)
    area_a, area_b = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (a, b)]
    return both / (area_a[:, None] + area_b - both).clamp(min=1e-9)


def of_objects(batch: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """The regions that stand for an object: their rows (F,) in all regions, and the objects' (F,) in all objects."""
    objects, boxes = batch["object"], batch["boxes"]
    rows = (objects.values != BACKGROUND).nonzero().flatten()
    first = (boxes.counts.cumsum(0) - boxes.counts)[objects.sample[rows]]
    return rows, first + objects.values[rows]


def check_regions(name: str, tensors: Mapping[str, Any]) -> None:
    """A ValueError if samples lack boxes and regions as a task on regions wants them; see `Detection`."""
    for part in ("boxes", "regions"):
        boxes = required(name, part, tensors)
        if not isinstance(boxes, Ragged) or boxes.values.shape[1:] != (4,) or not boxes.values.is_floating_point():
            raise ValueError(
                f"task {name!r} needs {part!r} as a Ragged of floating-point boxes (K, 4); got {_kind(boxes)}: make it "
                "with Ragged.of"
            )
        edges = boxes.values
        wrong = ~(edges.isfinite().all(1) & (edges[:, 2:] > edges[:, :2]).all(1))
        if wrong.any():
            first = wrong.nonzero()[0, 0]
            raise ValueError(
                f"task {name!r} needs {part!r} with a left edge before the right one and a top above the bottom; got "
                f"{int(wrong.sum())} others, the first {edges[first].tolist()} in sample {int(boxes.sample[first])}"
            )
    check_rows(name, "object", required(name, "object", tensors), tensors["regions"], ())
    objects = tensors["object"]
    most = tensors["boxes"].counts[objects.sample]
    if ((objects.values < BACKGROUND) | (objects.values >= most)).any():
        raise ValueError(
            f"task {name!r} needs 'object' to be the place of a box among its picture's, or {BACKGROUND} for none; got "
            f"{int(objects.values.max())} where there are {int(most[objects.values.argmax()])} boxes"
        )


def check_rows(name: str, part: str, found: Any, like: Ragged, shape: tuple[int, ...]) -> None:
    """A ValueError if ``found`` is not a Ragged with one row of ``shape`` for each of ``like``."""
    fits = isinstance(found, Ragged) and tuple(found.values.shape[1:]) == shape
    if not fits or not torch.equal(found.counts, like.counts):
        raise ValueError(
            f"task {name!r} needs {part!r} as a Ragged with rows of shape {shape}, one for each box or "
            f"region of a picture; got {_kind(found)}"
        )


def _kind(x: Any) -> str:
    return repr(x) if isinstance(x, Ragged) else f"a {type(x).__name__}"
