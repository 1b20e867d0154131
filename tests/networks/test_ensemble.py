import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xstitch_lib.looking import cost
from xstitch_lib.networks import ensemble
from xstitch_lib.tasks import SurfaceNormals


def test_an_ensemble_averages_probabilities_not_scores():
    sure, unsure = nn.Linear(1, 2), nn.Linear(1, 2)
    for net, scores in ((sure, [0.0, 8.0]), (unsure, [1.0, 0.0])):
        nn.init.zeros_(net.weight)
        net.bias.data = torch.tensor(scores)
    expected = (torch.tensor([0.0, 8.0]).softmax(0) + torch.tensor([1.0, 0.0]).softmax(0)) / 2
    torch.testing.assert_close(ensemble([sure, unsure])(torch.zeros(1, 1))[0].softmax(0), expected)


def test_class_scores_lie_in_dimension_1_of_a_map_and_the_networks_stay_modules():
    nets = [nn.Conv2d(3, 5, 1) for _ in range(3)]
    net = ensemble(nets)
    assert torch.allclose(net(torch.randn(2, 3, 4, 6)).exp().sum(1), torch.ones(2, 4, 6))
    assert list(net.nets) == nets
    assert cost(net, (1, 3, 4, 6))[:3] == (3 * 20, 3 * 15 * 24, 0)


def test_a_class_that_every_network_rules_out_is_as_impossible_as_they_say():
    nets = [nn.Identity(), nn.Identity()]
    scores = torch.tensor([[0.0, -500.0]])  # exp(-500) is 0 in single precision
    torch.testing.assert_close(ensemble(nets)(scores), scores)


def test_an_ensemble_of_normals_decodes_the_averaged_probabilities():
    task = SurfaceNormals("normals", torch.eye(3))
    nets, x = [nn.Conv2d(3, 3, 1) for _ in range(2)], torch.randn(2, 3, 4, 6)
    average = sum([net(x).softmax(1) for net in nets]) / 2
    expected = F.normalize(average, dim=1)  # with these codewords the probabilities are the direction
    torch.testing.assert_close(task.predict(ensemble(nets)(x)), expected)


def test_one_network_is_no_ensemble():
    with pytest.raises(ValueError, match="at least 2 networks; got 1"):
        ensemble([nn.Linear(1, 2)])
