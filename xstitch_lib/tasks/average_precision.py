"""Average precision of detections, as the PASCAL VOC kits compute it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from xstitch_lib.tasks.boxes import overlaps

OVERLAP = 0.5  # intersection over union of a hit


class Precision(NamedTuple):
    """Average precision of one class, in [0, 1]; NaN for a class without boxes.

    Attributes:
        points: the mean of the best precision at recalls of at least 0, 0.1, …, 1: the kits until 2009.
        area: under the curve of that best precision: the kits since 2010.
    """

    points: float
    area: float


def hits(found: Tensor, scores: Tensor, boxes: Tensor, difficult: Tensor) -> ndarray:
    """Of one picture and class, what each detection is: 1 a hit, 0 a false alarm, -1 neither.

    Args:
        found: (D, 4) boxes of the detections. scores: (D,).
        boxes: (K, 4) the true ones. difficult: (K,) bool, of boxes that need not be found.

    A detection belongs to the true box that it overlaps most, if that is by at least one half. The surest one of a
    box's is a hit, the others are false alarms, as are all that overlap none; those of a difficult box do not count.
    Of equal scores the earlier one comes first. pycocotools and torchmetrics let a later detection of a taken box take
    the next best free one, which the kits do not.
    """
    result = np.zeros(len(found), int)
    if len(found) == 0 or len(boxes) == 0:
        return result
    best, whose = overlaps(found, boxes).max(1)
    taken = set()
    for i in torch.argsort(scores, descending=True, stable=True).tolist():
        box = int(whose[i])
        if best[i] >= OVERLAP:
            result[i] = -1 if difficult[box] else int(box not in taken)
            taken.add(box)
    return result


def average_precision(scores: Sequence[float], hit: Sequence[int], boxes: int) -> Precision:
    """From all pictures' detections of a class.

    Args:
        scores: (D,) of all detections, in the pictures' order; of equal ones the earlier comes first.
        hit: (D,) as `hits` tells.
        boxes: how many true boxes there are, difficult ones left out.

    >>> found = average_precision([0.9, 0.8, 0.7], [1, 0, 1], boxes=2)  # recall 1/2, 1/2, 1; precision 1, 1/2, 2/3
    >>> round(found.points, 3), round(found.area, 3)
    (0.848, 0.833)

    Source: Everingham et al., "The PASCAL Visual Object Classes (VOC) challenge", IJCV 2010, section 4.2; VOCevaldet of
    the 2008 and 2010 kits. A recall of 3/10 counts as one of 0.3, which rounding denies it in the kits.
    """
    if boxes == 0:
        return Precision(np.nan, np.nan)
    order = np.argsort(-np.asarray(scores, float), kind="stable")
    hit = np.asarray(hit, int)[order]
    found = np.cumsum(hit[hit >= 0])
    precision = found / np.arange(1, len(found) + 1)
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)  # at this recall or above it
    points = [best[np.searchsorted(10 * found, i * boxes)] for i in range(11)]
    steps = np.diff(found, prepend=0) / boxes
    return Precision(float(np.mean(points)), float((steps * best[:-1]).sum()))
