"""Several labels a sample: unknown answers count nowhere."""

import math

import pytest
import torch
from torch.nn import functional as F

from xstitch_lib.tasks import MultiLabel

TASK = MultiLabel("seen", 3, names=["cat", "dog", "bird"])
OUTPUT = torch.tensor([[2.0, -1.0, 0.5], [-3.0, 1.0, 0.1], [1.0, 2.0, -0.5]])
LABELS = torch.tensor([[1.0, 0.0, 0.0], [0.0, math.nan, 0.0], [1.0, 0.0, math.nan]])


def test_the_loss_is_the_mean_over_known_answers():
    total, count = TASK.losses(OUTPUT, {"seen": LABELS})["loss"]
    known = ~LABELS.isnan()
    expected = F.binary_cross_entropy_with_logits(OUTPUT[known], LABELS[known])
    assert count == 7 and (total / count).item() == pytest.approx(expected.item(), rel=1e-5)
    assert [x.item() for x in TASK.losses(OUTPUT, {"seen": LABELS * math.nan})["loss"]] == [0, 0]


def test_metrics_leave_out_unknown_answers_and_labels_that_nobody_has():
    metric = TASK.metric()
    metric.update(OUTPUT[:2], {"seen": LABELS[:2]})
    metric.update(OUTPUT[2:], {"seen": LABELS[2:]})
    assert metric.compute() == {"mAP": 100.0, "right": pytest.approx(100 * 4 / 7)}
    assert metric.per_class()["cat"] == {"AP": 100.0, "samples": 2} and metric.per_class()["dog"]["samples"] == 0
    assert all([math.isnan(value) for value in TASK.metric().compute().values()])


def test_misfits_are_named():
    TASK.check("a", {"seen": LABELS})
    with pytest.raises(ValueError, match="1, 0, or NaN where unknown; got 1 others, the first 2"):
        TASK.check("a", {"seen": torch.tensor([[1.0, 2.0, 0.0]])})
    with pytest.raises(ValueError, match=r"must be floating-point numbers \(B, 3\)"):
        TASK.check("a", {"seen": LABELS.nan_to_num().long()})
    with pytest.raises(ValueError, match=r"'seen' needs an output of shape \(3, 3\); got \(3, 2\)"):
        TASK.losses(OUTPUT[:, :2], {"seen": LABELS})
