import copy
import pickle
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xstitch_lib.looking import cost
from xstitch_lib.networks import split
from xstitch_lib.networks.towers import fashion_cnn

OUTPUTS = {"article": 10, "group": 3}


def small(task):
    return fashion_cnn(OUTPUTS[task], width=4)


def test_a_split_shares_the_first_tasks_layers_and_keeps_the_rest_apart():
    towers, x = {task: small(task).eval() for task in OUTPUTS}, torch.randn(4, 1, 28, 28)
    net = split(towers.__getitem__, OUTPUTS, at="conv2")
    assert list(net.trunk) == ["conv1", "pool1"]
    shared = towers["article"][:2](x)
    assert torch.equal(net(x)["article"], towers["article"](x))
    assert torch.equal(net(x)["group"], towers["group"][2:](shared))


def test_the_trunk_runs_once_and_learns_from_every_task():
    net, runs = split(small, ["article", "group"], at="score"), []
    net.trunk["conv1"][0].register_forward_hook(lambda *_: runs.append(1))
    out = net(torch.randn(4, 1, 28, 28))
    assert {task: tuple(y.shape) for task, y in out.items()} == {"article": (4, 10), "group": (4, 3)}
    assert len(runs) == 1
    out["group"].square().sum().backward()
    assert net.trunk["conv1"][0].weight.grad.any() and net.branches["article"]["score"][0].weight.grad is None


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
        (lambda task: task, OUTPUTS, "fc3", r"tower_factory\('article'\) must give a network; it gave a str"),
        (
            lambda task: nn.Sequential(OrderedDict({task: nn.Identity(), "fc": nn.Identity()})),
            OUTPUTS,
            "fc",
            "tower 'group' begins otherwise than tower 'article', .* it runs 'group' where that runs 'article'",
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
    assert list(net.trunk) == ["a", "r1", "b"]


def test_a_factory_that_repeats_itself_is_refused():
    tower = nn.Sequential(OrderedDict(a=nn.Linear(4, 4), score=nn.Linear(4, 2)))
    with pytest.raises(ValueError, match="one module for two tasks"):
        split(lambda task: tower, ["a", "b"], at="score")


class Before(nn.Module):
    """What `split` made of nn.Sequentials before it followed other towers: the reference, bit for bit."""

    def __init__(self, towers, at):
        super().__init__()
        first = next(iter(towers.values()))
        start = list(first._modules).index(at)
        self.trunk, self.branches = first[:start], nn.ModuleDict({task: net[start:] for task, net in towers.items()})

    def forward(self, x):
        shared = self.trunk(x)
        return {task: branch(shared.clone()) for task, branch in self.branches.items()}


def learned(net, x):
    """Outputs, gradients and weights of three clipped steps: also the order of the parameters enters."""
    torch.manual_seed(1)
    optimizer, kept = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), []
    for _ in range(3):
        optimizer.zero_grad()
        out = net(x)
        sum([y.square().mean() for y in out.values()]).backward()
        norm = nn.utils.clip_grad_norm_(net.parameters(), 0.1)
        kept += [norm, *out.values(), *[p.grad.clone() for p in net.parameters()]]
        optimizer.step()
    return [*kept, *[p.detach() for p in net.parameters()], *net.eval()(x).values()]


@pytest.mark.parametrize("at", ["conv2", "fc3", "drop3", "score"])
def test_training_is_bit_equal_to_a_trunk_and_branches_of_sequentials(at):
    outputs = OUTPUTS | {"third": 2}
    towers = {task: fashion_cnn(outputs[task], width=4) for task in outputs}
    old, x = Before(copy.deepcopy(towers), at), torch.rand(6, 1, 28, 28)
    new = split(towers.__getitem__, outputs, at)
    assert all([torch.equal(a, b) for a, b in zip(learned(new, x), learned(old, x), strict=True)])


class Residual(nn.Module):
    """Values that live across every split, dropout before it, a parameter and a buffer of its own, two inputs."""

    def __init__(self, outputs, width=4):
        super().__init__()
        self.stem, self.drop = nn.Linear(3, width), nn.Dropout(0.5)
        self.block = nn.ModuleDict({"down": nn.Linear(width, width), "up": nn.Linear(width, width)})
        self.relu, self.head = nn.ReLU(inplace=True), nn.Linear(width, outputs)
        self.scale = nn.Parameter(torch.rand(width))
        self.register_buffer("shift", torch.rand(width))

    def forward(self, x, boxes, power=1):
        stem = self.drop(self.stem(x)) * self.scale + self.shift
        down = self.relu(self.block["down"](stem))
        up = F.relu_(self.block["up"](down) + stem) * self.scale
        return self.head(up + boxes.sum(1, keepdim=True) ** power), boxes


def residual(task):
    return Residual(OUTPUTS[task])


def inputs(batch=5):
    return torch.randn(batch, 3), torch.rand(batch, 4)


@pytest.mark.parametrize("at", ["drop", "block.down", "block.up", "head"])
def test_a_residual_tower_of_two_inputs_splits_anywhere(at):
    net, given = split(residual, OUTPUTS, at), inputs()
    for _ in range(2):
        net.eval()
        out = net(*given)
        for task in OUTPUTS:
            assert torch.equal(out[task][0], net.towers[task](*given)[0]) and torch.equal(out[task][1], given[1])
        torch.manual_seed(0)
        first = net.train()(*given)["article"][0]
        torch.manual_seed(0)
        assert torch.equal(first, net.towers["article"](*given)[0])
    shared = {
        name
        for name, p in net.towers["group"].named_parameters()
        if p is dict(net.towers["article"].named_parameters())[name]
    }
    assert "stem.weight" in shared and "head.weight" not in shared
    assert ("block.down.weight" in shared) == (at in ("block.up", "head"))
    assert ("scale" in shared) == (at != "drop")
    assert (net.towers["group"].shift is net.towers["article"].shift) == (at != "drop")


def test_the_gradient_of_what_is_shared_is_the_sum_over_the_branches():
    net, given = split(residual, OUTPUTS, "block.up").eval(), inputs()
    weight = net.towers["article"].stem.weight
    each = [torch.autograd.grad(net(*given)[task][0].sum(), weight)[0] for task in OUTPUTS]
    by_itself = [torch.autograd.grad(net.towers[task](*given)[0].sum(), weight)[0] for task in OUTPUTS]
    torch.testing.assert_close(each, by_itself)
    both = torch.autograd.grad(sum([y[0].sum() for y in net(*given).values()]), weight)[0]
    torch.testing.assert_close(both, sum(each))


def test_dropout_in_the_trunk_draws_once():
    def tower(task):
        return nn.Sequential(OrderedDict(drop=nn.Dropout(0.5), head=nn.Identity()))

    out = split(tower, OUTPUTS, "head")(torch.ones(4, 50))
    assert torch.equal(out["article"], out["group"]) and 0 < out["group"].eq(0).sum() < 200


def test_the_factorys_towers_stay_as_they_were():
    towers = {task: residual(task) for task in OUTPUTS}
    own = towers["group"].stem
    net = split(towers.__getitem__, OUTPUTS, "head")
    assert towers["group"].stem is own is not net.towers["group"].stem
    assert net.towers["article"] is towers["article"] and net.towers["group"].head is towers["group"].head


def test_a_copy_a_pickle_and_a_checkpoint_share_the_same_layers():
    net, given = split(residual, OUTPUTS, "block.up").eval(), inputs()
    expected = net(*given)
    fresh = split(residual, OUTPUTS, "block.up").eval()
    fresh.load_state_dict(net.state_dict())
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), fresh):
        assert all([torch.equal(other(*given)[task][0], expected[task][0]) for task in OUTPUTS])
        assert other.towers["group"].stem is other.towers["article"].stem
        assert len(list(other.parameters())) == len(list(net.parameters()))
        assert other.towers["article"].stem is not net.towers["article"].stem
    assert net.double()(*[x.double() for x in given])["group"][0].dtype == torch.float64
    assert net.towers["group"].scale is net.towers["article"].scale


def test_a_compiled_split_gives_the_same_outputs_and_gradients():
    net, given = split(residual, OUTPUTS, "block.up").eval(), inputs()
    runs = (net, torch.compile(net, fullgraph=True, backend="aot_eager"))
    found = []
    for run in runs:
        net.zero_grad()
        out = run(*given)
        sum([y[0].sum() for y in out.values()]).backward()
        found.append([*[y[0] for y in out.values()], *[p.grad.clone() for p in net.parameters()]])
    torch.testing.assert_close(*found)


def test_towers_that_begin_differently_are_refused_where_they_differ():
    class Scaled(Residual):
        def forward(self, x, boxes):
            return self.head(self.relu(self.stem(x) * 2)), boxes

    class Other(Scaled):
        def forward(self, x, boxes):
            return self.head(self.relu(self.stem(x) * 3)), boxes

    def factory(task):
        return (Scaled if task == "a" else Other)(2)

    with pytest.raises(ValueError, match=r"tower 'b' .* it runs mul\(3,\) where that runs mul\(2,\)"):
        split(factory, "ab", "head")

    def one_input(task):
        return residual("group") if task == "a" else small("group")

    with pytest.raises(ValueError, match=r"equally many inputs; got .'a': 2, 'b': 1"):
        split(one_input, "ab", "stem")
    with pytest.raises(ValueError, match="'stem', the first layer, shares nothing: split at one of drop, "):
        split(residual, OUTPUTS, "stem")
    with pytest.raises(ValueError, match="takes 2 inputs, as many as its towers' forward requires; got 1"):
        split(residual, OUTPUTS, "head")(torch.rand(1, 3))


def test_a_tower_that_cannot_be_followed_is_refused_with_the_line():
    class Choosy(Residual):
        def forward(self, x, boxes):
            return self.head(self.stem(x) if x.sum() > 0 else self.stem(-x))

    with pytest.raises(ValueError, match=r"tower 'article' .Choosy. cannot be joined at head: .*x.sum\(\) > 0"):
        split(lambda task: Choosy(2), OUTPUTS, "head")
