import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from region_pictures import region_pictures, whole
from torch import nn
from torchvision.ops import box_iou

from xstitch_lib.networks.towers import small_fast_rcnn
from xstitch_lib.tasks import Attributes, Detection
from xstitch_lib.training.augment import colour, compose, mirror
from xstitch_lib.training.fit import fit
from xstitch_lib.training.sampling import SampledRegions, nearest, sample_regions

COUNTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 40)), min_size=1, max_size=4)


@given(COUNTS, st.integers(0, 99), st.integers(1, 20), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
@settings(deadline=None, max_examples=60)
def test_what_is_drawn_keeps_to_fast_rcnns_bounds(counts, seed, count, foreground):
    objects, proposals = zip(*counts, strict=True)
    batch = whole(region_pictures(objects, proposals, seed=seed))
    drawn = sample_regions(count, foreground).begin(seed)(batch)
    for i in range(len(objects)):
        all_, boxes, some, own = batch["regions"][i], batch["boxes"][i], drawn["regions"][i], drawn["object"][i]
        overlap = box_iou(all_, boxes).max(1).values if len(boxes) else torch.zeros(len(all_))
        rows = [(all_ == region).all(1).nonzero()[0].item() for region in some]
        assert len({*rows}) == len(rows) <= count
        stands = own >= 0
        assert torch.equal(stands, overlap[rows] >= 0.5)
        assert int(stands.sum()) == min(round(foreground * count), int((overlap >= 0.5).sum()))
        background = int((overlap < 0.5).sum())
        assert int((~stands).sum()) == min(count - int(stands.sum()), background)
        for region, place in zip(some[stands], own[stands], strict=True):
            assert box_iou(region[None], boxes).argmax() == place
        easy = int(((overlap[rows] < 0.1) & ~stands).sum())
        hard = int(((overlap >= 0.1) & (overlap < 0.5)).sum())
        assert easy == max(0, int((~stands).sum()) - hard)  # the nearly right ones come first


def test_all_regions_have_their_turn():
    batch = whole(region_pictures(objects=(2,), proposals=(30,)))
    sampler, seen = sample_regions(8).begin(0), torch.zeros(32)
    for _ in range(300):
        seen[[(batch["regions"][0] == r).all(1).nonzero()[0].item() for r in sampler(batch)["regions"][0]]] += 1
    overlap, _ = nearest(batch["regions"], batch["boxes"])
    hard = (overlap >= 0.1) & (overlap < 0.5)
    chosen = seen[hard] if hard.sum() > 8 else seen[overlap < 0.5]
    assert chosen.min() > 0.6 * chosen.mean()


def test_what_is_drawn_depends_on_the_seed_and_the_step_alone():
    batch = whole(region_pictures(objects=(3, 2), proposals=(40, 40)))
    one, other, third = [sample_regions(10).begin(seed) for seed in (1, 1, 2)]
    first = [one(batch)["regions"].values for _ in range(4)]
    torch.randn(100)  # the global generator has no say
    assert all(map(torch.equal, first, [other(batch)["regions"].values for _ in range(4)]))
    assert not torch.equal(first[0], first[1]) and not torch.equal(first[0], third(batch)["regions"].values)
    resumed = sample_regions(10).begin(1)
    resumed.load_state_dict({"drawn": 2})
    assert torch.equal(resumed(batch)["regions"].values, first[2])


class Pair(nn.Module):
    def __init__(self, tasks):
        super().__init__()
        torch.manual_seed(0)
        self.towers = nn.ModuleDict({name: small_fast_rcnn(task.outputs, width=4) for name, task in tasks.items()})

    def forward(self, image, regions):
        return {name: tower(image, regions) for name, tower in self.towers.items()}


def test_a_run_that_stops_goes_on_with_the_regions_that_come_next(tmp_path, monkeypatch):
    tasks = {"find": Detection(3), "tell": Attributes(4)}
    data = region_pictures(objects=(2, 0, 3, 1), proposals=(30, 20, 0, 25))
    augment = compose(mirror, colour, sample_regions(8))
    how = dict(lr=0.01, batch_size=2, augment=augment, checkpoint_every=3, snapshots=0, log_every=1)
    expected = fit(Pair(tasks), tasks, data, steps=8, **how)
    draw = SampledRegions.__call__

    def stops(sampler, batch):
        if sampler.drawn == 5:
            raise KeyboardInterrupt
        return draw(sampler, batch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(SampledRegions, "__call__", stops)
        fit(Pair(tasks), tasks, data, steps=8, resume=tmp_path / "run", **how)
    again = fit(Pair(tasks), tasks, data, steps=8, resume=tmp_path / "run", **how)
    assert again.table.equals(expected.table)


@pytest.mark.parametrize("options", [{"count": 0}, {"foreground": 1.5}])
def test_impossible_samples_are_refused(options):
    with pytest.raises(ValueError, match=r"a count of at least 1 and a share of foreground in \[0, 1\]"):
        sample_regions(**options)
