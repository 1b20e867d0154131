import pytest
import torch
from torch import nn

from xstitch_lib import CrossStitchUnit
from xstitch_lib.looking import cost, intensity
from xstitch_lib.networks import DenseUnit, stitch
from xstitch_lib.networks.towers import POOLS, alexnet_fcn, fashion_cnn, small_alexnet_fcn


def row(table, layer):
    return table.set_index("layer").loc[layer]


def test_rows_are_what_can_be_counted_by_hand():
    net = nn.Sequential()
    net.conv1 = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
    net.pool1 = nn.MaxPool2d(2)
    net.flatten = nn.Flatten()
    net.score = nn.Linear(8 * 4 * 5, 7)
    table = intensity(net, (2, 3, 8, 10))
    assert list(table.columns) == ["layer", "kind", "flops", "bytes", "intensity"]
    assert table.iloc[:, :4].values.tolist() == [
        ["conv1", "conv", 2 * 2 * 8 * 80 * 27, 4 * (2 * 3 * 80 + 2 * 8 * 80 + 8 * 27 + 8)],
        ["pool1", "pool", 2 * 8 * 20 * 4, 4 * (2 * 8 * 80 + 2 * 8 * 20)],
        ["score", "fc", 2 * 2 * 160 * 7, 4 * (2 * 160 + 2 * 7 + 160 * 7 + 7)],
    ]
    assert (table.intensity == table.flops / table.bytes).all()


@pytest.mark.parametrize("tasks", [2, 3, 4])
def test_a_unit_has_a_quarter_flop_for_each_task_and_byte(tasks):
    towers = {f"t{i}": nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()) for i in range(tasks)}
    net = stitch(towers, ["1"], (1, 3, 32, 32))
    unit = row(intensity(net, (16, 3, 32, 32)), "units.1")
    values = 16 * 4 * 32 * 32
    assert unit.kind == "unit" and unit.flops == 2 * tasks**2 * values
    assert unit.bytes == 4 * (2 * tasks * values + 4 * tasks**2)
    assert unit.intensity == pytest.approx(tasks / 4, rel=1e-3) and unit.intensity < tasks / 4


def test_flops_are_twice_the_multiplications_of_cost():
    net = stitch({task: fashion_cnn(5, width=2) for task in "ab"}, ["pool1", "pool2", "fc3"], (1, 1, 28, 28))
    net.units["fc3"] = DenseUnit([64, 64])
    table = intensity(net, (3, 1, 28, 28))
    assert table[table.kind != "pool"].flops.sum() == 2 * 3 * cost(net, (3, 1, 28, 28)).multiplies
    assert row(table, "units.fc3").bytes == 4 * (2 * 3 * 128 + 128**2)


def test_layers_of_the_paper_go_by_their_names_in_their_order():
    names = ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5", "fc6", "fc7", "fc8"]
    for tower in (small_alexnet_fcn(3, width=2), alexnet_fcn(3, fc=4)):
        table = intensity(tower, (1, 3, 64, 64))
        assert table.layer.tolist() == names
        assert table.kind.tolist() == [name.rstrip("0123456789") for name in names]


def test_only_units_and_pools_wait_for_memory():
    net = stitch({task: small_alexnet_fcn(20) for task in "ab"}, POOLS, (1, 3, 48, 64))
    table = intensity(net, (16, 3, 48, 64)).groupby("kind").intensity
    assert table.max()["unit"] < 0.5 and table.max()["pool"] < 1.5
    assert table.min()["conv"] > 20 and table.min()["fc"] > 5


def test_fully_connected_layers_gain_from_a_batch_because_weights_move_once():
    net = nn.Sequential(nn.Linear(100, 100))
    few, many = (intensity(net, (batch, 100)).intensity[0] for batch in (1, 100))
    assert few < 0.5 and many > 15


def test_other_networks_keep_their_own_names_and_a_layer_that_runs_twice_has_two_rows():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))

        def forward(self, x):
            return self.block(self.block(x))

    assert intensity(Twice(), (1, 2)).layer.tolist() == ["block.0", "block.2"] * 2


def test_the_network_is_left_as_it_was_and_the_unit_may_stand_alone():
    net = fashion_cnn(3, width=2)
    intensity(net, (1, 1, 28, 28))
    assert all([module.training and not module._forward_hooks for module in net.modules()])
    unit = CrossStitchUnit(tasks=2, channels=4)
    maps = [torch.rand(2, 4, 3, 3)] * 2
    assert intensity(nn.Sequential(unit), maps).kind.tolist() == ["unit"]
