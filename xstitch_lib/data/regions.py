"""Pictures with the regions that a detector looks at."""

import torch
from torch import Tensor

from xstitch_lib.data.ragged import Ragged
from xstitch_lib.data.tensors import TensorData


def with_regions(
    images: Tensor,
    proposals: Ragged,
    boxes: Ragged,
    labels: Ragged,
    attributes: Ragged,
    difficult: Ragged | None = None,
) -> TensorData:
    """A data set for a network of two inputs, the picture and its regions: proposals, then the true boxes.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        proposals: of (P_n, 4) boxes, left, top, right, bottom edge in pixels (0…W, 0…H).
        boxes: of (K_n, 4), the objects' own, in the same way; K_n may be 0.
        labels: of (K_n,) int64, 0…C-1.
        attributes: of (K_n, A) float, 1, 0, NaN unknown.
        difficult: of (K_n,) bool, objects that nobody is asked to find.

    Returns:
        "image", "boxes", "labels", "attributes" and, if given, "difficult" as they are; "regions" a `Ragged` of
        (P_n + K_n, 4) float32; "object" a `Ragged` of (P_n + K_n,) int64, the row of "boxes" that a region is, -1 for
        all proposals. The inputs are "image" and "regions".

    Raises:
        ValueError: if the samples differ in number, or the rows of one sample in number or in their kind.

    >>> proposals, boxes = Ragged.of([torch.ones(2, 4)]), Ragged.of([torch.zeros(1, 4)])
    >>> data = with_regions(torch.zeros(1, 3, 8, 8), proposals, boxes, Ragged.of([torch.zeros(1).long()]),
    ...                     Ragged.of([torch.ones(1, 5)]))
    >>> data[0]["object"]
    tensor([-1, -1,  0])
    """
    rows = {"labels": labels, "attributes": attributes} | ({} if difficult is None else {"difficult": difficult})
    _check(len(images), proposals, boxes, rows)
    tensors = {"image": images, **regions_of(proposals, boxes), "boxes": boxes, **rows}
    return TensorData(tensors, inputs=("image", "regions"))


def regions_of(proposals: Ragged, boxes: Ragged) -> dict[str, Ragged]:
    """ "regions" and "object" of `with_regions`."""
    none = Ragged(torch.full_like(proposals.sample, -1), proposals.counts)
    objects = Ragged(_places(boxes.counts), boxes.counts)
    regions = _chained(Ragged(proposals.values.float(), proposals.counts), boxes)
    return {"regions": regions, "object": _chained(none, objects)}


def _chained(first: Ragged, then: Ragged) -> Ragged:
    """Each sample's rows of ``first``, before those of ``then``."""
    counts = first.counts + then.counts
    starts = counts.cumsum(0) - counts
    values = first.values.new_empty(len(first.values) + len(then.values), *first.values.shape[1:])
    values[starts[first.sample] + _places(first.counts)] = first.values
    values[(starts + first.counts)[then.sample] + _places(then.counts)] = then.values
    return Ragged(values, counts)


def _places(counts: Tensor) -> Tensor:
    """0…K-1 for each sample."""
    starts = counts.cumsum(0) - counts
    return torch.arange(int(counts.sum()), device=counts.device) - starts.repeat_interleave(counts)


def _check(n: int, proposals: Ragged, boxes: Ragged, rows: dict[str, Ragged]) -> None:
    for name, of in {"proposals": proposals, "boxes": boxes}.items():
        if len(of) != n or of.values.shape[1:] != (4,):
            raise ValueError(f"{n} pictures need {name} of {n} samples with rows (4,), x0 y0 x1 y1; got {of}")
    for name, of in rows.items():
        if not torch.equal(of.counts, boxes.counts):
            raise ValueError(f"{name} need a row for each of the boxes, sample by sample; got {of} for {boxes}")
