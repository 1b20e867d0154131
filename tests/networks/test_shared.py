import copy
import pickle
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xstitch_lib.looking import cost
from xstitch_lib.networks import mtl_shared, split
from xstitch_lib.networks.towers import fashion_cnn, small_alexnet_fcn

OUTPUTS = {"seg": 5, "normals": 7}
PICTURE = (1, 3, 16, 16)


def small(task):
    return small_alexnet_fcn(OUTPUTS[task], width=4)


def fashion(task):
    return fashion_cnn(OUTPUTS[task], width=2, dropout=0.0, batch_norm=False)


@pytest.mark.parametrize(("factory", "shape"), [(small, (2, 3, 16, 16)), (fashion, (2, 1, 28, 28))])
def test_it_starts_as_its_towers(factory, shape):
    towers, x = {task: factory(task) for task in OUTPUTS}, torch.rand(shape)
    for tower in towers.values():
        nn.init.normal_(tower[-1].bias)
    out = mtl_shared(towers.__getitem__, OUTPUTS)(x)
    for task, tower in towers.items():
        torch.testing.assert_close(out[task], tower(x), rtol=0, atol=1e-6)


def test_what_follows_the_linear_part_of_a_head_stays():
    towers, x = {task: fashion_cnn(OUTPUTS[task], width=2) for task in OUTPUTS}, torch.rand(8, 1, 28, 28)
    for tower in towers.values():
        nn.init.normal_(tower.score[1].bias)
        tower(x)
        tower.eval()
    out = mtl_shared(towers.__getitem__, OUTPUTS).eval()(x)
    for task, tower in towers.items():
        torch.testing.assert_close(out[task], tower(x), rtol=0, atol=1e-5)


def test_scores_are_s_times_l_times_the_tasks_own_features():
    net, x = mtl_shared(small, OUTPUTS), torch.rand(2, 3, 16, 16)
    nn.init.normal_(net.latent.weight)
    for task, scores in net(x).items():
        product = net.heads[task].weight.flatten(1) @ net.latent.weight.flatten(1)  # nothing nonlinear in between
        assert product.shape == (OUTPUTS[task], 24)
        expected = F.conv2d(net.towers[task](x), product[:, :, None, None], net.heads[task].bias)
        torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-5)


def test_only_the_latent_map_learns_from_every_task():
    net = mtl_shared(small, OUTPUTS)
    out = net(torch.rand(2, 3, 16, 16))
    out["seg"].sum().backward(retain_graph=True)
    first = net.latent.weight.grad.clone()
    assert net.towers["seg"].conv1[0].weight.grad.any() and net.heads["seg"].weight.grad.any()
    assert all([p.grad is None for p in [*net.towers["normals"].parameters(), *net.heads["normals"].parameters()]])
    out["normals"].sum().backward()
    assert first.any() and not torch.equal(net.latent.weight.grad, first)


def test_its_weights_are_those_of_the_towers_and_one_square_matrix():
    towers = sum([cost(small(task), PICTURE).parameters for task in OUTPUTS])
    assert cost(mtl_shared(small, OUTPUTS), PICTURE).parameters == towers + 24 * 24
    assert cost(split(small, OUTPUTS, at="fc8"), PICTURE).parameters < towers  # the other reading of its name


def test_the_factorys_towers_stay_as_they_were():
    towers = {task: small(task) for task in OUTPUTS}
    net = mtl_shared(towers.__getitem__, OUTPUTS)
    assert towers["seg"].fc8 is net.heads["seg"] and towers["seg"].conv1 is net.towers["seg"].conv1
    assert isinstance(towers["seg"].fc8, nn.Conv2d) and isinstance(net.towers["seg"].fc8, nn.Identity)


def test_making_one_draws_no_random_numbers_of_its_own():
    towers, rng = {task: small(task) for task in OUTPUTS}, torch.get_rng_state()
    mtl_shared(towers.__getitem__, OUTPUTS)
    assert torch.equal(torch.get_rng_state(), rng)


ONE = small("seg")


def ending(head):
    return lambda task: nn.Sequential(OrderedDict(fc7=nn.Linear(4, 4), fc8=head(task)))


@pytest.mark.parametrize(
    ("factory", "tasks", "match"),
    [
        (small, ["seg"], "MTL-shared network needs at least 2 different tasks; got .'seg'."),
        (small, ["seg", "seg"], "at least 2 different tasks"),
        (lambda task: nn.Linear(2, 2), OUTPUTS, "'seg' runs no layer of its own: Linear"),
        ({task: ONE for task in OUTPUTS}.__getitem__, OUTPUTS, "one module for two tasks"),
        (ending(lambda task: nn.ReLU()), OUTPUTS, r"'seg' ends in ReLU\(\)"),
        (
            ending(lambda task: nn.Conv2d(4, 4, 3)),
            OUTPUTS,
            "an nn.Linear or a 1×1 nn.Conv2d; 'seg' ends in Conv2d",
        ),
        (ending(lambda task: nn.Linear(len(task), 2)), OUTPUTS, "equally many inputs; .*in_features=3.*=7"),
    ],
)
def test_wrong_requests_are_refused_by_name(factory, tasks, match):
    with pytest.raises(ValueError, match=match):
        mtl_shared(factory, tasks)


class Before(nn.Module):
    """What `mtl_shared` made of nn.Sequentials before it followed other towers: the reference, bit for bit."""

    def __init__(self, towers, width):
        super().__init__()
        self.towers = nn.ModuleDict({task: tower[:-1] for task, tower in towers.items()})
        heads = {task: tower[-1] for task, tower in towers.items()}
        first = next(iter(heads.values()))
        kind = type(first[0] if isinstance(first, nn.Sequential) else first)
        self.latent = kind(width, width, *[1] * (kind is nn.Conv2d), bias=False)
        self.latent.weight.data = torch.eye(width).view_as(self.latent.weight)
        self.heads = nn.ModuleDict(heads)

    def forward(self, x):
        return {task: self.heads[task](self.latent(tower(x))) for task, tower in self.towers.items()}


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


@pytest.mark.parametrize(
    ("factory", "shape", "width"),
    [
        (lambda task: fashion_cnn(OUTPUTS[task], width=2), (6, 1, 28, 28), 64),
        (lambda task: small_alexnet_fcn(OUTPUTS[task], width=4), (2, 3, 16, 16), 24),
    ],
)
def test_training_is_bit_equal_to_bodies_a_map_and_heads_of_sequentials(factory, shape, width):
    towers, x = {task: factory(task) for task in OUTPUTS}, torch.rand(shape)
    old = Before(copy.deepcopy(towers), width)
    new = mtl_shared(towers.__getitem__, OUTPUTS)
    assert all([torch.equal(a, b) for a, b in zip(learned(new, x), learned(old, x), strict=True)])


class Detector(nn.Module):
    """Two inputs, a residual, a head inside a block of its own kind, and work after it."""

    class Head(nn.Module):
        def __init__(self, outputs):
            super().__init__()
            self.inner = nn.Sequential(nn.ReLU(), nn.Linear(4, outputs), nn.BatchNorm1d(outputs))

        def forward(self, x):
            return self.inner(x)

    def __init__(self, outputs):
        super().__init__()
        self.stem, self.other, self.last = nn.Linear(3, 4), nn.Linear(2, 4), self.Head(outputs)

    def forward(self, x, boxes):
        x = self.stem(x)
        return torch.cat([self.last(x + self.other(boxes)), boxes], 1)


def detector(task):
    return Detector(OUTPUTS[task])


def test_other_towers_start_as_themselves_and_learn_one_map():
    towers, x = {task: detector(task) for task in OUTPUTS}, (torch.randn(6, 3), torch.randn(6, 2))
    net = mtl_shared(towers.__getitem__, OUTPUTS)
    assert net.latent.weight.shape == (4, 4) and net.heads["seg"] is towers["seg"].last.inner[1]
    for mode in (False, True, False):
        net.train(mode)
        for task, tower in towers.items():
            assert torch.equal(net(*x)[task], tower.train(mode)(*x))
    nn.init.normal_(net.latent.weight)
    assert not torch.equal(net(*x)["seg"], towers["seg"](*x))
    out = net(*x)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert all([torch.equal(other(*x)[task], out[task]) for task in OUTPUTS]) and other.latent is not net.latent
    fresh = mtl_shared(detector, OUTPUTS).eval()
    fresh.load_state_dict(net.state_dict())
    assert all([torch.equal(fresh(*x)[task], out[task]) for task in OUTPUTS])


def test_alone_a_task_keeps_its_answers_and_has_a_map_of_its_own():
    net, x = mtl_shared(detector, OUTPUTS).eval(), (torch.randn(6, 3), torch.randn(6, 2))
    nn.init.normal_(net.latent.weight)
    one = net.alone("seg")
    assert torch.equal(one(*x), net(*x)["seg"])
    before = net(*x)["seg"]
    nn.init.zeros_(one.last.inner[1][0].weight)
    assert torch.equal(net(*x)["seg"], before) and not torch.equal(one(*x), before)
