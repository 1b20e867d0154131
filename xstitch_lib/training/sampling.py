"""Which regions of a picture a step looks at: Fast R-CNN's sampling, once for all tasks."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from xstitch_lib.data.ragged import Ragged
from xstitch_lib.data.source import Batch
from xstitch_lib.tasks.boxes import BACKGROUND, overlaps

FOREGROUND, HARD = 0.5, 0.1  # intersection over union from which on a region is an object, and is nearly one
LARGE = 1_000_003  # seeds of one run lie apart from those of the next


def sample_regions(count: int = 64, foreground: float = 0.25) -> "SampledRegions":
    """An augmentation that draws ``count`` of each picture's regions, and tells which object each stands for.

    Args:
        count: of a picture that has as many.
        foreground: at most so large a share stands for objects, the rest is background.

    A region stands for the object that it overlaps most, if by at least one half (intersection over union); the
    background is first taken from those with 0.1 to 0.5, then from the others. All are drawn evenly; the true boxes
    are among them, as in Fast R-CNN. What is drawn depends on ``fit``'s seed and on how many batches were drawn
    before, not on the network or its other randomness, so that all arms of a seed see the same, and a resumed run goes
    on with what comes next.

    >>> regions, boxes = torch.tensor([[0.0, 0, 9, 9], [0, 0, 9, 7], [20, 20, 30, 30]]), torch.tensor([[0.0, 0, 9, 9]])
    >>> batch = {"image": torch.zeros(1, 3, 32, 32), "regions": Ragged.of([regions]), "boxes": Ragged.of([boxes])}
    >>> sample_regions(count=4).begin(seed=0)(batch)["object"].values  # one of the two at the box, and the other
    tensor([ 0, -1])

    Source: Girshick, "Fast R-CNN", ICCV 2015, section 2.3; the paper's section 6.1.
    """
    return SampledRegions(count, foreground)


class SampledRegions:
    """See `sample_regions`."""

    def __init__(self, count: int, foreground: float, seed: int = 0):
        if count < 1 or not 0 <= foreground <= 1:
            raise ValueError(
                f"regions are sampled with a count of at least 1 and a share of foreground in [0, 1]; got {count} and "
                f"{foreground}"
            )
        self.count, self.most, self.seed, self.drawn = count, round(foreground * count), seed, 0
        self.foreground = foreground
        self.__qualname__ = f"sample_regions({count}, {foreground})"

    def begin(self, seed: int) -> "SampledRegions":
        """The same for a run of its own."""
        return SampledRegions(self.count, self.foreground, seed)

    def state_dict(self) -> dict[str, int]:
        return {"drawn": self.drawn}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.drawn = state["drawn"]

    def __call__(self, batch: Batch) -> Batch:
        generator = torch.Generator().manual_seed(self.seed * LARGE + self.drawn)
        self.drawn += 1
        regions, boxes = batch["regions"], batch["boxes"]
        overlap, object_ = nearest(regions, boxes)
        by_chance = torch.rand(len(overlap), generator=generator).to(regions.device)
        stands, pictures = overlap >= FOREGROUND, len(regions)
        first = _first(regions.sample, by_chance + 2 * ~stands, torch.full_like(boxes.counts, self.most)) & stands
        left = self.count - torch.bincount(regions.sample[first], minlength=pictures)
        rest = _first(regions.sample, by_chance + 2 * (overlap < HARD) + 4 * stands, left) & ~stands
        rows = torch.cat([first.nonzero(), rest.nonzero()]).flatten()
        rows = rows[torch.argsort(regions.sample[rows], stable=True)]
        counts = torch.bincount(regions.sample[rows], minlength=pictures)
        drawn = torch.where(stands, object_, BACKGROUND)[rows]
        return {**batch, "regions": Ragged(regions.values[rows], counts), "object": Ragged(drawn, counts)}


def nearest(regions: Ragged, boxes: Ragged) -> tuple[Tensor, Tensor]:
    """Of each region the largest overlap with a box of its picture, and that box's place there; 0 and 0 without one."""
    if not len(boxes.values):
        return torch.zeros(len(regions.values), device=regions.device), torch.zeros_like(regions.sample)
    theirs = regions.sample[:, None] == boxes.sample
    overlap, row = (overlaps(regions.values, boxes.values) * theirs).max(1)
    place = row - (boxes.counts.cumsum(0) - boxes.counts)[regions.sample]
    return overlap, torch.where(overlap > 0, place, 0)


def _first(group: Tensor, order: Tensor, most: Tensor) -> Tensor:
    """Whether each entry is among the ``most`` (G,) first of its group, groups being numbered in their order."""
    places = torch.argsort(order.double() + 8.0 * group)
    counts = torch.bincount(group, minlength=len(most))
    rank = torch.arange(len(group), device=group.device) - (counts.cumsum(0) - counts)[group[places]]
    chosen = torch.zeros_like(group, dtype=torch.bool)
    return chosen.index_copy(0, places, rank < most[group[places]])
