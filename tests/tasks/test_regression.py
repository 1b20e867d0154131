"""Regression: losses in spreads, errors in the unit, unknown labels."""

import math
import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xstitch_lib import fit
from xstitch_lib.data import TensorData
from xstitch_lib.tasks import Regression

UNKNOWN = math.nan
OUTPUT = torch.tensor([[0.0], [1.0], [-2.0], [0.5]])
TASK = Regression("years", "years", centre=30.0, spread=10.0)


def labels(*values):
    return {"years": torch.tensor(values)}


@pytest.mark.parametrize(
    ("loss", "expected"),
    [("L2", 1 + 4 + 0.25), ("L1", 1 + 2 + 0.5), ("Huber", 0.5 + 1.5 + 0.125)],  # distances 1, 2 and 0.5 spreads
)
def test_the_loss_is_summed_over_known_labels_in_spreads(loss, expected):
    task = Regression("years", "years", loss, centre=30.0, spread=10.0)
    total, count = task.losses(OUTPUT, labels(40.0, 60.0, UNKNOWN, 30.0))["loss"]
    assert total.item() == pytest.approx(expected) and count == 3


@pytest.mark.parametrize("loss", ["L2", "L1", "Huber"])
def test_a_sample_without_label_adds_exactly_nothing(loss):
    task, output = Regression("years", loss=loss), OUTPUT.clone().requires_grad_()
    total, count = task.losses(output, labels(UNKNOWN, UNKNOWN, UNKNOWN, 3.0))["loss"]
    total.backward()
    assert count == 1 and output.grad[:3].tolist() == [[0.0]] * 3 and output.grad[3] != 0
    total, count = task.losses(output, labels(*[UNKNOWN] * 4))["loss"]
    assert (total, count) == (0, 0)


def test_errors_are_told_in_the_unit_over_all_batches():
    metric = TASK.metric()
    metric.update(OUTPUT, labels(33.0, 44.0, UNKNOWN, UNKNOWN))  # off by 3 and 4
    metric.update(OUTPUT[:1], labels(25.0))  # off by 5; the mean of the batches' means would be 4.25
    assert metric.compute() == {"MAE": pytest.approx(4.0), "RMSE": pytest.approx(math.sqrt(50 / 3))}
    assert metric.per_class() == {}
    assert TASK.quantities["MAE"].unit == "years" and TASK.quantities["RMSE"].arrow == "↓"
    assert all([math.isnan(value) for value in TASK.metric().compute().values()])


def test_the_datas_own_mean_and_deviation_are_taken():
    data = TensorData({"image": torch.zeros(4, 1), "years": torch.tensor([10.0, 30.0, UNKNOWN, UNKNOWN])})
    task = Regression.from_data(data, "years", "years", "L1")
    assert task == Regression("years", "years", "L1", 20.0, 10.0)
    with pytest.raises(ValueError, match=r"two different labels or more; got \[10.0\]"):
        Regression.from_data(data.take(slice(1)), "years")


def test_answers_are_numbers_and_words():
    assert TASK.predict(OUTPUT).tolist() == [30.0, 40.0, 10.0, 35.0] and TASK.outputs == 1
    assert TASK.draw(torch.tensor([30.04, UNKNOWN])) == ["30.0 years", "unknown"]
    assert Regression("size").draw(torch.tensor([1.0])) == ["1.0"]


def test_a_network_learns_it_though_labels_are_missing():
    x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    years = 40 + 20 * x[:, 0]
    years[::3] = UNKNOWN
    data = TensorData({"image": x, "years": years})
    task = Regression.from_data(data, "years", "years")
    torch.manual_seed(0)
    net = nn.Linear(3, 1)
    fit(net, {"age": task}, data, steps=300, lr=0.05, batch_size=50)
    assert F.l1_loss(task.predict(net(x))[1::3], years[1::3]) < 0.1


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Regression("years", loss="l3"), "must be L2, L1, Huber; got 'l3'"),
        (lambda: Regression("years", spread=0.0), "a spread above 0; got 0.0 and 0.0"),
        (lambda: TASK.losses(OUTPUT[:, 0], labels(*[1.0] * 4)), "needs an output of shape (4, 1); got (4,)"),
        (lambda: TASK.check("age", {"years": torch.tensor([1, 2])}), "must be floating-point numbers (B,)"),
        (
            lambda: TASK.check("age", labels(1.0, math.inf)),
            "finite labels 'years', or NaN where unknown; got 1 infinite",
        ),
        (lambda: TASK.check("age", {}), "task 'age' needs the labels 'years'"),
    ],
)
def test_misfits_are_named(made, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        made()


def test_unknown_labels_pass_the_check():
    TASK.check("age", labels(1.0, UNKNOWN))
