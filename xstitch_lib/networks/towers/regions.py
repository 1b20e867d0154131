"""Pooling the part of a map that a region sees: the layer that makes a picture's network one of regions."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from xstitch_lib.data.ragged import Ragged


class RegionLayer(nn.Module):
    """What the two ways of pooling regions have in common.

    Args:
        size: s, of the pooled map.
        stride: pixels of the picture from one place of the map to the next.

    Shape:
        a map (B, C, h, w) and the regions of its B pictures, a `Ragged` or a list of (R_b, 4) boxes, left, top, right
        and bottom edge in pixels → (R, C, s, s), the regions of the first picture, then those of the second, …
    """

    def __init__(self, size: int, stride: int):
        super().__init__()
        self.size, self.stride = size, stride

    def extra_repr(self) -> str:
        return f"size={self.size}, stride={self.stride}"

    def forward(self, x: Tensor, regions: Ragged | Sequence[Tensor]) -> Tensor:
        regions = regions if isinstance(regions, Ragged) else Ragged.of([*regions])
        if len(regions) != len(x) or regions.values.shape[1:] != (4,):
            raise ValueError(
                f"a map of {len(x)} pictures needs as many lists of regions (R, 4), left, top, right and bottom edge; "
                f"got {regions}"
            )
        return self.pool(x, regions)

    def pool(self, x: Tensor, regions: Ragged) -> Tensor:
        """The pooled maps of regions that fit."""
        raise NotImplementedError


class RegionPool(RegionLayer):
    """Fast R-CNN's own: a region's edges are rounded to whole places, the largest value of each of s×s bins is kept.

    Needs torchvision.

    Source: Girshick, "Fast R-CNN", ICCV 2015, section 2.1.
    """

    def pool(self, x: Tensor, regions: Ragged) -> Tensor:
        from torchvision.ops import roi_pool

        boxes = torch.cat([regions.sample[:, None].to(regions.values), regions.values], 1)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # it has no bfloat16 on CPUs
        return roi_pool(wide, boxes.to(wide), self.size, 1 / self.stride).to(x)


class RegionAlign(RegionLayer):
    """Nothing is rounded: each of s×s bins is the mean of 2×2 values, interpolated bilinearly.

    On a map as small as that of 48×64 pixels, rounding a region's edges loses 3 points of average precision. The same
    numbers as torchvision's ``roi_align(…, sampling_ratio=2, aligned=True)``; as two products with a matrix an axis,
    since a region's weights are the product of those of its rows and columns, it takes a fifth of the time on a CPU.

    Source: He et al., "Mask R-CNN", ICCV 2017, section 3.
    """

    samples = 2  # in each direction of a bin

    def pool(self, x: Tensor, regions: Ragged) -> Tensor:
        height, width = x.shape[2:]
        rows = self._weights(regions.values[:, 1::2], height).to(x)
        columns = self._weights(regions.values[:, 0::2], width).to(x)
        maps = x.permute(0, 2, 3, 1)  # (B, h, w, C), in memory so where convolutions are channels_last
        tall = _each_picture(rows, regions, maps.flatten(2)).unflatten(2, (width, x.shape[1]))
        return (columns[:, None] @ tall).permute(0, 3, 1, 2)

    def _weights(self, edges: Tensor, cells: int) -> Tensor:
        """(R, 2) first and last edge along an axis of so many cells → (R, s, cells), each bin's weight on each cell."""
        first, last = (edges.float() / self.stride).unbind(1)
        steps = torch.arange(self.size * self.samples, device=edges.device) + 0.5
        at = first[:, None] + (last - first)[:, None] * steps / len(steps) - 0.5
        at = at.clamp(0, cells - 1)[..., None]
        near = (1 - (at - torch.arange(cells, device=edges.device)).abs()).clamp(min=0)
        return near.view(len(edges), self.size, self.samples, cells).mean(2)


def _each_picture(rows: Tensor, regions: Ragged, maps: Tensor) -> Tensor:
    """The product of each region's rows (R, s, h) with the map (B, h, n) of its picture: (R, s, n).

    One product for all pictures, each with as many regions as the one that has most.
    """
    most, (_, side, height) = int(regions.counts.max()) if len(regions) else 0, rows.shape
    if most * len(regions) == len(rows):  # all pictures have as many, as most have in training
        return (rows.view(len(maps), most * side, height) @ maps).view(len(rows), side, maps.shape[2])
    skipped = (most - regions.counts).cumsum(0) - most + regions.counts
    place = torch.arange(len(rows), device=rows.device) + skipped[regions.sample]
    padded = rows.new_zeros(most * len(maps), side, height).index_copy(0, place, rows)
    products = padded.view(len(maps), most * side, height) @ maps
    return products.view(-1, side, maps.shape[2]).index_select(0, place)
