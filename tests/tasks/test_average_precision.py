"""VOC's average precision on cases worked by hand, against a slow version and against pycocotools."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.detection import MeanAveragePrecision

from xstitch_lib.data import Ragged
from xstitch_lib.tasks import Detection
from xstitch_lib.tasks.average_precision import average_precision, hits

BOX = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
NEAR = torch.tensor([[0.0, 0.0, 10.0, 9.0]])
HALF = torch.tensor([[0.0, 0.0, 10.0, 5.0]])
LESS = torch.tensor([[0.0, 0.0, 10.0, 4.9]])
FAR = torch.tensor([[20.0, 20.0, 30.0, 30.0]])
EASY, HARD = torch.tensor([False]), torch.tensor([True])


def told(*found, scores=None, boxes=BOX, difficult=EASY):
    scores = torch.tensor(scores or [1 - i / 10 for i in range(len(found))])
    return hits(torch.cat(found), scores, boxes, difficult).tolist()


def test_a_box_is_found_once_by_the_surest_and_from_one_half_on():
    assert told(NEAR, FAR) == [1, 0]
    assert told(HALF) == [1] and told(LESS) == [0]
    assert told(NEAR, BOX) == [1, 0]  # a duplicate is a false alarm, even the better one
    assert told(NEAR, BOX, scores=[0.5, 0.6]) == [0, 1]
    assert told(NEAR, BOX, scores=[0.5, 0.5]) == [1, 0]  # the earlier one of equal scores


def test_what_lies_on_a_difficult_box_does_not_count():
    assert told(NEAR, BOX, FAR, difficult=HARD) == [-1, -1, 0]


def test_a_detection_belongs_to_the_box_that_it_overlaps_most_be_it_taken():
    boxes = torch.cat([BOX, HALF])
    # both overlap BOX most; HALF, which the second one covers by 0.56, stays unfound
    assert told(BOX, NEAR, boxes=boxes, difficult=torch.tensor([False, False])) == [1, 0]


def test_without_boxes_or_detections():
    none = torch.zeros(0, 4)
    assert told(NEAR, boxes=none, difficult=torch.zeros(0, dtype=torch.bool)) == [0]
    assert hits(none, torch.zeros(0), BOX, EASY).tolist() == []
    assert average_precision([], [], boxes=3) == (0.0, 0.0)
    assert all(map(math.isnan, average_precision([0.5], [0], boxes=0)))


def test_the_curve_by_hand():
    # recall 1/4, 2/4, 2/4, 3/4; precision 1, 1, 2/3, 3/4
    found = average_precision([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1], boxes=4)
    assert found.points == pytest.approx((6 * 1 + 2 * 3 / 4) / 11)  # recalls 0 … 0.5, then 0.6 and 0.7
    assert found.area == pytest.approx(1 / 2 + 1 / 4 * 3 / 4)


def test_a_recall_of_three_tenths_counts_as_such():
    assert average_precision([0.9, 0.8, 0.7], [1, 1, 1], boxes=10).points == pytest.approx(4 / 11)


def slow(scores, hit, boxes):
    """Point by point, from the text of the kit."""
    rows = sorted([(-s, i, h) for i, (s, h) in enumerate(zip(scores, hit, strict=True)) if h >= 0])
    curve, found = [], 0
    for n, (_, _, h) in enumerate(rows, start=1):
        found += h
        curve.append((found, found / n))
    points = [max([p for r, p in curve if 10 * r >= i * boxes], default=0.0) for i in range(11)]
    area, last = 0.0, 0
    for i, (r, _) in enumerate(curve):
        area += (r - last) / boxes * max([p for _, p in curve[i:]])
        last = r
    return sum(points) / 11, area


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([1, 0, 0, -1])), max_size=30),
    st.integers(0, 5),
)
@settings(deadline=None)
def test_it_is_that_of_the_slow_version_with_ties(rows, missed):
    scores, hit = [s / 5 for s, _ in rows], [h for _, h in rows]
    boxes = max(1, hit.count(1) + missed)
    assert average_precision(scores, hit, boxes) == pytest.approx(slow(scores, hit, boxes))


def pictures(seed, n=5, classes=2):
    """Boxes that lie apart, so that no detection overlaps two of them, and detections around them."""
    g = np.random.default_rng(seed)
    cells = [(x, y) for x in range(0, 200, 40) for y in range(0, 200, 40)]
    truths, found = [], []
    for _ in range(n):
        chosen = g.permutation(len(cells))[: g.integers(0, 7)]
        boxes = np.array([[x + 5, y + 5, x + 25, y + 25] for x, y in [cells[i] for i in chosen]], float).reshape(-1, 4)
        labels = g.integers(0, classes, len(boxes))
        near = np.repeat(boxes, 2, 0) + g.normal(0, 3, (2 * len(boxes), 4))
        far = np.array([[x + 8, y + 8, x + 20, y + 20] for x, y in [cells[i] for i in g.integers(0, 25, 4)]], float)
        own = np.concatenate([near, far])
        guessed = np.concatenate([np.repeat(labels, 2), g.integers(0, classes, 4)])
        truths.append((torch.tensor(boxes).float(), torch.tensor(labels).long()))
        rows = [own, g.permutation(len(own))[:, None] / len(own), guessed[:, None]]
        found.append(torch.tensor(np.concatenate(rows, 1)).float())
    return truths, found


@pytest.mark.parametrize("seed", range(4))
def test_where_the_definitions_meet_it_is_that_of_pycocotools(seed):
    truths, found = pictures(seed)
    metric = Detection(2).metric()
    boxes, labels = [Ragged.of(part) for part in zip(*truths, strict=True)]
    metric.add(Ragged.of(found), {"boxes": boxes, "labels": labels})
    # eleven recalls, a hundredth below the kit's where coco's rounding would miss one
    theirs = MeanAveragePrecision(
        iou_thresholds=[0.5], rec_thresholds=[max(0, i / 10 - 1e-6) for i in range(11)], class_metrics=True
    )
    theirs.update(
        [{"boxes": f[:, :4], "scores": f[:, 4], "labels": f[:, 5].long()} for f in found],
        [{"boxes": b, "labels": c} for b, c in truths],
    )
    expected = theirs.compute()
    assert metric.compute()["mAP"] == pytest.approx(100 * expected["map"].item(), abs=1e-3)
    by_class = [one["AP"] for one in metric.per_class().values()]
    assert by_class == pytest.approx((100 * expected["map_per_class"]).tolist(), abs=1e-3)
