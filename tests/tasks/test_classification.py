"""Classification: labels, missing labels, accuracy."""

import math

import pytest
import torch
from torch.nn import functional as F

from xstitch_lib.data.tensors import IGNORE
from xstitch_lib.tasks import Classification

TASK = Classification("article", classes=3)
SCORES = torch.tensor([[9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 9.0], [9.0, 0.0, 0.0]])


def labels(*values):
    return {"article": torch.tensor(values)}


def test_the_loss_is_the_sum_over_labelled_samples_and_their_number():
    total, count = TASK.losses(SCORES, labels(0, 1, IGNORE, 2))["loss"]
    expected = torch.nn.functional.cross_entropy(SCORES[[0, 1, 3]], torch.tensor([0, 1, 2]), reduction="sum")
    assert (total, count) == (expected, 3)


def test_a_batch_without_labels_adds_exactly_nothing():
    scores = SCORES.clone().requires_grad_()
    total, count = TASK.losses(scores, labels(IGNORE, IGNORE, IGNORE, IGNORE))["loss"]
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
    total, _ = TASK.losses(SCORES, {"article": torch.tensor([0, 1, 2, 0], dtype=dtype)})["loss"]
    assert total < 0.01


def test_misfits_are_named():
    with pytest.raises(ValueError, match="at least 2 classes; got 1"):
        Classification("article", classes=1)
    with pytest.raises(ValueError, match=r"'article' needs an output of shape \(4, 3\); got \(4, 2\)"):
        TASK.losses(SCORES[:, :2], labels(0, 1, 2, 0))["loss"]


@pytest.mark.parametrize("wrong", [torch.zeros(4, 1, dtype=torch.long), torch.full((4,), 0.9), torch.ones(4) > 0])
def test_labels_that_are_no_vector_of_integers_are_refused(wrong):
    for use in (TASK.losses, TASK.metric().update):
        with pytest.raises(ValueError, match=r"labels 'article' must be integers of shape \(B,\), one a sample; got"):
            use(SCORES, {"article": wrong})


@pytest.mark.parametrize("dtype", [torch.int64, torch.int8, torch.uint8, torch.uint16])
def test_check_passes_every_class_and_refuses_others(dtype):
    TASK.check("seg", {"article": torch.tensor([0, 1, 2], dtype=dtype)})
    with pytest.raises(ValueError, match="got 2 others, the first 3: renumber them"):
        TASK.check("seg", {"article": torch.tensor([0, 3, 100], dtype=dtype)})


def test_check_passes_unknown_labels_and_names_missing_ones():
    TASK.check("seg", labels(0, IGNORE, 2))
    with pytest.raises(ValueError, match=r"task 'seg' needs the labels 'article'; got a data set with \['group'\]"):
        TASK.check("seg", {"group": torch.tensor([0])})


def test_each_class_has_its_recall_and_its_number_of_samples():
    metric = Classification("article", classes=3, names=["shirt", "shoe", "bag"]).metric()
    metric.update(SCORES, labels(0, 1, IGNORE, 1))  # predicted 0, 1, 2, 0
    found = metric.per_class()
    assert found["shirt"] == {"recall": 100.0, "samples": 1}
    assert found["shoe"] == {"recall": 50.0, "samples": 2}
    assert found["bag"]["samples"] == 0 and math.isnan(found["bag"]["recall"])


def test_an_answer_is_drawn_as_words():
    named = Classification("article", classes=3, names=["shirt", "shoe", "bag"])
    assert named.draw(torch.tensor([2, IGNORE, 0])) == ["bag", "unknown", "shirt"]
    assert TASK.draw(torch.tensor([2])) == ["2"]


@pytest.mark.parametrize("names", [["shirt"], ["shirt", "shoe", "shoe"], ["shirt", "shoe", "bag", "coat"]])
def test_names_that_do_not_fit_are_refused(names):
    with pytest.raises(ValueError, match="'article' has 3 classes, so it needs as many different names; got"):
        Classification("article", classes=3, names=names)


def test_weights_make_the_loss_a_weighted_mean_whose_scale_does_not_matter():
    scores, labels = torch.randn(6, 2), torch.tensor([0, 1, 1, 0, -1, 1])
    means = []
    for scale in (1, 1 / 560):
        task = Classification("y", 2, weights=[1 * scale, 7 * scale])
        total, divisor = task.losses(scores, {"y": labels})["loss"]
        means.append(total / divisor)
    expected = F.cross_entropy(scores, labels, torch.tensor([1.0, 7.0]), ignore_index=-1)
    torch.testing.assert_close(means, [expected, expected])
    assert [x.item() for x in task.losses(scores, {"y": torch.full((6,), -1)})["loss"]] == [0, 0]
    with pytest.raises(ValueError, match=r"2 classes, so weights are as many numbers from 0, not all 0; got \[1.0\]"):
        Classification("y", 2, weights=[1])


def test_another_number_may_stand_for_unknown():
    task, plain = Classification("y", 2, ignore_index=255), Classification("y", 2)
    given, scores = torch.tensor([0, 255, 1], dtype=torch.uint8), torch.randn(3, 2)
    task.check("a", {"y": given})
    own = given.long().masked_fill(given == 255, -1)
    assert task.losses(scores, {"y": given}) == plain.losses(scores, {"y": own})
    assert task.draw(given) == ["0", "unknown", "1"]
    with pytest.raises(ValueError, match=r"1 that are 255, which in torch.uint8 is also what -1 becomes: .*=255"):
        plain.check("a", {"y": given})
