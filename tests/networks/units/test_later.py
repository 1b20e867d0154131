"""Units of later methods and of other people's code, each against its equation."""

import pytest
import torch
from torch import nn

from xstitch_lib.looking import cost
from xstitch_lib.networks import stitch
from xstitch_lib.networks.units import NDDRUnit, OneRowUnit, SluiceUnit, all_ones, nddr, one_row, sluice

MAPS = [torch.randn(4, 6, 3, 5, generator=torch.Generator().manual_seed(i)) for i in range(2)]


def tower():
    return nn.Sequential(nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU()), nn.Flatten(), nn.Linear(6 * 36, 2))


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 5), (4, 6, 3, 5)])
def test_nddr_is_a_1x1_convolution_of_all_maps_batch_norm_and_relu(shape):
    maps, unit = [torch.randn(shape), torch.randn(shape)], NDDRUnit(2, 6, len(shape))
    with torch.no_grad():
        unit.weight.normal_()
    for i, found in enumerate(unit(maps)):
        mixed = torch.einsum("oc,bc...->bo...", unit.weight[i], torch.cat(maps, 1))
        over = [d for d in range(len(shape)) if d != 1]
        mean, var = mixed.mean(over, keepdim=True), mixed.var(over, keepdim=True, correction=0)
        expected = ((mixed - mean) / (var + 1e-5).sqrt()).clamp(min=0)
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_nddr_starts_as_the_convex_mix():
    unit = NDDRUnit(2, 6, alpha_same=0.9).eval()
    expected = (0.9 * MAPS[0] + 0.1 * MAPS[1]).relu()
    torch.testing.assert_close(unit(MAPS)[0], expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match=r"an NDDR layer joins maps of one shape; got \(4, 6, 3, 5\), \(4, 8, 3, 5\)"):
        nddr([MAPS[0], torch.zeros(4, 8, 3, 5)])


def test_sluices_mix_every_subspace_with_every_other():
    unit = SluiceUnit(2)
    with torch.no_grad():
        unit.alpha.normal_()
    parts = torch.stack([half for x in MAPS for half in (x[:, :3], x[:, 3:])])
    mixed = torch.einsum("ij,jbchw->ibchw", unit.alpha[0], parts)
    for i, found in enumerate(unit(MAPS)):
        torch.testing.assert_close(found, torch.cat([mixed[2 * i], mixed[2 * i + 1]], 1))
    with pytest.raises(ValueError, match="5 channels cannot be cut into 2"):
        unit([x[:, :5] for x in MAPS])


def test_other_peoples_units_do_what_their_code_does():
    for found in (OneRowUnit(2)(MAPS), all_ones(MAPS)(MAPS)):
        torch.testing.assert_close(list(found), [MAPS[0] + MAPS[1]] * 2)
    assert OneRowUnit(2).alpha.numel() == 2 and all_ones(MAPS).alpha.numel() == 4


@pytest.mark.parametrize("per", [nddr, sluice, one_row, all_ones])
def test_all_of_them_stitch_train_and_are_counted(per):
    net, x = stitch({"a": tower(), "b": tower()}, ["0"], (1, 3, 8, 8), per=per), torch.randn(4, 3, 8, 8)
    sum([y.square().sum() for y in net(x).values()]).backward()
    unit = net.units["0"]
    assert all([p.grad is not None and p.grad.abs().sum() > 0 for p in unit.alphas()])
    counted = cost(net, x)
    assert counted.alphas == sum([p.numel() for p in unit.parameters()])
    assert counted.multiplies > cost(net.towers["a"], x).multiplies + cost(net.towers["b"], x).multiplies
