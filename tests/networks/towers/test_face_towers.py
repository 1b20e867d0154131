"""The towers for gender and age."""

import pytest
import torch

from xstitch_lib import stitch
from xstitch_lib.networks.towers import face_cnn, face_mlp


def test_the_tower_is_the_scripts():
    tower = face_mlp(2, momentum=0.001)
    assert [name for name, _ in tower.named_children()] == ["fc1", "fc2", "drop2", "fc3", "drop3", "score"]
    linear, norm, _ = tower.fc1
    assert linear.weight.shape == (32, 128) and linear.bias is None
    assert (norm.eps, norm.momentum) == (1e-3, 0.001) and len(tower.score) == 2 and tower.drop2.p == 0.2
    assert linear.weight.std().item() == pytest.approx((2 / 128) ** 0.5, rel=0.1)


def test_linear_inside_is_the_same_function_at_the_start_and_has_the_units_weights():
    towers = {}
    for inside in (0, 2):
        torch.manual_seed(0)
        towers[inside] = face_mlp(2, inside=inside).eval()
    x = torch.randn(5, 128)
    assert torch.equal(towers[0](x), towers[2](x))
    pair = {"gender": face_mlp(2), "age": face_mlp(2)}
    units = stitch(pair, ["fc1", "fc2", "fc3"], (1, 128), per="dense").units
    added = sum([p.numel() for name, p in towers[2].named_parameters() if "inside" in name])
    assert 2 * added == sum([p.numel() for p in units.parameters()]) == 3 * 4096


def test_the_small_tower_can_be_stitched():
    net = stitch({"gender": face_cnn(2, 2), "age": face_cnn(1, 2)}, ["pool1", "pool3", "fc4"], (1, 3, 64, 64))
    assert {task: tuple(y.shape) for task, y in net(torch.rand(3, 3, 64, 64)).items()} == {
        "gender": (3, 2),
        "age": (3, 1),
    }
