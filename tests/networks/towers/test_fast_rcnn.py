import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from region_pictures import random_boxes, region_pictures, whole
from torchvision.models import alexnet
from torchvision.ops import roi_align, roi_pool

import xstitch_lib as xs
from xstitch_lib.data import Ragged
from xstitch_lib.networks import ensemble, mtl_shared, split
from xstitch_lib.networks.towers import POOLS, alexnet_fast_rcnn, load_imagenet, small_fast_rcnn
from xstitch_lib.networks.towers.regions import RegionAlign, RegionPool
from xstitch_lib.tasks import Attributes, Detection

TASKS = {"find": Detection(3), "tell": Attributes(4)}
LAYERS = ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5", "roi", "fc6", "fc7", "fc8"]


def tower(task):
    return small_fast_rcnn(TASKS[task].outputs, getattr(TASKS[task], "scores", None), width=4)


def pictures(**options):
    batch = whole(region_pictures(**options))
    return batch["image"], batch["regions"]


@pytest.mark.parametrize(("kind", "theirs"), [(RegionAlign, roi_align), (RegionPool, roi_pool)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@given(st.integers(0, 2**31), st.lists(st.integers(0, 5), min_size=1, max_size=4))
@settings(deadline=None, max_examples=15)
def test_pooled_regions_are_torchvisions_with_their_gradient(kind, theirs, layout, seed, counts):
    g = torch.Generator().manual_seed(seed)
    regions = Ragged.of([random_boxes(n, g) for n in counts])
    maps = torch.randn(len(counts), 3, 6, 8, generator=g).contiguous(memory_format=layout).requires_grad_()
    ours = kind(4, stride=4)(maps, regions)
    aligned = {"sampling_ratio": 2, "aligned": True} if kind is RegionAlign else {}
    expected = theirs(maps, list(regions), 4, 1 / 4, **aligned)
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)
    if sum(counts):
        weight = torch.randn(ours.shape, generator=g)
        own, other = [torch.autograd.grad((out * weight).sum(), maps)[0] for out in (ours, expected)]
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-4)


def test_regions_are_named_when_they_do_not_fit():
    with pytest.raises(ValueError, match=r"a map of 2 pictures needs as many lists of regions \(R, 4\)"):
        RegionAlign(2, 4)(torch.zeros(2, 3, 4, 4), [torch.zeros(1, 4)])


def test_towers_have_the_papers_layers_and_a_list_of_boxes_is_as_good():
    net = tower("find")
    assert [name for name, _ in net.named_children()] == LAYERS
    image, regions = pictures()
    assert torch.equal(net(image, regions), net(image, list(regions)))
    full = alexnet_fast_rcnn(21, fc=32)
    assert [name for name, _ in full.named_children() if not name.startswith("drop")] == LAYERS
    assert full(torch.rand(1, 3, 64, 96), [torch.tensor([[0.0, 0.0, 50.0, 60.0]])]).shape == (1, 21)


def test_scores_and_boxes_start_small():
    torch.manual_seed(0)
    head = small_fast_rcnn(5 * 100 + 1, scores=101).fc8.weight
    assert head[:101].std().item() == pytest.approx(0.01, rel=0.05)
    assert head[101:].std().item() == pytest.approx(0.001, rel=0.05)


def test_imagenets_weights_fit_as_they_do_the_fcn():
    torch.manual_seed(0)
    net = alexnet_fast_rcnn(4, fc=16)
    own = alexnet()
    weights = {name: x for name, x in own.state_dict().items() if name.startswith("features.")}
    load_imagenet(net, weights)
    assert torch.equal(net.conv5[0].weight, own.features[10].weight)


@pytest.mark.parametrize("per", ["layer", "channel"])
def test_alpha_of_one_gives_the_towers_with_and_without_regions(per):
    image, regions = pictures()
    towers = {task: tower(task) for task in TASKS}
    net = xs.stitch(towers, POOLS, (image, regions), per, alpha_same=1.0).eval()
    for some in ((image, regions), pictures(objects=(0, 0), proposals=(0, 3)), pictures(objects=(0,), proposals=(0,))):
        out = net(*some)
        for task in TASKS:
            assert torch.equal(out[task], towers[task].eval()(*some))
            assert out[task].shape == (len(some[1].values), TASKS[task].outputs)


def test_units_stand_on_maps_and_on_regions():
    net = xs.stitch({task: tower(task) for task in TASKS}, POOLS, pictures(), "channel")
    assert {name: len(unit.alpha) for name, unit in net.units.items()} == dict(
        pool1=4, pool2=8, pool5=8, fc6=24, fc7=24
    )
    shares = xs.sharing(net, pictures())
    assert {name: tuple(x.shape) for name, x in shares.items()} == {
        name: (len(unit.alpha), 2, 2) for name, unit in net.units.items()
    }
    assert xs.cost(net, pictures()).alphas == 4 * (4 + 8 + 8 + 24 + 24)


@pytest.mark.parametrize("at", LAYERS[2:])
def test_every_split_shares_what_runs_before_it(at):
    image, regions = pictures()
    towers = {task: tower(task) for task in TASKS}
    net = split(towers.__getitem__, TASKS, at)
    assert list(net.trunk) == LAYERS[: LAYERS.index(at)]
    out = net(image, regions)
    torch.testing.assert_close(out["find"], towers["find"](image, regions))
    assert out["tell"].shape == (len(regions.values), 4)


def test_mtl_shared_and_ensembles_take_regions_too():
    image, regions = pictures()
    towers = {task: tower(task) for task in TASKS}
    expected = {task: net(image, regions) for task, net in towers.items()}
    net = mtl_shared(towers.__getitem__, TASKS)
    for task, out in net(image, regions).items():
        torch.testing.assert_close(out, expected[task])
    both = ensemble([tower("find"), tower("find")], TASKS["find"].average)
    assert both(image, regions).shape == expected["find"].shape


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_regions_are_pooled_in_the_precision_of_their_map(dtype):
    x, regions = torch.rand(1, 3, 8, 8, dtype=dtype), [torch.tensor([[0.0, 0.0, 100.0, 60.0]])]
    pooled = RegionPool(2, stride=16)(x, regions)
    assert pooled.dtype == dtype and set(pooled.flatten().tolist()) <= set(x.flatten().tolist())
