"""Classification: labels, missing labels, accuracy."""

import math

import pytest
import torch

from xstitch_lib.data.tensors import IGNORE
from xstitch_lib.tasks import Classification

TASK = Classification("article", classes=3)
SCORES = torch.tensor([[9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 9.0], [9.0, 0.0, 0.0]])


def labels(*values):
    return {"article": torch.tensor(values)}


def test_the_loss_is_the_sum_over_labelled_samples_and_their_number():
    total, count = TASK.loss(SCORES, labels(0, 1, IGNORE, 2))
    expected = torch.nn.functional.cross_entropy(SCORES[[0, 1, 3]], torch.tensor([0, 1, 2]), reduction="sum")
    assert (total, count) == (expected, 3)


def test_a_batch_without_labels_adds_exactly_nothing():
    scores = SCORES.clone().requires_grad_()
    total, count = TASK.loss(scores, labels(IGNORE, IGNORE, IGNORE, IGNORE))
    total.backward()
    assert (total, count) == (0, 0)
    assert (scores.grad == 0).all()


def test_accuracy_counts_labelled_samples_over_all_batches():
    metric = TASK.metric()
    metric.update(SCORES, labels(0, 1, 2, IGNORE))  # 3 of 3
    metric.update(SCORES[:1], labels(2))  # 0 of 1; the mean over batches would be 50
    assert metric.compute() == {"accuracy": 75.0}


def test_accuracy_without_labels_is_nan():
    metric = TASK.metric()
    assert math.isnan(metric.compute()["accuracy"])
    metric.update(SCORES[:1], labels(IGNORE))
    assert math.isnan(metric.compute()["accuracy"])


def test_a_prediction_is_the_likeliest_class():
    assert TASK.predict(SCORES).tolist() == [0, 1, 2, 0]
    assert TASK.outputs == 3


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_any_integer_label_will_do(dtype):
    total, _ = TASK.loss(SCORES, {"article": torch.tensor([0, 1, 2, 0], dtype=dtype)})
    assert total < 0.01


def test_misfits_are_named():
    with pytest.raises(ValueError, match="at least 2 classes; got 1"):
        Classification("article", classes=1)
    with pytest.raises(ValueError, match=r"'article' needs an output of shape \(4, 3\); got \(4, 2\)"):
        TASK.loss(SCORES[:, :2], labels(0, 1, 2, 0))
