"""Segmentation: labels, its metrics by hand and against torchmetrics, colours."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from xstitch_lib.data.tensors import IGNORE
from xstitch_lib.tasks import SemanticSegmentation

TASK = SemanticSegmentation("seg", classes=4, names=["wall", "floor", "lamp", "vase"])


def scores_for(classes, predicted):
    return 9.0 * F.one_hot(predicted, classes).permute(0, 3, 1, 2).float()


def counted(labels, predicted, task=TASK):
    metric = task.metric()
    metric.update(scores_for(task.classes, torch.tensor(predicted)), {"seg": torch.tensor(labels)})
    return metric


def random_pictures(seed, classes=5, samples=6):
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(IGNORE, classes, (samples, 6, 7), generator=g)
    labels[labels == 2] = 0  # one class is never labelled
    scores = torch.randn(samples, classes, 6, 7, generator=g)
    scores[:, 3] -= 9  # one never predicted
    return labels, scores


def test_metrics_of_a_picture_of_four_pixels():
    metric = counted([[[0, 0], [0, 1]]], [[[0, 0], [1, 1]]])
    assert metric.compute() == pytest.approx({"pixacc": 75, "mIU": 100 * (2 / 3 + 1 / 2) / 2, "fwIU": 62.5})
    per_class = metric.per_class()
    assert list(per_class) == ["wall", "floor", "lamp", "vase"]
    assert per_class["wall"] == pytest.approx({"IU": 200 / 3, "pixels": 3})
    assert per_class["floor"] == {"IU": 50.0, "pixels": 1}
    assert per_class["vase"]["pixels"] == 0 and math.isnan(per_class["vase"]["IU"])


def test_a_class_that_is_predicted_but_never_labelled_counts_with_zero():
    metric = counted([[[0, 0], [0, 1]]], [[[0, 0], [2, 1]]])
    assert metric.compute() == pytest.approx({"pixacc": 75, "mIU": 100 * (2 / 3 + 1 + 0) / 3, "fwIU": 75})
    assert metric.per_class()["lamp"] == {"IU": 0.0, "pixels": 0}


def test_unknown_pixels_do_not_count_whatever_is_predicted_there():
    known = counted([[[0, 0], [0, 1]]], [[[0, 0], [1, 1]]])
    more = counted([[[0, 0, IGNORE], [0, 1, IGNORE]]], [[[0, 0, 3], [1, 1, 0]]])
    assert more.compute() == known.compute()


def test_without_labels_every_metric_is_nan():
    for metric in (TASK.metric(), counted([[[IGNORE, IGNORE]]], [[[0, 1]]])):
        assert all([math.isnan(value) for value in metric.compute().values()])


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 9999))
def test_metrics_agree_with_torchmetrics_and_with_the_code_of_long_et_al(seed):
    labels, scores = random_pictures(seed)
    metric = SemanticSegmentation("seg", 5).metric()
    metric.update(scores, {"seg": labels})
    found, iu = metric.compute(), [row["IU"] for row in metric.per_class().values()]

    def theirs(kind, average):
        return 100 * kind(5, average=average, ignore_index=IGNORE)(scores, labels)

    assert found["pixacc"] == pytest.approx(theirs(MulticlassAccuracy, "micro").item(), rel=1e-5)
    assert found["mIU"] == pytest.approx(theirs(MulticlassJaccardIndex, "macro").item(), rel=1e-5)
    assert found["fwIU"] == pytest.approx(theirs(MulticlassJaccardIndex, "weighted").item(), rel=1e-5)
    assert np.nan_to_num(iu) == pytest.approx(theirs(MulticlassJaccardIndex, "none").numpy(), rel=1e-5)

    known = labels >= 0  # score.py of github.com/shelhamer/fcn.berkeleyvision.org
    hist = np.bincount(5 * labels[known].numpy() + scores.argmax(1)[known].numpy(), minlength=25).reshape(5, 5)
    with np.errstate(invalid="ignore"):
        reference = np.diag(hist) / (hist.sum(1) + hist.sum(0) - np.diag(hist))
    freq = hist.sum(1) / hist.sum()
    assert found["mIU"] == pytest.approx(100 * np.nanmean(reference))
    assert found["fwIU"] == pytest.approx(100 * (freq[freq > 0] * reference[freq > 0]).sum())


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 99), st.integers(1, 6))
def test_metrics_do_not_depend_on_the_batches(seed, size):
    labels, scores = random_pictures(seed)
    whole, parts = [SemanticSegmentation("seg", 5).metric() for _ in range(2)]
    whole.update(scores, {"seg": labels})
    for some, their_labels in zip(scores.split(size), labels.split(size), strict=True):
        parts.update(some, {"seg": their_labels})
    assert parts.compute() == whole.compute()


def test_evaluation_is_at_the_size_of_the_labels_whatever_the_stride_of_the_loss():
    task = SemanticSegmentation("seg", 2, loss_stride=2)
    coarse = torch.tensor([[[[9.0, 0.0]], [[0.0, 9.0]]]])
    labels = torch.tensor([[[0, 0, 1, 1]] * 4])
    metric = task.metric()
    metric.update(coarse, {"seg": labels})
    assert metric.per_class() == {"0": {"IU": 100.0, "pixels": 8}, "1": {"IU": 100.0, "pixels": 8}}
    assert task.losses(coarse, {"seg": labels})["loss"][1] == 4
    assert torch.equal(task.predict(coarse, {"image": torch.zeros(1, 3, 4, 4)}), labels)
    assert task.predict(coarse).shape == (1, 1, 2)


def test_labels_may_be_of_any_integer_type():
    labels = torch.tensor([[[0, 1], [2, IGNORE]]])
    scores = torch.randn(1, 4, 2, 2)
    assert TASK.losses(scores, {"seg": labels.to(torch.int8)})["loss"] == TASK.losses(scores, {"seg": labels})["loss"]


def test_forty_classes_have_forty_colours_and_unknown_is_black():
    task = SemanticSegmentation("seg", 41)
    colours = task.draw(torch.arange(-1, 40).view(1, 1, 41))
    assert colours.shape == (1, 1, 41, 3) and colours.min() >= 0 and colours.max() <= 1
    assert len(colours.view(-1, 3).unique(dim=0)) == 41
    assert (colours[0, 0, 0] == 0).all()
    assert torch.equal(task.draw(torch.tensor([[[40]]]))[0, 0, 0], colours[0, 0, 1])


def test_check_passes_labels_that_fit():
    image = torch.zeros(2, 3, 4, 4)
    for labels in (torch.full((2, 4, 4), IGNORE), torch.full((2, 4, 4), 3, dtype=torch.uint8)):
        TASK.check("seg", {"image": image, "seg": labels})


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (None, r"task 'a' needs the labels 'seg'; got a data set with \['image'\]"),
        (torch.zeros(2, 4, 4), r"labels 'seg' must be integers of shape \(B, H, W\), one a pixel; got torch.float32"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.long), r"got torch.int64 of shape \(2, 1, 4, 4\)"),
        (torch.full((2, 4, 4), 4), "labels 'seg' from 0 to 3, or -1 where unknown; got 32 others, the first 4"),
        (torch.zeros(2, 2, 4, dtype=torch.long), r"labels 'seg' of the images' size \(4, 4\); got \(2, 4\)"),
    ],
)
def test_check_names_labels_that_do_not_fit(labels, words):
    tensors = {"image": torch.zeros(2, 3, 4, 4)} | ({} if labels is None else {"seg": labels})
    with pytest.raises(ValueError, match=words):
        TASK.check("a", tensors)


def test_a_stride_that_skips_every_label_is_refused():
    task = SemanticSegmentation("seg", 4, loss_stride=8)
    tensors = {"image": torch.zeros(2, 3, 4, 9), "seg": torch.zeros(2, 4, 9, dtype=torch.long)}
    with pytest.raises(ValueError, match=r"loss_stride=8 of task 'a' skips all of its labels \(4, 9\)"):
        task.check("a", tensors)


def test_misfits_are_named():
    with pytest.raises(ValueError, match="at least 2 classes; got 1"):
        SemanticSegmentation("seg", 1)
    with pytest.raises(ValueError, match="4 classes, so it needs as many different names; got 4, 3 of them different"):
        SemanticSegmentation("seg", 4, names=["wall", "floor", "lamp", "lamp"])
    with pytest.raises(ValueError, match=r"loss_stride of 'seg' must be .* at least 1; got 0"):
        SemanticSegmentation("seg", 4, loss_stride=0)
    labels = {"seg": torch.zeros(2, 4, 4, dtype=torch.long)}
    for use in (TASK.losses, TASK.metric().update):
        with pytest.raises(ValueError, match=r"'seg' needs an output of shape \(2, 4, h, w\); got \(2, 3, 4, 4\)"):
            use(torch.zeros(2, 3, 4, 4), labels)


def test_label_counts_leave_out_what_is_unknown():
    seg = SemanticSegmentation("seg", classes=3, names=["wall", "bed", "vase"])
    assert seg.label_counts({"seg": torch.tensor([[[0, 0, IGNORE, 1]]])}) == {"wall": 2, "bed": 1, "vase": 0}


def test_weights_and_another_number_for_unknown():
    given = torch.randint(3, (2, 4, 4), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    given[:, 0] = 255
    scores, weights = torch.randn(2, 3, 4, 4), [0.1, 0.2, 0.3]
    task = SemanticSegmentation("seg", 3, weights=weights, ignore_index=255)
    batch = {"seg": given, "image": torch.zeros(2, 3, 4, 4)}
    task.check("a", batch)
    total, divisor = task.losses(scores, batch)["loss"]
    expected = torch.nn.functional.cross_entropy(scores, given.long(), torch.tensor(weights), ignore_index=255)
    torch.testing.assert_close(total / divisor, expected)
    metric = task.metric()
    metric.update(scores, batch)
    assert metric.confusion.labels.sum() == 24 == sum(task.label_counts(batch).values())
    assert not task.draw(given)[:, 0].any()
