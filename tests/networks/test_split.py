from collections import OrderedDict

import pytest
import torch
from torch import nn

from xstitch_lib.looking import cost
from xstitch_lib.networks import split
from xstitch_lib.networks.towers import fashion_cnn

OUTPUTS = {"article": 10, "group": 3}


def small(task):
    return fashion_cnn(OUTPUTS[task], width=4)


def test_a_split_shares_the_first_tasks_layers_and_keeps_the_rest_apart():
    towers, x = {task: small(task).eval() for task in OUTPUTS}, torch.randn(4, 1, 28, 28)
    net = split(towers.__getitem__, OUTPUTS, at="conv2")
    assert [name for name, _ in net.trunk.named_children()] == ["conv1", "pool1"]
    shared = towers["article"][:2](x)
    assert torch.equal(net(x)["article"], towers["article"](x))
    assert torch.equal(net(x)["group"], towers["group"][2:](shared))


def test_the_trunk_runs_once_and_learns_from_every_task():
    net, runs = split(small, ["article", "group"], at="score"), []
    net.trunk.register_forward_hook(lambda *_: runs.append(1))
    out = net(torch.randn(4, 1, 28, 28))
    assert {task: tuple(y.shape) for task, y in out.items()} == {"article": (4, 10), "group": (4, 3)}
    assert len(runs) == 1
    out["group"].square().sum().backward()
    assert net.trunk.conv1[0].weight.grad.any() and net.branches["article"].score[0].weight.grad is None


def test_later_splits_have_fewer_weights():
    weights = [cost(split(small, OUTPUTS, at=at), (1, 1, 28, 28)).parameters for at in ("conv2", "fc3", "score")]
    assert weights == sorted(weights, reverse=True) and len(set(weights)) == 3


def test_a_branch_that_begins_in_place_does_not_reach_the_other_branch():
    def factory(task):
        own = nn.ReLU(inplace=True) if task == "a" else nn.Identity()
        return nn.Sequential(OrderedDict(shared=nn.Identity(), own=own))

    x = torch.tensor([[-1.0, 2.0]])
    out = split(factory, "ab", at="own")(x)
    assert out["a"].tolist() == [[0.0, 2.0]] and out["b"].tolist() == [[-1.0, 2.0]] == x.tolist()


@pytest.mark.parametrize(
    ("factory", "tasks", "at", "match"),
    [
        (small, ["article"], "fc3", "at least 2 different tasks"),
        (small, ["group", "group"], "fc3", "at least 2 different tasks"),
        (small, OUTPUTS, "fc4", "no layer 'fc4' to split at; did you mean one of fc3"),
        (small, OUTPUTS, "conv1", "'conv1', the first layer, shares nothing"),
        (lambda task: nn.Linear(2, 2), OUTPUTS, "fc3", "nn.Sequential towers; .*'article'.* gave a Linear"),
        (
            lambda task: nn.Sequential(OrderedDict({task: nn.Identity(), "fc": nn.Identity()})),
            OUTPUTS,
            "fc",
            "tower 'group' begins with group, the trunk is article",
        ),
    ],
)
def test_wrong_splits_are_refused_by_name(factory, tasks, at, match):
    with pytest.raises(ValueError, match=match):
        split(factory, tasks, at)


def test_takes_any_task_name_and_layers_that_are_used_twice():
    def tower(task):
        relu = nn.ReLU()
        return nn.Sequential(OrderedDict(a=nn.Linear(4, 4), r1=relu, b=nn.Linear(4, 4), r2=relu, score=nn.Linear(4, 2)))

    net = split(tower, ["type", "a.b"], at="score")
    assert list(net(torch.randn(3, 4))) == ["type", "a.b"]
    assert [name for name in net.trunk._modules] == ["a", "r1", "b", "r2"]


def test_a_factory_that_repeats_itself_is_refused():
    tower = nn.Sequential(OrderedDict(a=nn.Linear(4, 4), score=nn.Linear(4, 2)))
    with pytest.raises(ValueError, match="one module for two tasks"):
        split(lambda task: tower, ["a", "b"], at="score")
