"""A unit that the library has never seen: trained, counted, measured and kept along the run without a change to it."""

import pytest
import torch
from torch import nn

from xstitch_lib.looking import cost, intensity, sharing
from xstitch_lib.networks import stitch
from xstitch_lib.training.history import History
from xstitch_lib.training.optim import find_units, parameter_groups
from xstitch_lib.unit_base import Unit


class Lending(Unit):
    """Each task adds ``lent[c]`` times the sum of the others' maps to its own, then a batch norm of its own."""

    def __init__(self, maps):
        super().__init__()
        channels = maps[0].shape[1]
        self.lent = nn.Parameter(torch.full((channels,), 0.25))
        self.norms = nn.ModuleList([nn.BatchNorm2d(channels) for _ in maps])

    def forward(self, maps):
        lent = self.lent.view(1, -1, 1, 1)
        return [norm(x + lent * (sum(maps) - x)) for norm, x in zip(self.norms, maps, strict=True)]

    def alphas(self):
        return [self.lent]

    def multiplies(self, mixed):
        return len(mixed) * mixed[0].numel()

    def followed(self):
        return self.lent


class Halves(Lending):
    """A plain sum, which `sharing` can take apart."""

    def forward(self, maps):
        return [sum(maps) / 2] * 2

    def matrices(self):
        return torch.full((1, 2, 2), 0.5)


def net(unit=Lending):
    towers = {task: nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1)) for task in "ab"}
    return stitch(towers, ["0"], example=(1, 3, 5, 6), per=unit)


def test_the_optimizer_finds_its_alphas_and_treats_all_else_as_weights():
    found = net()
    assert list(find_units(found)) == ["0"]
    weights, alphas = parameter_groups(found, lr=0.1, unit_lr_scale=7, weight_decay=0.01)
    assert alphas["params"] == [found.units["0"].lent] and alphas["lr"] == pytest.approx(0.7)
    assert all([p is not found.units["0"].lent for p in weights["params"]])
    assert any([p is found.units["0"].norms[0].weight for p in weights["params"]])


def test_it_is_counted_and_placed_in_the_roofline():
    towers = 2 * (3 * 4 + 4 * 2) * 30
    found = cost(net(), (2, 3, 5, 6))
    assert found.alphas == 4 and found.multiplies == towers + 2 * 4 * 30
    row = intensity(net(), (2, 3, 5, 6)).set_index("layer").loc["units.0"]
    assert row.kind == "unit" and row.flops == 2 * 2 * 2 * 4 * 30


def test_matrix_products_that_torch_counts_itself_are_not_counted_twice():
    class Product(Lending):
        def __init__(self, maps):
            super().__init__(maps)
            self.mix = nn.Conv2d(8, 8, 1, bias=False)

        def forward(self, maps):
            return self.mix(torch.cat(list(maps), 1)).chunk(2, 1)

        def multiplies(self, mixed):
            return mixed[0][:, 0].numel() * self.mix.weight.numel()

    assert cost(net(Product), (2, 3, 5, 6)).multiplies == (2 * (3 * 4 + 4 * 2) + 64) * 30
    assert intensity(net(Product), (2, 3, 5, 6)).layer.tolist().count("units.0") == 1
    assert not [name for name in intensity(net(Product), (2, 3, 5, 6)).layer if "mix" in name]


def test_history_keeps_what_it_wants_followed():
    found, history = net(), History(["a", "b"])
    for step in (0, 10):
        history.add_alphas(step, find_units(found))
        nn.init.ones_(found.units["0"].lent)
    assert history.alphas["0"].tolist() == [[0.25] * 4, [1.0] * 4]


def test_sharing_asks_whether_it_is_a_weighted_sum():
    x = torch.rand(8, 3, 5, 6)
    assert sharing(net(Halves), x)["0"].shape == (4, 2, 2)
    with pytest.raises(ValueError, match="which weigh no map as a whole"):
        sharing(net(), x)


def test_a_unit_must_say_what_it_multiplies():
    class Silent(Unit):
        def forward(self, maps):
            return maps

    with pytest.raises(TypeError, match="multiplies"):
        Silent()


def test_a_function_that_gives_no_unit_is_refused():
    with pytest.raises(ValueError, match="after '0' it gave Identity"):
        net(lambda maps: nn.Identity())
