"""Ways to weigh tasks: each against the equations of its paper."""

import contextlib
import math
from functools import partial

import pytest
import torch
from torch import nn
from training_runs import Noise, assert_same, interrupted, samples, stitched, train, weights

from xstitch_lib.data.tensors import IGNORE
from xstitch_lib.training.checkpoint import CheckpointError
from xstitch_lib.training.objective import Objective
from xstitch_lib.training.weighting import Aggregated, DynamicWeightAverage, GradNorm, Orthogonality, Uncertainty


def losses(**values):
    return {task: {"loss": torch.tensor(value, requires_grad=True)} for task, value in values.items()}


def test_uncertainty_is_the_papers_sum_and_its_optimum_is_the_loss():
    objective = Uncertainty(["a", "b"])
    with torch.no_grad():
        objective.logs[1].fill_(math.log(4.0))  # a variance of 4
    assert objective(losses(a=3.0, b=8.0)).item() == pytest.approx(3 + 8 / 4 + math.log(4))
    with torch.no_grad():
        objective.logs[0].fill_(math.log(3.0))
        objective.logs[1].fill_(math.log(8.0))
    objective(losses(a=3.0, b=8.0)).backward()
    assert [s.grad.item() for s in objective.logs] == pytest.approx([0, 0], abs=1e-6)


def test_dynamic_weights_follow_the_ratio_of_the_last_two_averages():
    objective, net = DynamicWeightAverage(["a", "b"], period=2, temperature=2.0), nn.Linear(1, 1)
    for a, b in [(4.0, 4.0), (2.0, 2.0), (3.0, 1.0), (3.0, 2.0)]:  # averages 3 and 3, then 3 and 1.5
        assert objective.current == {"a": 1.0, "b": 1.0}
        objective.backward(losses(a=a, b=b), net, 1.0)
    first, second = math.exp(1.0 / 2), math.exp(0.5 / 2)
    assert objective.current == pytest.approx({"a": 2 * first / (first + second), "b": 2 * second / (first + second)})
    assert objective(losses(a=1.0, b=0.0)).item() == pytest.approx(objective.current["a"])


def test_gradnorm_moves_its_weights_by_the_papers_gradient():
    net = nn.Linear(2, 1, bias=False)
    nn.init.ones_(net.weight)
    objective = GradNorm(["a", "b"], at="", alpha=1.0)

    def now(a, b):  # losses whose gradients are (a, 0) and (0, b), of norms a and b
        return {"a": {"loss": a * net.weight[0, 0]}, "b": {"loss": b * net.weight[0, 1]}}

    objective.backward(now(1.0, 3.0), net, 1.0)  # pace 1 and 1: the target is the mean, 2
    assert objective.shares.grad.tolist() == [-1.0, 3.0] and net.weight.grad.tolist() == [[1.0, 3.0]]
    objective.shares.grad = None
    with torch.no_grad():
        objective.shares.copy_(torch.tensor([5.0, 5.0]))  # brought to 1 and 1
    objective.backward(now(0.5, 3.0), net, 1.0)  # pace 0.5 and 1, over 0.75; the targets are 2/3 and 4/3 of 1.75
    assert objective.shares.tolist() == [1.0, 1.0] and objective.shares.grad.tolist() == [-0.5, 3.0]
    with pytest.raises(ValueError, match=r"at '1', on which the loss of 'b' does not depend"):
        two = nn.Sequential(net, nn.Linear(1, 1))
        other = GradNorm(["a", "b"], at="1")
        other.backward({"a": {"loss": two[1].weight.sum()}, "b": {"loss": net.weight.sum()}}, two, 1.0)


def test_torchjds_aggregators_make_the_step():
    torchjd = pytest.importorskip("torchjd.aggregation")
    summed, plain, mgda = stitched(), stitched(), stitched()
    train(plain, samples(missing=0.3), steps=4)
    train(summed, samples(missing=0.3), steps=4, objective=lambda tasks: Aggregated(tasks, torchjd.Sum()))
    train(mgda, samples(missing=0.3), steps=4, objective=lambda tasks: Aggregated(tasks, torchjd.MGDA()))
    torch.testing.assert_close(weights(summed), weights(plain))
    assert not torch.equal(weights(mgda)["towers.a.fc1.0.weight"], weights(plain)["towers.a.fc1.0.weight"])


def without(task, n=40):
    data = samples(n)
    data.tensors[task] = torch.full_like(data.tensors[task], IGNORE)
    return data


def test_a_task_without_labels_has_no_part_in_a_step():
    uncertain, averaging = Uncertainty(["a", "b"]), DynamicWeightAverage(["a", "b"], period=1)
    train(stitched(), without("b"), objective=lambda tasks: uncertain)
    assert uncertain.logs[1].item() == 0 and uncertain.logs[0].item() != 0
    train(stitched(), without("b"), objective=lambda tasks: averaging)
    assert averaging.means[1, 1].isnan() and averaging.means[1, 0] > 0
    net, comparing = stitched(), GradNorm(["a", "b"], at="towers.a.fc1")
    train(net, without("b"), objective=lambda tasks: comparing)
    assert comparing.first[1].isnan() and comparing.current == pytest.approx({"a": 1, "b": 1})
    train(net, objective=lambda tasks: comparing)  # its first loss of b is the first one that had labels
    assert comparing.first[1] > 0


def test_an_objective_that_asks_for_a_task_without_labels_is_named():
    class Both(Objective):
        def forward(self, losses):
            return sum([losses[task]["loss"] for task in "ab"])

    with pytest.raises(ValueError, match=r"Both asks for the loss of 'b', and this batch has labels of .'a'. alone"):
        train(stitched(), without("b"), objective=lambda tasks: Both())


def test_settings_alone_tell_objectives_apart():
    class Counting(Objective):
        def __init__(self):
            super().__init__()
            self.known, self.seen, self.rate = {"a", "b"}, [torch.ones(2)], 0.5

    assert Counting().described().endswith("Counting {'weights': {}, 'rate': 0.5} {}")


def test_torchjd_is_not_given_the_gradient_of_a_task_without_labels():
    torchjd = pytest.importorskip("torchjd.aggregation")
    plain, mgda = stitched(), stitched()
    train(plain, without("b"), steps=3)
    train(mgda, without("b"), steps=3, objective=lambda tasks: Aggregated(tasks, torchjd.MGDA()))
    torch.testing.assert_close(weights(mgda), weights(plain))


def test_nothing_is_weighed_where_no_task_has_labels():
    data = without("b")
    data.tensors["a"] = data.tensors["b"].clone()
    net, uncertain = stitched(), Uncertainty(["a", "b"])
    before = weights(net)
    train(net, data, objective=lambda tasks: uncertain)
    assert_same(weights(net), before)


def test_an_objective_with_other_settings_is_another_run(tmp_path):
    for settings in ({"at": "towers.a.fc1", "alpha": 0.5}, {"at": "towers.a.fc1", "alpha": 1.5}):
        refused = settings["alpha"] == 1.5
        with pytest.raises(CheckpointError, match="alpha") if refused else contextlib.nullcontext():
            train(stitched(), objective=partial(GradNorm, **settings), resume=tmp_path / "run.ckpt")


@pytest.mark.parametrize("objective", [partial(DynamicWeightAverage, period=3), partial(GradNorm, at="towers.a.fc1")])
def test_runs_resume_to_the_same_weights(objective, tmp_path):
    straight, resumed = stitched(), stitched()
    options = {"objective": objective, "unit_lr_scale": 10, "checkpoint_every": 3}
    train(straight, augment=Noise(), **options)
    assert interrupted(stitched(), augment=Noise(stop_at=8), resume=tmp_path / "run.ckpt", **options)
    train(resumed, augment=Noise(), resume=tmp_path / "run.ckpt", **options)
    assert_same(weights(resumed), weights(straight))


def test_subspaces_are_kept_apart_by_the_papers_penalty():
    def overlap(net):
        rows = [tower.fc1[0].weight.detach() for tower in net.towers.values()]
        return sum([(w[:4] @ w[4:].T).square().sum() for w in rows])

    net, free, kept = stitched(), stitched(), stitched()
    objective = Orthogonality(["a", "b"], ["fc1.0"], scale=0.5)
    given = losses(a=2.0, b=1.0)
    objective.backward(given, net, 1.0)
    found = net.towers["a"].fc1[0].weight.grad
    weight = net.towers["a"].fc1[0].weight.detach().requires_grad_()
    (0.5 * (weight[:4] @ weight[4:].T).square().sum()).backward()
    torch.testing.assert_close(found, weight.grad)
    assert given["a"]["loss"].grad == 1 and net.towers["a"].fc2.weight.grad is None
    train(free, steps=30, objective=partial(Orthogonality, layers=["fc1.0"], scale=0.0))
    train(kept, steps=30, objective=partial(Orthogonality, layers=["fc1.0"], scale=1.0))
    assert overlap(kept) < overlap(free) / 4
