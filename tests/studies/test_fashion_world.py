"""Fashion-MNIST as a study's world: the second label, the dial, and which epoch the table shows."""

import itertools
from dataclasses import asdict, replace

import pytest
import torch
from sklearn.metrics import mutual_info_score
from torch import nn

from xstitch_lib.data import FashionMNIST, TensorData
from xstitch_lib.data.fashion_mnist import GROUP_OF_ARTICLE
from xstitch_lib.studies import STUDIES, Study
from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.fashion_mnist import DENSE, LIVE, MAIN, fashion_variants
from xstitch_lib.studies.worlds import load, recorded_scale
from xstitch_lib.studies.worlds.fashion import FashionScale, turned
from xstitch_lib.training.history import History

SCALE = replace(LIVE, train=256, validation=100, test=100, width=2, steps=(0, 4), snapshots=3)


@pytest.fixture(scope="module")
def pictures():
    return FashionMNIST("validation")


def history(rows):
    """A run whose metrics are given: (task, metric) → one value an epoch of ten steps, the first before training."""
    made = History(["article", "group"])
    for epoch in range(len(next(iter(rows.values())))):
        found = {}
        for (task, metric), values in rows.items():
            found.setdefault(task, {})[metric] = values[epoch]
        made.add_metrics(10 * epoch, found)
    return made


class Oracle(nn.Module):
    """Reads the labels from the picture's first two pixels."""

    def forward(self, x):
        first = x.flatten(1).long()
        return {"article": nn.functional.one_hot(first[:, 0], 10), "group": nn.functional.one_hot(first[:, 1], 3)}


def test_pictures_are_standardised_by_the_training_set_and_every_class_keeps_its_share():
    world = load(SCALE)
    everything = load(replace(SCALE, train=None)).train.tensors["image"]
    middle = everything[:, 0, 8:20, 8:20]
    assert middle.mean(0).abs().max() < 1e-4 and (middle.std(0) - 1).abs().max() < 1e-4
    assert torch.isfinite(everything).all()
    counts = torch.bincount(world.train.tensors["article"], minlength=10)
    assert len(world.train) == 256 and counts.min() >= 15


def test_the_dial_goes_from_independent_labels_to_a_function(pictures):
    article = pictures.tensors["article"]
    shared = [mutual_info_score(article, turned(pictures, k).tensors["second"]) for k in range(11)]
    assert shared[0] < 0.02  # chance
    assert all(a < b for a, b in itertools.pairwise(shared))
    assert turned(pictures, 10).tensors["second"].tolist() == [GROUP_OF_ARTICLE[a] for a in article]


def test_the_dial_changes_nothing_but_the_second_label(pictures):
    none, all_ = turned(pictures, 0), turned(pictures, 10)
    assert torch.equal(none.tensors["image"], all_.tensors["image"])
    assert torch.equal(none.tensors["article"], pictures.tensors["article"])
    upright = none.tensors["second"] == 0
    assert torch.equal(none.tensors["image"][upright], pictures.tensors["image"][upright])
    left = none.tensors["second"] == 1
    assert torch.equal(none.tensors["image"][left].rot90(-1, (2, 3)), pictures.tensors["image"][left])
    assert 0.25 < upright.float().mean() < 0.42


def test_validation_pictures_choose_the_epoch_and_the_last_one_is_told_too():
    rows = {
        ("article", "accuracy"): [99, 80, 90, 85],
        ("article", "test accuracy"): [0, 1, 2, 9],
        ("group", "accuracy"): [99, 90, 80, 83],
        ("group", "test accuracy"): [0, 3, 4, 8],
        ("both", "test agree"): [0, 5, 6, 7],
    }
    found, _ = load(SCALE).results(Oracle(), {"": {0: History([]), 1: history(rows)}})
    assert found["article"] == {"accuracy": 1, "last": 9} and found["group"] == {"accuracy": 3, "last": 8}
    assert found["both"] == {"accuracy": 2, "last": 8.5, "agree": 5, "epoch": 1}  # of two that are equal the first


def test_tasks_that_are_trained_apart_have_one_epoch_too():
    article = {("article", "accuracy"): [0, 80, 90], ("article", "test accuracy"): [0, 1, 2]}
    group = {("group", "accuracy"): [0, 90, 81], ("group", "test accuracy"): [0, 3, 4]}
    parts = {"": {0: History([])}, "article": {1: history(article)}, "group": {1: history(group)}}
    found, _ = load(SCALE).results(Oracle(), parts)
    assert found["article"] == {"accuracy": 2, "last": 2} and found["group"] == {"accuracy": 4, "last": 4}
    assert found["both"] == {"accuracy": 3, "last": 3, "epoch": 2}


def test_an_article_answers_for_its_group_and_the_two_answers_may_disagree():
    article, group = torch.tensor([5, 7, 0, 3]), torch.tensor([0, 0, 2, 1])
    says_article, says_group = torch.tensor([5, 5, 1, 0]), torch.tensor([0, 1, 2, 1])
    image = torch.stack([says_article, says_group], 1).view(4, 1, 1, 2).float()
    world = replace(load(SCALE), table=TensorData({"image": image, "article": article, "group": group}))
    world = replace(world, validation=world.table)
    found = world.watched(world.tasks)(Oracle())
    assert found["article"] == {"accuracy": 25, "test accuracy": 25}
    assert found["group"]["test accuracy"] == 75 and found["group"]["test from article"] == 75
    assert found["both"]["test agree"] == 50


def test_every_main_arm_starts_from_the_same_towers_and_answers_alike(tmp_path):
    """The units and the layers inside start as the identity: before training there is one network."""
    batch = load(SCALE).table[:8]["image"]
    nets = []
    for arm in MAIN:
        bench = Bench(replace(SCALE, steps=(0, 0), **arm.changes), 0, tmp_path)
        nets.append(arm.method.train(bench).net.eval())
    first, *others = [net(batch) for net in nets]
    for other in others:
        assert all(torch.allclose(first[task], other[task], atol=1e-5) for task in first)
    weights = [sum(p.numel() for p in net.parameters()) for net in nets]
    assert weights[2] == weights[3] > weights[0]  # the control has exactly the dense unit's number of weights


def test_towers_start_apart(tmp_path):
    article, group = Bench(SCALE, 0, tmp_path).fresh().values()
    assert not torch.equal(article.conv1[0].weight, group.conv1[0].weight)


@pytest.mark.parametrize("name", ["per channel", "self-stitch, per channel", "dense at fc3", "one linear inside"])
def test_an_arm_runs_and_tells_both_accuracies(name, tmp_path):
    study = replace(fashion_variants, scales={"live": SCALE})
    table = study.run("live", [0], [name], tmp_path)
    assert {"article", "group", "both"} == set(table.task) and table.value.between(0, 100).all()


def test_dense_units_have_no_shares_and_no_alphas_in_the_record(tmp_path):
    study = Study("tiny", "?", [DENSE], {"live": SCALE}, metrics={"both": "accuracy"})
    study.run("live", [0], folder=tmp_path)
    (cell,) = study.record("live", tmp_path)["cells"]
    assert cell["status"] == "done" and cell["sharing"] == {} and cell["alphas"] == {}


def test_every_recorded_scale_can_be_read_again():
    scales = {scale for study in STUDIES.values() for scale in study.scales.values()}
    for scale in scales:
        settings = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(scale).items()}
        assert recorded_scale(settings) == scale
    with pytest.raises(ValueError, match="no world 'moon': choose one of apascal, faces, fashion, nyuv2, room objects, rooms"):
        recorded_scale({"world": "moon"})


def test_batch_norms_momentum_changes_the_evaluation_and_not_the_training(tmp_path):
    """What `fashion_variants` compares with it are two evaluations of the same weights."""
    arms = [arm for arm in fashion_variants.arms if arm.name in ("none", "none, momentum 0.1")]
    study = Study("test", "?", arms, {"s": replace(SCALE, momentum=FashionScale.momentum)})
    study.run("s", seeds=[0], folder=tmp_path)
    first, second = (study.net(name, "s", 0, tmp_path) for name in ("none", "none, momentum 0.1"))
    torch.testing.assert_close(dict(first.named_parameters()), dict(second.named_parameters()), rtol=0, atol=0)
    assert not all([torch.equal(*pair) for pair in zip(first.buffers(), second.buffers(), strict=True)])
