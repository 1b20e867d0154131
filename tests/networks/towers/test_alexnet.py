import copy
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from xstitch_lib.looking import cost
from xstitch_lib.networks import stitch, towers
from xstitch_lib.networks.towers import CONVS, POOLS, alexnet_fcn, imagenet_weights, load_imagenet, small_alexnet_fcn

NAMES = ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5", "fc6", "fc7", "fc8"]
STRIDES = {"small": 8, "small, finer": 4, "full": 32}


def make(which):
    return alexnet_fcn(7, fc=8) if which == "full" else small_alexnet_fcn(7, STRIDES[which])


def shapes(tower, size):
    x, found = torch.zeros(2, 3, *size, device="meta"), {}
    for name, layer in tower.to("meta").named_children():
        x = layer(x)
        found[name] = tuple(x.shape[1:])
    return found


def test_the_small_tower_has_the_studys_layers():
    assert list(shapes(small_alexnet_fcn(19), (48, 64))) == NAMES
    assert shapes(small_alexnet_fcn(19, width=2), (48, 64)) == {
        **{"conv1": (2, 24, 32), "pool1": (2, 12, 16), "conv2": (4, 12, 16), "pool2": (4, 6, 8)},
        **{"conv3": (6, 6, 8), "conv4": (6, 6, 8), "conv5": (4, 6, 8), "pool5": (4, 6, 8)},
        **{"fc6": (12, 6, 8), "fc7": (12, 6, 8), "fc8": (19, 6, 8)},
    }
    assert cost(small_alexnet_fcn(19), (1, 3, 48, 64)).parameters == 101459


def test_stride_4_has_the_same_weights_at_four_times_the_places_from_pool2_on():
    coarse, fine = small_alexnet_fcn(19), small_alexnet_fcn(19, stride=4)
    fine.load_state_dict(coarse.state_dict(), strict=True)
    found, expected = shapes(fine, (48, 64)), shapes(coarse, (48, 64))
    for name in NAMES:
        channels, height, width = expected[name]
        assert found[name] == ((channels, 12, 16) if name in NAMES[3:] else (channels, height, width))


@pytest.mark.parametrize("stride", [1, 16, 0])
def test_other_strides_of_the_small_tower_are_refused(stride):
    with pytest.raises(ValueError, match=f"stride of 8 or 4; got stride={stride}"):
        small_alexnet_fcn(19, stride)


def test_the_full_tower_has_torchvisions_sizes_and_fcns_head():
    models = pytest.importorskip("torchvision.models")
    with torch.device("meta"):
        tower, alexnet = alexnet_fcn(40), models.alexnet()
    convolutions = [m for m in alexnet.features if isinstance(m, nn.Conv2d)]
    assert [c.weight.shape for c in convolutions] == [
        tower.get_submodule(f"conv{i}.0").weight.shape for i in range(1, 6)
    ]
    assert [name for name, _ in tower.named_children() if not name.startswith("drop")] == NAMES
    # fc6 and fc7 are AlexNet's fully connected layers, seen as convolutions
    sizes = [[p.numel() for p in net.parameters()] for net in (tower, alexnet)]
    assert sizes[0][:-2] == sizes[1][:-2] and sum(sizes[0]) == 57_167_720
    found = shapes(tower, (480, 640))
    assert found["pool5"] == (256, 15, 20) and found["fc6"] == (4096, 15, 20) and found["fc8"] == (40, 15, 20)


@pytest.mark.parametrize("size", [(240, 320), (480, 640), (224, 224), (48, 64), (33, 97)])
def test_scores_of_the_full_tower_cover_pictures_of_any_size(size):
    assert shapes(alexnet_fcn(5, fc=4), size)["fc8"] == (5, -(-size[0] // 32), -(-size[1] // 32))


@pytest.mark.parametrize("which", STRIDES)
@pytest.mark.parametrize("side", ["height", "width"])
def test_scores_stand_where_bilinear_interpolation_puts_them(which, side):
    stride, tower = STRIDES[which], make(which)
    for module in list(tower.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):  # linear and even weights: the gradient is the field of view
                setattr(module, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    size = (25 * stride, stride) if side == "height" else (stride, 25 * stride)
    picture = torch.ones(1, 3, *size, dtype=torch.double, requires_grad=True)
    scores = tower.double().eval()(picture).sum((0, 1)).flatten()
    (seen,) = torch.autograd.grad(scores[12], picture)
    seen = seen[0].sum((0, 2 if side == "height" else 1))
    assert len(scores) == 25 and seen[0] == seen[-1] == 0, "the field of view must lie inside"
    centre = (seen * torch.arange(len(seen))).sum() / seen.sum()
    assert abs(centre - (12 * stride + (stride - 1) / 2)) <= 0.5 + 1e-6


@pytest.mark.parametrize("which", STRIDES)
def test_a_layers_name_includes_its_relu_but_not_its_dropout(which):
    x = torch.rand(1, 3, 64, 64)
    for name, layer in make(which).named_children():
        x = layer(x)
        if name.startswith(("conv", "fc")) and name != "fc8":
            assert (x >= 0).all() and not any([isinstance(m, nn.Dropout) for m in layer.modules()])


def test_fc6_and_fc7_drop_out_in_training_only():
    tower, x = alexnet_fcn(3, fc=16), torch.rand(1, 3, 64, 64)
    assert not torch.equal(tower(x), tower(x))
    assert torch.equal(alexnet_fcn(3, fc=16, dropout=0.0)(x) * 0, tower.eval()(x) - tower(x))


@pytest.mark.parametrize("which", STRIDES)
def test_weights_start_he_normal_the_heads_small_and_biases_at_zero(which):
    torch.manual_seed(0)
    tower = make(which)
    for name, layer in tower.named_modules():
        if isinstance(layer, nn.Conv2d):
            expected = 0.01 if name == "fc8" else (2 / layer.weight[0].numel()) ** 0.5
            assert abs(layer.weight.std().item() / expected - 1) < 0.15, name
            assert not layer.bias.any()
    assert tower.eval()(torch.rand(2, 3, 64, 64)).abs().max() < 0.5  # so that the first loss is that of even odds


@pytest.mark.parametrize("after", [POOLS, CONVS, ("conv1.0", "fc7.0")])
def test_in_place_relus_leave_a_stitched_nets_gradients_right(after):
    torch.manual_seed(0)
    net = stitch({task: small_alexnet_fcn(3, width=4) for task in "ab"}, after, (1, 3, 16, 16), alpha_same=0.7)
    careful, x = copy.deepcopy(net), torch.randn(2, 3, 16, 16)
    for module in careful.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    for each in (net, careful):
        out = each(x)
        (out["a"].square().sum() + out["b"].sin().sum()).backward()
    for (name, p), q in zip(net.named_parameters(), careful.parameters(), strict=True):
        assert p.grad.any() and torch.equal(p.grad, q.grad), name


@pytest.mark.parametrize("places", [POOLS, CONVS])
def test_the_papers_places_are_layers_of_both_alexnets(places):
    assert set(places) <= set(dict(small_alexnet_fcn(3, width=2).named_children()))
    net = stitch({task: alexnet_fcn(3, fc=4).to("meta") for task in "ab"}, places, (1, 3, 64, 64))
    assert tuple(net.units) == places


def torchvisions_features():
    models = pytest.importorskip("torchvision.models")
    with torch.device("meta"):
        features = models.alexnet().features
    return features.to_empty(device="cpu")


def random_weights():
    torch.manual_seed(0)
    state = torchvisions_features().state_dict()
    return {f"features.{key}": torch.randn(value.shape) / 20 for key, value in state.items()}


def trained_weights():
    if not Path(os.environ.get("XSTITCH_DATA", "unset"), "weights").is_dir():
        pytest.skip("XSTITCH_DATA names no folder with weights/")
    return imagenet_weights()


@pytest.mark.parametrize("weights", [random_weights, trained_weights])
@torch.no_grad()
def test_loaded_convolutions_see_what_torchvisions_alexnet_sees_on_a_normalised_picture(weights):
    features, tower = torchvisions_features(), alexnet_fcn(3, fc=4)
    features.load_state_dict({key.removeprefix("features."): value for key, value in weights().items()})
    load_imagenet(tower, weights())
    features[0].padding = (5, 5)
    for i in (2, 5):
        features[i].padding = 1
    picture = torch.rand(1, 3, 64, 96)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = features[:12]((picture - mean[:, None, None]) / std[:, None, None])
    found = tower[:7](picture)
    assert found.shape == (1, 256, 4, 6) and found.any()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * expected.max().item())


@torch.no_grad()
def test_loaded_fc_layers_say_of_a_6x6_map_what_torchvisions_classifier_says():
    torch.manual_seed(0)
    torchvision = pytest.importorskip("torchvision")
    whole, tower = torchvision.models.alexnet().eval(), alexnet_fcn(3).eval()
    state = whole.state_dict()
    load_imagenet(tower, {key: x for key, x in state.items() if not key.startswith("classifier.6")})
    pool5 = torch.rand(1, 256, 6, 6)
    expected = whole.classifier[:6](pool5.flatten(1))
    found = tower.fc7(tower.fc6(pool5))[:, :, 2, 2]  # the place whose filter lies on the whole map
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda f: f.pop("features.6.bias"), "missing or too many: features.6.bias"),
        (lambda f: f.update({"features.12.weight": torch.zeros(1)}), "missing or too many: features.12.weight"),
        (lambda f: f.update({"classifier.1.bias": torch.zeros(4)}), "missing or too many: classifier.1.weight"),
        (
            lambda f: f.update({"features.10.bias": torch.zeros(96)}),
            r"'features.10.bias' is \(96,\), the tower's 'conv5.0.bias' \(256,\)",
        ),
        (
            lambda f: f.update({f"classifier.{i}.{k}": torch.zeros(8, 9216) for i in "14" for k in ("weight", "bias")}),
            r"'classifier.1.weight' is \(8, 9216\), the tower's 'fc6.1.weight' \(4, 256, 6, 6\)",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name_and_change_nothing(change, match):
    tower, weights = alexnet_fcn(3, fc=4), random_weights()
    before = copy.deepcopy(tower.state_dict())
    change(weights)
    with pytest.raises(ValueError, match=match):
        load_imagenet(tower, weights)
    assert all([torch.equal(value, before[key]) for key, value in tower.state_dict().items()])


def test_weights_fit_no_other_tower():
    wrong = r"'features.0.weight' is \(64, 3, 11, 11\), the tower's 'conv1.0.weight' \(16, 3, 5, 5\)"
    with pytest.raises(ValueError, match=wrong):
        load_imagenet(small_alexnet_fcn(3), random_weights())
    with pytest.raises(ValueError, match=r"'features.6.weight' is .*, the tower's 'conv3.0.weight' nothing"):
        tower = alexnet_fcn(3, fc=4)
        del tower.conv3
        load_imagenet(tower, random_weights())


def test_every_tower_is_reached_by_its_name():
    assert {"alexnet_fcn", "small_alexnet_fcn", "fashion_cnn"} <= set(dir(towers))
