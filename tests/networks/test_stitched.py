import copy
import io
import pickle
import random
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xstitch_lib import CrossStitchUnit
from xstitch_lib.looking import cost, intensity, sharing, step_times
from xstitch_lib.networks import DenseUnit, stitch
from xstitch_lib.networks.towers import fashion_cnn

IMAGE = (1, 1, 28, 28)
POINTS = ["pool1", "pool2", "fc3"]


def tower(width=4, outputs=5, **layers):
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU()),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Sequential(nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(inplace=True)),
            flatten=nn.Flatten(),
            score=nn.Linear(2 * width * 16, outputs),
            **layers,
        )
    )


def pair(make=tower):
    return {"a": make(), "b": make()}


def stitched(after=("pool1", "conv2"), example=(1, 3, 8, 8), **options):
    return stitch(pair(), after, example, **options)


class Net(nn.Module):
    """A tower with two layers and a forward of the test's choosing."""

    def __init__(self, run=None):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.drop = nn.Dropout(0.5)
        self.register_buffer("steps", torch.zeros(()))
        self.run = run

    def forward(self, x, scale=None):
        y = self.run(self, x) if self.run else self.conv2(self.conv1(x))
        return y if scale is None else y * scale


class OnRegions(nn.Module):
    """A tower with a picture and, of each, regions as inputs."""

    def __init__(self, outputs=5):
        super().__init__()
        self.conv1, self.fc = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(8, outputs)

    def forward(self, image, regions, weight=2.0):
        seen = self.conv1(image).mean((2, 3))[:, None].expand(-1, regions.shape[1], -1)
        return self.fc(torch.cat([seen, weight * regions], 2))


PICTURES = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(1))
REGIONS = torch.randn(6, 7, 4, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("example", [(PICTURES[:2], REGIONS[:2]), ((2, 3, 8, 8), (2, 7, 4)), (PICTURES[:1], (1, 7, 4))])
def test_towers_may_have_several_inputs(example):
    towers = pair(OnRegions)
    net = stitch(towers, ["conv1"], example, alpha_same=1.0).eval()
    for used in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        found = used(PICTURES, REGIONS)
        assert all(torch.equal(found[task], tower(PICTURES, REGIONS)) for task, tower in towers.items())
    assert not torch.equal(net(PICTURES, REGIONS)["a"], net(PICTURES, -REGIONS)["a"])


def test_another_number_of_inputs_than_the_examples_is_refused():
    net = stitch(pair(OnRegions), ["conv1"], (PICTURES[:1], REGIONS[:1]))
    with pytest.raises(ValueError, match=r"takes 2 inputs, as many as its example had: .*; got 1"):
        net(PICTURES)
    with pytest.raises(ValueError, match="does not run on the example list: several inputs stand in a tuple"):
        stitch(pair(OnRegions), ["conv1"], [PICTURES[:1], REGIONS[:1]])
    with pytest.raises(ValueError, match=r"tower 'a' does not run on the example \(1, 3, 8, 8\): .*regions"):
        stitch(pair(OnRegions), ["conv1"], PICTURES[:1])


def test_compiled_and_exported_nets_take_several_inputs_and_any_batch():
    net = stitch(pair(OnRegions), ["conv1"], (PICTURES[:2], REGIONS[:2])).eval()
    expected = net(PICTURES, REGIONS)
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(PICTURES, REGIONS), expected)
    one, batch = stitched(), torch.export.Dim("batch", min=2)
    program = torch.export.export(one.eval(), (PICTURES[:2],), dynamic_shapes={"x": {0: batch}})
    torch.testing.assert_close(program.module()(PICTURES), one(PICTURES))


def test_an_input_that_is_a_tuple_stands_in_one():
    towers = pair(lambda: Net(lambda net, x: net.conv2(net.conv1(x[0]) * x[1])))
    two = (PICTURES, torch.tensor(3.0))
    net = stitch(towers, ["conv1"], (two,), alpha_same=1.0).eval()
    assert torch.equal(net(two)["b"], towers["b"](two))


def test_what_looks_at_a_network_takes_several_inputs():
    net, example = stitch(pair(OnRegions), ["conv1"], (PICTURES[:1], REGIONS[:1])), (PICTURES, REGIONS)
    assert sharing(net, example)["conv1"].shape == (4, 2, 2)
    assert step_times({"net": net}, example, rounds=1)["net"] > 0
    assert "units.conv1" in intensity(net, example).layer.tolist()
    alone = OnRegions()
    assert cost(alone, ((6, 3, 8, 8), (6, 7, 4))).multiplies == 8 * 8 * 4 * 27 + 7 * 8 * 5


class TrainingNet(Net):
    def forward(self, x):
        y = F.dropout(self.conv2(self.conv1(x)), 0.5, training=self.training)
        return (y, "auxiliary") if self.training else y


def nets(run):
    return {"a": Net(run), "b": Net(run)}


def test_a_stitched_net_is_its_towers_with_equation_1_after_each_named_layer():
    towers, x = pair(), torch.randn(6, 3, 8, 8)
    net = stitch(towers, ["pool1", "conv2"], x, alpha_same=0.8)
    nn.init.normal_(net.units["conv2"].alpha)

    maps = [[t.pool1(t.conv1(x))] for t in towers.values()]
    mixed = net.units["pool1"]([m[-1] for m in maps])
    mixed = net.units["conv2"]([t.conv2(m) for t, m in zip(towers.values(), mixed, strict=True)])
    for (task, t), m in zip(towers.items(), mixed, strict=True):
        torch.testing.assert_close(net(x)[task], t.score(t.flatten(m)), rtol=0, atol=0)


def test_a_value_that_lives_across_a_unit_is_left_alone_and_later_uses_see_the_mix():
    def residual(self, x):
        stem = self.conv1(x)
        return stem + self.conv2(F.relu(stem))

    towers, x = nets(residual), torch.randn(2, 3, 8, 8)
    across = stitch(towers, ["conv2"], x)
    stems = [t.conv1(x) for t in towers.values()]
    mixed = across.units["conv2"]([t.conv2(F.relu(s)) for t, s in zip(towers.values(), stems, strict=True)])
    assert torch.equal(across(x)["b"], stems[1] + mixed[1])

    before = stitch(towers, ["conv1"], x)
    mixed = before.units["conv1"](stems)
    assert torch.equal(before(x)["b"], mixed[1] + towers["b"].conv2(F.relu(mixed[1])))


def test_gradients_reach_every_tower_and_every_alpha_through_the_other_task():
    net = stitched()
    net(torch.randn(4, 3, 8, 8))["a"].sum().backward()
    assert all([p.grad is not None and p.grad.any() for p in net.units.parameters()])
    assert net.towers["b"].conv1[0].weight.grad.any()
    assert net.towers["b"].score.weight.grad is None


@pytest.mark.parametrize("tasks", [2, 3, 4])
def test_units_start_as_asked_for_any_number_of_tasks(tasks):
    net = stitch({f"t{i}": tower() for i in range(tasks)}, ["conv1"], (1, 3, 8, 8), alpha_same=0.7)
    alpha = net.units["conv1"].alpha
    assert alpha.shape == (4, tasks, tasks)
    torch.testing.assert_close(alpha.sum(2), torch.ones(4, tasks))
    torch.testing.assert_close(alpha.diagonal(dim1=1, dim2=2), torch.full((4, tasks), 0.7))
    assert list(net(torch.randn(2, 3, 8, 8))) == [f"t{i}" for i in range(tasks)]


def test_per_layer_has_one_matrix_for_the_whole_map():
    net = stitched(per="layer")
    assert [unit.alpha.shape for unit in net.units.values()] == [(1, 2, 2)] * 2
    assert net(torch.randn(2, 3, 8, 8))["a"].shape == (2, 5)


def test_per_dense_is_the_re_implementations_identity_matrix_over_flattened_maps():
    towers, x = {"a": tower(), "b": tower(width=6)}, torch.randn(3, 3, 8, 8)
    net = stitch(towers, ["pool1", "conv2"], (1, 3, 8, 8), per="dense").eval()
    assert net.units["pool1"].alpha.shape == (4 * 16 + 6 * 16,) * 2
    assert torch.equal(net(x)["b"], towers["b"](x))

    nn.init.normal_(net.units["conv2"].alpha)
    maps = [t.conv2(t.pool1(t.conv1(x))).flatten(1) for t in towers.values()]
    mixed = torch.cat(maps, 1) @ net.units["conv2"].alpha.T
    torch.testing.assert_close(net(x)["b"], towers["b"].score(mixed[:, maps[0].shape[1] :]), rtol=1e-4, atol=1e-4)
    net(x)["a"].sum().backward()


def test_an_in_place_layer_may_follow_a_dense_unit():
    def run(self, x):
        return self.conv2(F.relu(self.conv1(x), inplace=True))

    net = stitch(nets(run), ["conv1"], (1, 3, 4, 4), per="dense")
    net(torch.randn(2, 3, 4, 4))["a"].sum().backward()


def test_weights_are_those_of_the_paper_and_of_the_re_implementation():
    towers = {"article": fashion_cnn(10), "group": fashion_cnn(3)}
    net = stitch(towers, POINTS, IMAGE)
    single = cost(towers["article"], IMAGE).multiplies + cost(towers["group"], IMAGE).multiplies
    found = cost(net, (2, 1, 28, 28))
    assert found.alphas == 4480  # erratum 10
    assert found.parameters == found.alphas + sum(p.numel() for t in towers.values() for p in t.parameters())
    assert found.multiplies == single + 4 * (32 * 14 * 14 + 64 * 7 * 7 + 1024)

    towers = {"article": fashion_cnn(10, width=2), "group": fashion_cnn(3, width=2)}
    dense = cost(stitch(towers, POINTS, IMAGE, per="dense"), IMAGE)
    assert dense.alphas == 784**2 + 392**2 + 128**2  # a sixteenth of the width: 1/256 of 12544² + 6272² + 2048²
    assert dense.alphas * 256 == 12544**2 + 6272**2 + 2048**2
    assert dense.multiplies == sum(cost(t, IMAGE).multiplies for t in towers.values()) + dense.alphas


def test_units_are_a_mapping_by_layer_name_dots_included():
    net = stitched(["conv1.0", "conv2", "pool1"])
    assert list(net.units) == list(net.units.keys()) == ["conv1.0", "conv2", "pool1"]
    assert "conv1.0" in net.units and "conv1" not in net.units
    assert all([isinstance(unit, CrossStitchUnit) for unit in net.units.values()])
    assert dict(net.units.items())["conv1.0"] is net.units["conv1.0"]
    assert {id(p) for p in net.units.parameters()} == {id(unit.alpha) for unit in net.units.values()}
    assert "units.conv1/0.alpha" in net.state_dict() and "towers.a.conv1.0.weight" in net.state_dict()
    net.units["pool1"] = DenseUnit([64, 64])
    assert net(torch.randn(2, 3, 8, 8))["a"].shape == (2, 5)


def test_tasks_and_layers_may_carry_pythons_own_words():
    towers = {"class": tower(values=nn.Tanh()), "type": tower(values=nn.Tanh())}
    net = pickle.loads(pickle.dumps(stitch(towers, ["values"], (1, 3, 8, 8))))
    assert list(net(torch.randn(2, 3, 8, 8))) == list(net.towers) == ["class", "type"]
    assert net.units["values"].alpha.shape == (5, 2, 2)


def test_the_net_holds_the_towers_themselves_and_sees_a_replaced_layer():
    towers = pair()
    net = stitch(towers, ["pool1"], (1, 3, 8, 8))
    assert net.towers["b"] is towers["b"]
    net.towers["b"].score = nn.Linear(8 * 16, 7)
    assert net(torch.randn(2, 3, 8, 8))["b"].shape == (2, 7)


def test_layout_gives_the_layers_of_figure_4_with_the_places_of_the_units():
    layout = stitched(["conv1.0", "conv1", "conv2"]).layout()["b"]
    assert layout == [
        *[("conv1.0", True), ("conv1.1", False), ("conv1", True), ("pool1", False)],
        *[("conv2", True), ("flatten", False), ("score", False)],
    ]


def test_the_example_leaves_towers_and_random_numbers_as_they_were():
    def always_random(self, x):
        return F.dropout(self.conv2(self.conv1(x)), 0.5, training=True)

    towers = {"a": fashion_cnn(10, width=4), "b": fashion_cnn(3, width=4).eval()}
    towers["a"].conv1[1].eval()
    flags = [[m.training for m in t.modules()] for t in towers.values()]
    states = [copy.deepcopy(t.state_dict()) for t in towers.values()]
    example, noisy, rng = torch.randn(4, 1, 28, 28), nets(always_random), torch.get_rng_state()

    stitch(towers, POINTS, example)
    stitch(noisy, ["conv1"], (1, 3, 8, 8))
    assert torch.equal(torch.get_rng_state(), rng)
    assert [[m.training for m in t.modules()] for t in towers.values()] == flags
    for t, state in zip(towers.values(), states, strict=True):
        assert all([torch.equal(value, state[key]) for key, value in t.state_dict().items()])
        assert not any([m._forward_hooks for m in t.modules()])


def test_units_follow_the_maps_dtype_and_the_example_may_be_a_shape():
    net = stitch({"a": tower().double(), "b": tower().double()}, ["pool1"], torch.Size([1, 3, 8, 8]))
    assert net.units["pool1"].alpha.dtype == torch.float64
    assert net(torch.randn(2, 3, 8, 8).double())["a"].dtype == torch.float64


def test_outputs_pass_as_the_towers_return_them():
    def run(self, x):
        y = self.conv2(self.conv1(x))
        return {"out": y, "all": [y, (y.mean(), 3)]}

    out = stitch(nets(run), ["conv1"], (1, 3, 8, 8))(torch.randn(2, 3, 8, 8))["a"]
    assert out["out"].shape == (2, 4, 8, 8) and out["all"][1][1] == 3


def test_training_flags_in_a_towers_own_forward_switch_both_ways_and_after_a_copy():
    x = torch.randn(2, 3, 8, 8)
    first = stitch({"a": TrainingNet(), "b": TrainingNet()}, ["conv1"], x, alpha_same=1.0)
    for net in (first, copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
        for _ in range(2):
            assert net.train()(x)["a"][1] == "auxiliary"
            assert not torch.equal(net(x)["a"][0], net(x)["a"][0])
            assert torch.equal(net.eval()(x)["a"], net.towers["a"](x))


def test_checkpoints_load_strictly_into_a_newly_stitched_net():
    net, other, x = stitched(["conv1.0", "pool1"]), stitched(["conv1.0", "pool1"]), torch.randn(2, 3, 8, 8)
    nn.init.normal_(net.units["conv1.0"].alpha)
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file), strict=True)
    assert torch.equal(other(x)["b"], net(x)["b"])


def test_functional_calls_use_the_given_weights():
    net, x = stitched(["conv1.0"]), torch.randn(2, 3, 8, 8)
    zeros = {name: torch.zeros_like(p) for name, p in net.named_parameters()}
    assert not torch.func.functional_call(net, zeros, (x,))["a"].any()


def test_further_inputs_keep_their_defaults():
    assert stitch(nets(None), ["conv1"], (1, 3, 8, 8))(torch.randn(2, 3, 8, 8))["a"].shape == (2, 4, 8, 8)


def refused(match, towers, after, example=(1, 3, 8, 8), **options):
    with pytest.raises(ValueError, match=match):
        stitch(towers, after, example, **options)


def test_wrong_requests_are_refused_by_name():
    same = tower()
    refused("at least 2 towers", {"a": tower()}, ["pool1"])
    refused("one module: copy.deepcopy it", {"a": same, "b": same}, ["pool1"])
    refused("at least one", pair(), [])
    refused("list of the names", pair(), "pool1")
    refused("list of the names", pair(), [1])
    refused("named twice", pair(), ["pool1", "pool1"])
    refused("per is", pair(), ["pool1"], per="pixel")
    refused("alpha_same", pair(), ["pool1"], alpha_same=1.5)
    refused("'b' has no layer 'conv3'; did you mean .*conv2", {"a": tower(conv3=nn.Tanh()), "b": tower()}, ["conv3"])
    refused(r"'a' does not run on the example \(1, 4, 8, 8\)", pair(), ["pool1"], example=(1, 4, 8, 8))


def test_layers_that_cannot_carry_a_unit_are_refused_by_name():
    def twice(self, x):
        return self.conv2(self.conv2(self.conv1(x)))

    def other_order(self, x):
        return self.conv2(torch.cat([x, x[:, :1]], 1)) + self.conv1(x)

    refused(r"'conv2' of tower 'a' runs 2 times", nets(twice), ["conv2"])
    refused(r"'drop' of tower 'a' runs 0 times", nets(None), ["drop"])
    refused("'a' runs conv1, conv2; 'b' runs conv2, conv1", {"a": Net(), "b": Net(other_order)}, ["conv2", "conv1"])
    refused("'conv2' and 'conv2.1' of tower 'a' end in the same place", pair(), ["conv2", "conv2.1"])
    lstm = {task: nn.Sequential(OrderedDict(lstm=nn.LSTM(3, 4))) for task in "ab"}
    refused("'lstm' of tower 'a' returns a tuple, not one tensor", lstm, ["lstm"], (2, 3))
    shapes = r"after 'pool1' .* one shape; got 'a' \(1, 4, 4, 4\) .*; 'b' \(1, 6, 4, 4\)"
    refused(shapes, {"a": tower(), "b": tower(width=6)}, ["pool1"])
    refused(shapes, {"a": tower(), "b": tower(width=6)}, ["pool1"], per="layer")
    refused("float64", {"a": tower(), "b": tower().double()}, ["pool1"], example=(1, 3, 8, 8))
    vectors = {task: nn.Sequential(OrderedDict(sum=nn.Flatten(0), last=nn.Identity())) for task in "ab"}
    refused(r"maps \(B, C, ...\); got 'a' \(3,\)", vectors, ["sum"], (1, 3))


def counting(self, x):
    self.steps += 1
    return self.conv2(self.conv1(x))


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (lambda self, x: self.conv2(self.conv1(x) if x.sum() > 0 else self.conv1(-x)), "control flow"),
        (lambda self, x: self.conv2(self.conv1(x)) + torch.ones(1), "makes a tensor"),
        (lambda self, x: setattr(self, "seen", self.conv1(x)) or self.conv2(self.seen), "sets seen on itself"),
        (counting, "sets steps on itself"),
        (lambda self, x: self.conv2(torch.no_grad()(lambda y: self.conv1(y) * 2)(x)), "gradients or autocast"),
    ],
)
def test_a_tower_that_a_trace_would_misread_is_refused_by_name(run, why):
    towers = {"a": Net(), "b": Net(run)}
    refused(f"tower 'b' .Net. cannot be joined at conv1: .*{why}.* child module", towers, ["conv1"])


@pytest.mark.parametrize(
    "asked",
    [
        lambda x: isinstance(x, torch.Tensor),
        lambda x: torch.is_tensor(x),
        lambda x: not torch.is_grad_enabled(),  # stitching traces with gradients, and compares without
    ],
)
@pytest.mark.parametrize("example", [(1, 3, 8, 8), torch.ones(1, 3, 8, 8)])
def test_a_question_that_a_trace_answers_once_and_for_all_is_noticed(asked, example):
    def run(self, x):
        y = self.conv2(self.conv1(x))
        return 2 * y if asked(x) else y

    refused(
        "tower 'b' .* other outputs than by itself.* a child without", {"a": Net(), "b": Net(run)}, ["conv1"], example
    )


@pytest.mark.parametrize("draw", [random.random, np.random.rand, lambda: torch.rand(1).item()])
def test_randomness_that_a_trace_freezes_is_noticed(draw):
    def run(self, x):
        y = self.conv2(self.conv1(x))
        return y * (1 + draw()) if self.training else y

    np.random.seed(0)
    np.random.rand()  # else numpy makes its first numbers, which even its keys show
    refused("tower 'b' .* draws a random number", {"a": Net(), "b": Net(run)}, ["conv1"])


def test_a_refusal_quotes_the_line_that_a_trace_cannot_follow():
    def run(self, x):
        y = self.conv1(x)
        assert y.sum() > -1e9
        return self.conv2(y)

    refused(r"test_stitched.py:\d+: assert y.sum\(\) > -1e9", nets(run), ["conv1"])


def test_alphas_have_the_weights_precision_where_autocast_makes_the_maps_smaller():
    x = torch.randn(2, 3, 8, 8)
    for per in ("channel", "dense"):
        with torch.autocast("cpu", torch.bfloat16):
            net = stitch(pair(), ["pool1"], x, per=per)
            sum([y.sum() for y in net(x).values()]).backward()
        assert net.units["pool1"].alpha.dtype == net.units["pool1"].alpha.grad.dtype == torch.float32


def test_outputs_of_another_kind_or_number_are_misread_too():
    for asked in (lambda y: (y, y), lambda y: y.double()):

        def run(self, x, asked=asked):
            y = self.conv2(self.conv1(x))
            return asked(y) if torch.is_grad_enabled() else y

        refused("tower 'a' .* other outputs than by itself", nets(run), ["conv1"])


def test_alphas_keep_the_maps_precision_behind_a_smaller_stem():
    class Stem(nn.Conv2d):
        def forward(self, x):
            return super().forward(x.bfloat16()).float()

    towers = {task: tower() for task in "ab"}
    for net in towers.values():
        net.conv1[0] = Stem(3, 4, 3, padding=1).bfloat16()
    assert stitch(towers, ["pool1"], (1, 3, 8, 8)).units["pool1"].alpha.dtype == torch.float32


def test_what_a_trace_cannot_follow_may_stand_in_a_child_without_a_stitched_layer():
    towers = {task: nn.Sequential(OrderedDict(stem=nn.Conv2d(3, 3, 1), rest=Choosy())) for task in "ab"}
    x = torch.randn(2, 3, 8, 8)
    net = stitch(towers, ["stem"], x, alpha_same=1.0)
    assert torch.equal(net(x)["a"], towers["a"](x)) and torch.equal(net(-x)["a"], towers["a"](-x))


class Choosy(nn.Module):
    def forward(self, x):
        return x * 2 if x.sum() > 0 else x * 3


@pytest.mark.parametrize("names", [("type", "type_"), ("a.b", "a/b")])
def test_task_names_that_would_overwrite_each_other_are_refused(names):
    towers = {name: nn.Sequential(OrderedDict(r=nn.ReLU(), score=nn.Linear(4, 2))) for name in names}
    with pytest.raises(ValueError, match="would both be stored as"):
        stitch(towers, ["r"], (1, 4))


def test_towers_without_names_are_refused():
    for towers in ([nn.Linear(2, 2), nn.Linear(2, 2)], {0: tower(), 1: tower()}, {"a": tower, "b": tower()}):
        with pytest.raises(ValueError, match="towers is a dict of task names"):
            stitch(towers, ["pool1"], (1, 3, 8, 8))


def test_a_module_dict_of_towers_and_an_unknown_unit():
    net = stitch(nn.ModuleDict(pair()), ["pool1"], (1, 3, 8, 8))
    with pytest.raises(KeyError, match="no 'pool2'; did you mean one of pool1"):
        net.units["pool2"]


def test_hooks_and_checkpointing_of_an_opened_module_are_warned_of_once_by_name(recwarn):
    class Deep(Net):
        def __init__(self):
            super().__init__(lambda self, x: self.block(self.conv1(x)))
            self.block = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())

    net = stitch({"a": Deep(), "b": Deep()}, ["block.0"], (1, 3, 8, 8))
    x, seen = torch.randn(2, 3, 8, 8), []
    net.towers["a"].conv1.register_forward_hook(lambda *_: seen.append("conv1"))
    net(x)
    assert seen == ["conv1"] and not recwarn.list
    net.towers["a"].block.register_forward_hook(lambda *_: seen.append("block"))
    net.towers["b"].gradient_checkpointing = True
    net(x), net(x)
    assert [str(w.message)[:70] for w in recwarn.list] == [
        "module 'block' of tower 'a' has hooks, which do not run: the net calls"[:70],
        "tower 'b' has gradient checkpointing, which do not run: the net calls the"[:70],
    ]


def test_a_part_of_what_towers_return_may_be_chosen():
    def run(self, x):
        return OrderedDict(out=self.conv2(self.conv1(x)), aux=x)

    x = torch.randn(2, 3, 8, 8)
    towers = nets(run)
    whole = stitch(towers, ["conv1"], x[:1], alpha_same=1.0).eval()(x)["a"]
    net = stitch(towers, ["conv1"], x[:1], alpha_same=1.0, out="out").eval()
    assert type(whole) is OrderedDict and list(whole) == ["out", "aux"]
    for used in (net, copy.deepcopy(net)):
        assert torch.equal(used(x)["a"], whole["out"])
    refused(r"tower 'a' returns an OrderedDict with \['out', 'aux'\], without 'seg'", nets(run), ["conv1"], out="seg")


class Tokens(nn.Module):
    """(B, 3, 8, 8) → maps (B, 4, 4, 6) and tokens (B, 16, 6): channels come last."""

    def __init__(self):
        super().__init__()
        self.patches, self.norm, self.mix = nn.Conv2d(3, 6, 2, 2), nn.LayerNorm(6), nn.Linear(6, 6)

    def forward(self, x):
        return self.mix(self.norm(self.patches(x).permute(0, 2, 3, 1)).flatten(1, 2))


@pytest.mark.parametrize("layer", ["norm", "mix"])
def test_channels_are_where_the_user_says(layer):
    towers = pair(Tokens)
    net = stitch(towers, [layer], (1, 3, 8, 8), channel_dim=-1, alpha_same=1.0).eval()
    unit, x = net.units[layer], torch.randn(2, 3, 8, 8)
    assert unit.alpha.shape == (6, 2, 2)
    assert torch.equal(net(x)["a"], towers["a"](x))
    assert net(torch.randn(2, 3, 12, 4))["a"].shape == (2, 12, 6)
    assert sharing(net, x)[layer].shape == (6, 2, 2)
    with torch.no_grad():
        unit.alpha.copy_(torch.rand(6, 2, 2))
    maps = [torch.randn(2, 5, 6), torch.randn(2, 5, 6)]
    expected = torch.einsum("cij,jbnc->ibnc", unit.alpha, torch.stack(maps))
    torch.testing.assert_close(torch.stack(unit(maps)), expected)


@pytest.mark.parametrize("layer", ["norm", "mix"])
def test_maps_whose_second_dimension_is_no_channel_are_noticed(layer):
    refused(f"after '{layer}' dim 1 of the maps .* may be no channel.*channel_dim=-1", pair(Tokens), [layer])
    refused("channel_dim must be", pair(Tokens), [layer], channel_dim=0)
    stitch(pair(Tokens), [layer], (1, 3, 8, 8), channel_dim=1)
    stitch(pair(Tokens), [layer], (1, 3, 8, 8), per="layer")
