import math

import numpy as np
import pytest
import torch
from region_pictures import region_pictures, whole
from sklearn.metrics import average_precision_score
from torch.nn import functional as F

from xstitch_lib.data import Ragged
from xstitch_lib.tasks import Attributes

TASK = Attributes(4, names=["red", "round", "far", "tall"])


def test_the_loss_is_the_mean_over_objects_of_a_quarter_of_each_of_four():
    batch = whole(region_pictures())
    output = torch.randn(len(batch["regions"].values), 4, requires_grad=True)
    rows = batch["object"].values >= 0
    each = F.binary_cross_entropy_with_logits(output[rows], batch["attributes"].values, reduction="none")
    total, count = TASK.losses(output, batch)["loss"]
    torch.testing.assert_close(total / count, each.sum(1).mean() / 4)
    total.backward()
    assert (output.grad[~rows] == 0).all()  # background teaches nothing
    scaled, same = Attributes(4, loss_scale=4).losses(output, batch)["loss"]
    torch.testing.assert_close(scaled, 4 * total)
    assert same == count


def test_unknown_answers_add_nothing_to_loss_gradient_and_metric():
    batch = whole(region_pictures(objects=(5, 4), proposals=(2, 3), unknown=0.4))
    known = ~batch["attributes"].values.isnan()
    output = torch.randn(len(batch["regions"].values), 4, requires_grad=True)
    total, count = TASK.losses(output, batch)["loss"]
    total.backward()
    rows = batch["object"].values >= 0
    assert count == known.sum() and torch.equal(output.grad[rows] != 0, known)
    metric = TASK.metric()
    metric.update(output.detach(), batch)
    for i, one in enumerate(metric.per_class().values()):
        wanted, scores = batch["attributes"].values[known[:, i], i], output.detach()[rows][known[:, i], i]
        assert one["objects"] == wanted.sum()
        expected = 100 * average_precision_score(wanted, scores) if wanted.any() else math.nan
        assert one["AP"] == pytest.approx(expected, nan_ok=True)


def test_no_objects_no_loss_and_no_value():
    batch = whole(region_pictures(objects=(0, 0), proposals=(2, 0)))
    assert TASK.losses(torch.randn(2, 4), batch)["loss"] == (0, 0)
    metric = TASK.metric()
    metric.update(torch.randn(2, 4), batch)
    assert math.isnan(metric.compute()["mAP"]) and math.isnan(TASK.metric().compute()["mAP"])


def test_metrics_do_not_depend_on_the_batches():
    data = region_pictures(objects=(2, 0, 3, 1, 2), proposals=(9, 8, 9, 9, 5))
    output = torch.randn(len(data.tensors["regions"].values), 4)
    together, parts, begin = TASK.metric(), TASK.metric(), 0
    together.update(output, whole(data))
    for batch in data.batches(2):
        end = begin + len(batch["regions"].values)
        parts.update(output[begin:end], batch)
        begin = end
    assert parts.compute() == together.compute()
    assert together.compute()["mAP"] == pytest.approx(np.nanmean([c["AP"] for c in together.per_class().values()]))


def test_answers_are_of_the_objects_and_drawn_as_words():
    batch = whole(region_pictures(objects=(1, 0, 2), proposals=(2, 1, 0)))
    output = torch.full((6, 4), -5.0)
    output[batch["object"].values >= 0] = torch.tensor([5.0, -5.0, -5.0, 5.0])
    found = TASK.predict(output, batch)
    assert found.counts.tolist() == [1, 0, 2] and torch.equal(found.values[:, :4], batch["boxes"].values)
    marks = TASK.draw(found)
    assert [[mark.text for mark in own] for own in marks] == [["red, tall"], [], ["red, tall"] * 2]
    assert TASK.truth(batch).values.shape == (3, 8)


def test_an_ensemble_averages_probabilities():
    outputs = [torch.randn(5, 4), torch.randn(5, 4)]
    expected = (outputs[0].sigmoid() + outputs[1].sigmoid()) / 2
    torch.testing.assert_close(TASK.average(outputs).sigmoid(), expected)


def test_wrong_attributes_are_named():
    tensors = region_pictures().tensors
    TASK.check("tell", tensors)
    twos = Ragged(tensors["attributes"].values + 1, tensors["attributes"].counts)
    with pytest.raises(ValueError, match=r"attributes that are 1, 0, or NaN where unknown; got .* others, the first 2"):
        TASK.check("tell", {**tensors, "attributes": twos})
    with pytest.raises(ValueError, match=r"'attributes' as a Ragged with rows of shape \(5,\)"):
        Attributes(5).check("tell", tensors)
    with pytest.raises(ValueError, match=r"the attributes need an output of shape \(25, 4\)"):
        TASK.losses(torch.zeros(25, 5), tensors)
