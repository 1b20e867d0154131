import math

import pytest
import torch
from region_pictures import SIZE, region_pictures, whole
from torch.nn import functional as F
from torchvision.ops import box_iou, nms

from xstitch_lib.data import IGNORE, Ragged
from xstitch_lib.networks import ensemble
from xstitch_lib.tasks import Detection
from xstitch_lib.tasks.boxes import offsets

TASK = Detection(3, names=["chair", "ball", "lamp"])
BACKGROUND = 3


def answer(batch, confidence=9.0, moved=True):
    """The output of a network that knows every region which stands for an object, and none of the others."""
    output = torch.zeros(len(batch["regions"].values), TASK.outputs)
    output[:, BACKGROUND] = confidence
    boxes, labels = batch["boxes"], batch["labels"].values
    first = boxes.counts.cumsum(0) - boxes.counts
    for row, (picture, own) in enumerate(zip(batch["object"].sample, batch["object"].values, strict=True)):
        if own >= 0:
            i = first[picture] + own
            output[row, BACKGROUND], output[row, labels[i]] = 0, confidence
            at = 4 + 4 * labels[i]
            output[row, at : at + 4] = moved * offsets(batch["regions"].values[row][None], boxes.values[i][None])[0]
    return output


def as_proposals(batch):
    """As if the true boxes were proposals, around the objects."""
    return {**batch, "object": Ragged(torch.full_like(batch["object"].values, -1), batch["object"].counts)}


def test_losses_are_those_of_fast_rcnn_region_by_region():
    batch = whole(region_pictures())
    output = torch.randn(len(batch["regions"].values), TASK.outputs, generator=torch.Generator().manual_seed(0))
    scores, by = output[:, :4], output[:, 4:].view(-1, 3, 4)
    classes, boxes, i = 0.0, 0.0, 0
    for row, own in enumerate(batch["object"].values.tolist()):
        label = batch["labels"].values[i].item() if own >= 0 else BACKGROUND
        classes += F.cross_entropy(scores[row], torch.tensor(label))
        if own >= 0:
            wanted = offsets(batch["regions"].values[row][None], batch["boxes"].values[i][None])[0]
            boxes += F.smooth_l1_loss(by[row, label], wanted, reduction="sum")
            i += 1
    losses = TASK.losses(output, batch)
    torch.testing.assert_close(losses["class loss"][0], classes)
    torch.testing.assert_close(losses["box loss"][0], boxes)
    assert losses["class loss"][1] == losses["box loss"][1] == len(output)


def test_an_object_of_unknown_class_adds_nothing():
    batch = whole(region_pictures())
    output = torch.randn(len(batch["regions"].values), TASK.outputs)
    known = TASK.losses(output, batch)
    labels = batch["labels"].values.clone()
    labels[2] = IGNORE
    unknown = TASK.losses(output, {**batch, "labels": Ragged(labels, batch["labels"].counts)})
    assert unknown["class loss"][1] == known["class loss"][1] - 1
    assert unknown["class loss"][0] < known["class loss"][0]
    metric = TASK.metric()
    metric.update(output, {**batch, "labels": Ragged(labels, batch["labels"].counts)})
    assert metric.boxes.sum() == 5


def test_pictures_without_objects_have_a_class_loss_and_no_box_loss():
    batch = whole(region_pictures(objects=(0, 0), proposals=(3, 2)))
    losses = TASK.losses(torch.randn(5, TASK.outputs, requires_grad=True), batch)
    assert losses["box loss"][0] == 0 and losses["class loss"][1] == 5
    sum([total for total, _ in losses.values()]).backward()
    nothing = whole(region_pictures(objects=(0,), proposals=(0,)))
    losses = TASK.losses(torch.zeros(0, TASK.outputs), nothing)
    assert losses["class loss"] == losses["box loss"] == (0, 0)
    assert TASK.predict(torch.zeros(0, TASK.outputs), nothing).counts.tolist() == [0]


def test_perfect_answers_find_every_box_and_moved_regions_count():
    batch = whole(region_pictures(proposals=(3, 2, 2, 4)))
    around = batch["regions"].values + torch.tensor([1.0, 0.5, -0.5, -1.0])
    batch["regions"] = Ragged(around, batch["regions"].counts)
    found = TASK.predict(answer(batch), as_proposals(batch))
    assert found.counts.tolist() == [2, 0, 3, 1]
    for rows, boxes in zip(found, batch["boxes"], strict=True):
        assert len(boxes) == 0 or box_iou(rows[:, :4], boxes).max(1).values.min() > 0.99
    metric = TASK.metric()
    metric.update(answer(batch), as_proposals(batch))
    assert metric.compute() == pytest.approx({"mAP": 100.0, "mAP area": 100.0})


def test_true_boxes_among_the_regions_are_never_detections():
    batch = whole(region_pictures())
    assert TASK.predict(answer(batch), batch).counts.tolist() == [0, 0, 0, 0]


def test_each_class_of_a_picture_is_suppressed_on_its_own_and_the_surest_are_kept():
    batch = as_proposals(whole(region_pictures(objects=(0, 0), proposals=(40, 40))))
    task = Detection(3, least=0.1, overlap=0.3, most=12)
    output = torch.randn(80, TASK.outputs, generator=torch.Generator().manual_seed(1))
    output[:, 4:] = 0  # boxes stay where the regions are
    found = task.predict(output, batch)
    for i, rows in enumerate(found):
        regions, chances = batch["regions"][i], output[40 * i : 40 * i + 40, :4].softmax(1)
        expected = []
        for c in range(3):
            some = (chances[:, c] > 0.1).nonzero().flatten()
            kept = some[nms(regions[some], chances[some, c], 0.3)]
            expected += [(chances[row, c].item(), c, row) for row in kept.tolist()]
        expected = sorted(expected, reverse=True)[:12]
        assert rows[:, 4].tolist() == pytest.approx([score for score, *_ in expected])
        assert rows[:, 5].tolist() == [c for _, c, _ in expected]
        torch.testing.assert_close(rows[:, :4], regions[[row for *_, row in expected]])


def test_boxes_end_at_the_picture():
    batch = as_proposals(whole(region_pictures(objects=(0,), proposals=(5,))))
    output = torch.zeros(5, TASK.outputs)
    output[:, 4:] = 30.0
    boxes = TASK.predict(output, batch).values[:, :4]
    assert boxes.min() >= 0 and (boxes <= torch.tensor([SIZE[1], SIZE[0]] * 2)).all()


def test_an_ensemble_averages_probabilities_and_boxes():
    outputs = [torch.randn(5, TASK.outputs) for _ in range(2)]
    averaged = TASK.average(outputs)
    expected = (outputs[0][:, :4].softmax(1) + outputs[1][:, :4].softmax(1)) / 2
    torch.testing.assert_close(averaged[:, :4].softmax(1), expected)
    torch.testing.assert_close(averaged[:, 4:], (outputs[0][:, 4:] + outputs[1][:, 4:]) / 2)
    nets = [torch.nn.Linear(2, TASK.outputs) for _ in range(2)]
    x = torch.randn(3, 2)
    torch.testing.assert_close(ensemble(nets, TASK.average)(x), TASK.average([net(x) for net in nets]))


def test_metrics_do_not_depend_on_the_batches_and_unlabelled_classes_are_left_out():
    data = region_pictures(objects=(2, 0, 3, 1, 2), proposals=(9, 8, 9, 9, 5))
    output = torch.randn(len(data.tensors["regions"].values), TASK.outputs)
    whole_, parts = TASK.metric(), TASK.metric()
    whole_.update(output, whole(data))
    begin = 0
    for batch in data.batches(2):
        end = begin + len(batch["regions"].values)
        parts.update(output[begin:end], batch)
        begin = end
    assert parts.compute() == whole_.compute() and parts.per_class() == whole_.per_class()
    lacking = Detection(4).metric()
    lacking.add(TASK.predict(output, whole(data)), whole(data))
    assert math.isnan(lacking.per_class()["3"]["AP"]) and lacking.compute() == whole_.compute()
    assert all(map(math.isnan, TASK.metric().compute().values()))


def test_answers_and_truths_are_drawn_as_marks():
    batch = whole(region_pictures(objects=(1, 0), proposals=(0, 0)))
    name = TASK.names[batch["labels"].values[0]]
    ((mark,), nothing) = TASK.draw(TASK.truth(batch))
    assert (mark.text, nothing) == (name, []) and mark.box == tuple(batch["boxes"].values[0].tolist())
    ((mark,), _) = TASK.draw(TASK.predict(answer(batch), as_proposals(batch)))
    assert mark.text == f"{name} 1.00"


def test_wrong_labels_and_outputs_are_named():
    tensors = region_pictures().tensors
    TASK.check("find", tensors)
    with pytest.raises(ValueError, match="labels 'labels' from 0 to 1, or -1 where unknown"):
        Detection(2).check("find", tensors)
    with pytest.raises(ValueError, match=r"3 classes needs an output of shape \(25, 16\); got \(25, 4\)"):
        TASK.losses(torch.zeros(25, 4), tensors)
