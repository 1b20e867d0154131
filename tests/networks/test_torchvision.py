"""Ordinary torchvision models, stitched by their own layer names: inside blocks, around residuals and gates."""

import copy
import os
import pickle
import shutil

import pytest
import torch
from torch import nn

from xstitch_lib.networks import mtl_shared, split, stitch

models = pytest.importorskip("torchvision.models")

AFTER = {
    "resnet18": ["layer1", "layer2.0", "layer3.0.bn1", "layer3.1.conv2"],
    "vgg11": ["features.2", "features.5", "classifier.1"],
    "mobilenet_v3_small": ["features.1", "features.4.block.1", "features.9.block.2.fc1", "classifier.1"],
    "efficientnet_b0": ["features.1", "features.2.0", "features.3.1.block.1"],
    "alexnet": ["features.2", "features.5", "classifier.2"],
}
EVERY_MODEL = pytest.mark.parametrize("name", AFTER)
X = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Thousands of tiny operations: two threads that wait for each other on a busy machine take many times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def model(name, classes):
    if name not in ("vgg11", "alexnet"):
        return getattr(models, name)(num_classes=classes)
    # their layers and names with small fully connected ones: 60 to 130 million weights take seconds to fill and copy
    with torch.device("meta"):
        net = getattr(models, name)(num_classes=classes)
    linear = [i for i, layer in enumerate(net.classifier) if isinstance(layer, nn.Linear)]
    sizes = [net.classifier[linear[0]].in_features, 16, 16, classes]
    for i, size, following in zip(linear, sizes, sizes[1:], strict=False):
        net.classifier[i] = nn.Linear(size, following)
    net.features.to_empty(device="cpu")
    for layer in net.features:
        if isinstance(layer, nn.Conv2d):
            layer.reset_parameters()
    return net


def towers(name):
    return {"a": model(name, 7), "b": model(name, 5)}


def same(found, expected):
    return all([torch.equal(found[task], expected[task]) for task in ("a", "b")])


@EVERY_MODEL
@torch.no_grad()
def test_identity_alphas_give_the_towers_outputs_bit_for_bit_also_from_copies(name):
    pair = towers(name)
    net = stitch(pair, AFTER[name], X[:1], alpha_same=1.0).eval()
    expected = {task: tower(X) for task, tower in pair.items()}
    assert same(net(X), expected)

    twin, read = copy.deepcopy(net), pickle.loads(pickle.dumps(net))
    assert same(twin(X), expected) and same(read(X), expected)
    new = stitch(towers(name), AFTER[name], tuple(X[:1].shape)).eval()
    new.load_state_dict(net.state_dict(), strict=True)
    assert same(new(X), expected)

    nn.init.zeros_(net.units[AFTER[name][-1]].alpha)
    assert not same(net(X), expected) and same(twin(X), expected), "a copy has alphas of its own"


@EVERY_MODEL
@torch.no_grad()
def test_training_mode_switches_in_both_directions(name):
    net = stitch(towers(name), AFTER[name], X[:1]).eval()
    for module in net.modules():
        if isinstance(module, nn.Dropout) and name == "efficientnet_b0":
            module.p = 0.0  # so that what is random there is stochastic depth
    for _ in range(2):
        state = copy.deepcopy(net.eval().state_dict())
        assert same(net(X), net(X))
        assert all([torch.equal(value, state[key]) for key, value in net.state_dict().items()])
        net.train()
        if name == "resnet18":
            net(X)
            assert not torch.equal(net.towers["b"].bn1.running_mean, state["towers.b.bn1.running_mean"])
        else:
            assert not same(net(X), net(X))


@EVERY_MODEL
@torch.no_grad()
def test_the_net_moves_between_dtypes_and_devices(name):
    net = stitch(towers(name), AFTER[name], X[:1], alpha_same=1.0).eval().double()
    assert same(net(X.double()), {task: tower(X.double()) for task, tower in net.towers.items()})
    if torch.cuda.is_available():
        net = net.to("cuda", torch.float32)
        assert same(net(X.cuda()), {task: tower(X.cuda()) for task, tower in net.towers.items()})
    assert all([y.is_meta for y in net.to("meta", torch.float32)(X.to("meta")).values()])


def test_a_layer_that_runs_twice_is_refused_with_its_name():
    with pytest.raises(ValueError, match=r"'layer1.0.relu' of tower 'a' runs 2 times.*choose the block around it"):
        stitch(towers("resnet18"), ["layer1.0.relu"], X[:1])


def test_detectors_which_take_lists_of_pictures_are_refused_in_one_sentence_with_the_line():
    """It quotes torchvision, whose folder's name begins like torch's."""
    pair = {task: models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None) for task in "ab"}
    message = r"^tower 'a' \(SSD\) takes a list of pictures, .* net one batch, at ssd.py:\d+: for .*: join its backbone"
    for join in (lambda at: stitch(pair, [at], X[:1]), lambda at: split(pair.__getitem__, pair, at)):
        with pytest.raises(ValueError, match=message):
            join("backbone.features.0.1")


def test_compiled_and_scripted_towers_are_refused_with_what_to_stitch():
    net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())
    for tower, why in [(torch.compile(net), "join its _orig_mod"), (torch.jit.trace(net, X), "join what it was")]:
        with pytest.raises(ValueError, match=why):
            stitch({"a": tower, "b": net}, ["0"], X[:1])


def test_a_mistyped_layer_is_answered_with_near_ones():
    with pytest.raises(ValueError, match=r"tower 'a' has no layer 'layer1.0.con1'; did you mean .*layer1.0.conv1"):
        stitch(towers("resnet18"), ["layer1.0.con1"], X[:1])


@pytest.mark.parametrize("name", ["resnet18", "alexnet"])
def test_a_compiled_net_gives_the_same_outputs_and_gradients(name):
    net = stitch(towers(name), AFTER[name], X[:1])
    compiled, outputs = torch.compile(net, fullgraph=True, backend="aot_eager"), []
    for run in (net, compiled):
        torch.manual_seed(0)
        net.zero_grad()
        out = run(X)
        (out["a"].square().mean() + out["b"].square().mean()).backward()
        outputs.append([*out.values(), *[unit.alpha.grad for unit in net.units.values()]])
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(
    not any([shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++")]),
    reason="torch.compile on a CPU needs a C++ compiler",
)
@torch.no_grad()
def test_a_net_compiled_to_machine_code_gives_the_same_outputs():
    """Two layers of AlexNet: each more costs the compiler seconds."""
    pair = {task: model("alexnet", 3).features[:5] for task in ("a", "b")}
    net = stitch(pair, ["2", "4"], X[:1]).eval()
    torch.testing.assert_close(torch.compile(net, fullgraph=True)(X), net(X), rtol=1e-4, atol=1e-5)


SPLITS = {
    "resnet18": ["layer1", "layer3.0", "layer4.1.conv2", "fc"],
    "mobilenet_v3_small": ["features.1", "features.4.block.2", "classifier.0", "classifier.3"],
    "alexnet": ["features.3", "classifier.4"],
}


@pytest.mark.parametrize(("name", "at"), [(name, at) for name, layers in SPLITS.items() for at in layers])
@torch.no_grad()
def test_a_split_gives_what_each_of_its_complete_towers_gives(name, at):
    pair = towers(name)
    net = split(pair.__getitem__, pair, at).eval()
    assert same(net(X), {task: tower(X) for task, tower in net.towers.items()})
    assert torch.equal(net(X)["a"], pair["a"].eval()(X))
    assert next(net.towers["b"].parameters()) is next(pair["a"].parameters())
    twin = copy.deepcopy(net)
    assert same(twin(X), net(X)) and same(pickle.loads(pickle.dumps(net))(X), net(X))
    assert len(list(twin.parameters())) < sum([len(list(tower.parameters())) for tower in pair.values()])


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "alexnet"])
@torch.no_grad()
def test_mtl_shared_finds_the_last_linear_layer(name):
    pair = towers(name)
    net = mtl_shared(pair.__getitem__, pair).eval()
    torch.testing.assert_close(net(X), {task: tower.eval()(X) for task, tower in pair.items()}, rtol=1e-4, atol=1e-5)
    assert all([isinstance(head, nn.Linear) for head in net.heads.values()])
    assert {task: head.out_features for task, head in net.heads.items()} == {"a": 7, "b": 5}
