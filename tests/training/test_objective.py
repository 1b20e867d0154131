"""How the tasks' losses become a step: by constants, by what is learned along, or by a backward pass of one's own."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from training_runs import TASKS, Noise, Uncertainty, assert_same, interrupted, samples, stitched, train, weights

from xstitch_lib.data.tensors import IGNORE
from xstitch_lib.tasks import Classification
from xstitch_lib.training.objective import Objective


class Surgery(Objective):
    """Each task's gradient by itself; the second is left out where it points against the first."""

    def __init__(self, tasks):
        super().__init__()

    def backward(self, losses, net, share):
        params = [p for p in net.parameters() if p.requires_grad]
        a, b = [
            torch.autograd.grad(sum(own.values()), params, retain_graph=True, allow_unused=True, materialize_grads=True)
            for own in losses.values()
        ]
        against = sum([(x * y).sum() for x, y in zip(a, b, strict=True)]) < 0
        for p, x, y in zip(params, a, b, strict=True):
            p.grad = x if against else x + y


def test_weights_that_are_learned_along_follow_their_own_gradient():
    """One step of plain SGD from 0: the loss minus 1, times the rate; without decay."""
    net, data = stitched(), samples(16)
    with torch.no_grad():
        outputs = net(data[:]["image"])
        losses = {name: F.cross_entropy(outputs[name], data[:][name]) for name in TASKS}
    plain = {"optimizer": lambda groups: torch.optim.SGD(groups), "weight_decay": 0.5, "steps": 1, "lr": 0.05}
    train(net, data, objective=Uncertainty, **plain)
    for name, s in Uncertainty.last.logs.items():
        assert s.item() == pytest.approx(0.05 * (losses[name].item() - 1), rel=1e-4)
    twin = stitched()
    train(twin, data, **plain)
    assert_same(weights(net), weights(twin))  # exp(-0) is 1: the first step is that of the sum


@pytest.mark.parametrize("objective", [Uncertainty, Surgery])
def test_a_run_with_an_objective_of_ones_own_resumes_to_the_same_weights(objective, tmp_path):
    straight, resumed = stitched(), stitched()
    options = {"objective": objective, "unit_lr_scale": 10}
    train(straight, augment=Noise(), **options)
    assert interrupted(
        stitched(), augment=Noise(stop_at=8), resume=tmp_path / "run.ckpt", checkpoint_every=3, **options
    )
    train(resumed, augment=Noise(), resume=tmp_path / "run.ckpt", checkpoint_every=3, **options)
    assert_same(weights(resumed), weights(straight))
    with pytest.raises(ValueError, match=r"objective was .*, is None"):
        train(stitched(), augment=Noise(), resume=tmp_path / "run.ckpt", unit_lr_scale=10)


def test_an_objective_may_own_the_backward_pass():
    added, kept = stitched(), stitched()
    train(added)
    train(kept, objective=Surgery)
    assert not torch.equal(weights(added)["towers.b.fc2.weight"], weights(kept)["towers.b.fc2.weight"])
    with pytest.raises(ValueError, match="objective must make an Objective; got a int"):
        train(stitched(), objective=lambda tasks: 3)


class TwoLosses(Classification):
    """Cross-entropy, in two halves by what is labelled."""

    def losses(self, output, batch):
        labels, known = batch[self.target], batch[self.target] != IGNORE
        halves = {"low loss": known & (labels < 1), "high loss": known & (labels >= 1)}
        each = F.cross_entropy(output, labels, ignore_index=IGNORE, reduction="none")
        return {name: ((each * half).sum(), known.sum()) for name, half in halves.items()}


def test_a_tasks_losses_are_added_and_stand_in_the_history_by_their_names():
    whole, halves = stitched(), stitched()
    tasks = {"a": TwoLosses("a", 3), "b": TASKS["b"]}
    alone, history = train(whole, samples(missing=0.3)), train(halves, samples(missing=0.3), tasks)
    torch.testing.assert_close(weights(halves), weights(whole))
    of_a = history.table[history.table.task == "a"].pivot(index="step", columns="metric", values="value")
    assert list(of_a) == ["high loss", "low loss"]
    expected = alone.table[alone.table.task == "a"].value.tolist()
    assert of_a.sum(axis=1).tolist() == pytest.approx(expected, rel=1e-5)


def test_losses_have_names_that_a_curve_can_be_told_by():
    class Nameless(Classification):
        def losses(self, output, batch):
            return {"cross-entropy": super().losses(output, batch)["loss"]}

    with pytest.raises(ValueError, match="losses of task 'a' must be a dict of names that are or end in \"loss\""):
        train(stitched(), tasks={"a": Nameless("a", 3)})


def test_parts_of_a_batch_add_up_to_its_step():
    """Of plain SGD: with every label there the mean of the parts' means is the batch's."""
    at_once, in_parts = stitched(), stitched()
    histories = [train(at_once, snapshots=0), train(in_parts, accumulate=4, snapshots=0)]
    torch.testing.assert_close(weights(in_parts), weights(at_once))
    assert histories[0].table.value.tolist() == pytest.approx(histories[1].table.value.tolist(), rel=1e-5)
    with pytest.raises(ValueError, match=r"accumulate=3 needs batches that can be cut into .* got 16 samples for 1"):
        train(stitched(), accumulate=3)


def test_what_an_objective_learns_does_not_depend_on_the_parts():
    """Its own terms count once a step, not once a part."""
    found = []
    for parts in (1, 4):
        train(stitched(), objective=Uncertainty, accumulate=parts, lr=0.01, snapshots=0)
        found.append([s.item() for s in Uncertainty.last.logs.values()])
    assert found[0] == pytest.approx(found[1], rel=1e-4)


class Root(Objective):
    """Its gradient is infinite at the start, its value is not."""

    def __init__(self, tasks):
        super().__init__()
        self.p = nn.Parameter(torch.zeros(()))

    def forward(self, losses):
        return super().forward(losses) + self.p.sqrt()


def test_an_objectives_gradient_is_looked_at_and_clipped_as_the_networks_is():
    with pytest.raises(FloatingPointError, match="the norm of the gradient is inf"):
        train(stitched(), objective=Root)


def test_an_objective_with_other_weights_is_another_run(tmp_path):
    def weighing(factor):
        return lambda tasks: Objective({"a": factor})

    train(stitched(), objective=weighing(1.0), resume=tmp_path / "run.ckpt")
    with pytest.raises(ValueError, match=r"objective was .Objective .*'a': 1.0.*, is .Objective .*'a': 9.0"):
        train(stitched(), objective=weighing(9.0), resume=tmp_path / "run.ckpt")
