import torch
from torch import nn

from xstitch_lib.looking import cost
from xstitch_lib.networks.towers import fashion_cnn
from xstitch_lib.networks.units import DenseUnit


def test_the_fashion_tower_has_the_re_implementations_layers():
    tower = fashion_cnn(10)
    names = [name for name, _ in tower.named_children()]
    assert names == ["conv1", "pool1", "conv2", "pool2", "flatten", "fc3", "drop3", "score"]
    x, sizes = torch.randn(2, 1, 28, 28), {}
    for name, layer in tower.named_children():
        x = layer(x)
        sizes[name] = tuple(x.shape[1:])
    assert sizes["conv1"] == (32, 28, 28) and sizes["pool1"] == (32, 14, 14) and sizes["conv2"] == (64, 14, 14)
    assert sizes["pool2"] == (64, 7, 7) and sizes["fc3"] == (1024,) and sizes["score"] == (10,)
    # two towers have a 31st of the re-implementation's dense units' weights (erratum 10)
    weights = cost(tower, (1, 1, 28, 28)).parameters + cost(fashion_cnn(3), (1, 1, 28, 28)).parameters
    assert round((12544**2 + 6272**2 + 2048**2) / weights) == 31


def test_named_layers_end_after_their_relu_and_before_their_dropout():
    tower = fashion_cnn(10, width=4)
    x = torch.randn(2, 1, 28, 28)
    for name, layer in tower.named_children():
        x = layer(x)
        if name in ("conv1", "conv2", "fc3"):
            assert (x >= 0).all() and not any([isinstance(m, nn.Dropout) for m in layer.modules()])


def test_weights_start_he_normal_and_biases_at_zero():
    torch.manual_seed(0)
    tower = fashion_cnn(10)
    for layer in (tower.conv2[0], tower.fc3[0], tower.score[0]):
        expected = (2 / layer.weight[0].numel()) ** 0.5
        assert abs(layer.weight.std().item() / expected - 1) < 0.05
    biases = [p for name, p in fashion_cnn(10, batch_norm=False).named_parameters() if name.endswith("bias")]
    assert len(biases) == 4 and not any([bias.any() for bias in biases])


def test_batch_norm_and_dropout_can_be_left_out():
    tower = fashion_cnn(3, width=4, dropout=0.0, batch_norm=False)
    assert not any([isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in tower.modules()])
    x = torch.randn(2, 1, 28, 28)
    assert torch.equal(tower(x), tower.eval()(x))


def test_layers_inside_start_as_nothing_and_match_the_dense_units_weights():
    torch.manual_seed(0)
    plain = fashion_cnn(10)
    torch.manual_seed(0)
    inside = fashion_cnn(10, inside=2)
    assert all(torch.equal(p, inside.get_parameter(name)) for name, p in plain.named_parameters())
    x = torch.randn(4, 1, 28, 28)
    assert torch.allclose(plain.eval()(x), inside.eval()(x), atol=1e-6)
    added = sum(p.numel() for p in inside.parameters()) - sum(p.numel() for p in plain.parameters())
    assert 2 * added == DenseUnit([1024, 1024]).alpha.numel()
    names = [name for name, _ in inside.named_children()]
    assert names[-4:] == ["inside1", "inside2", "drop3", "score"]
