"""What a trace would forget, freeze or trip over is noticed, and the sentence names the cause."""

import copy
import warnings
from collections import defaultdict

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from torchvision.models import DenseNet, googlenet

from xstitch_lib.networks import mtl_shared, split, stitch
from xstitch_lib.networks.units import nddr


class Tower(nn.Module):
    """A convolution, what ``then`` makes of its map, and a head."""

    def __init__(self, then):
        super().__init__()
        self.norm, self.conv, self.head = nn.BatchNorm2d(3, momentum=None), nn.Conv2d(3, 6, 3), nn.Linear(6, 2)
        self.one, self.inner, self.then = nn.BatchNorm2d(6), nn.Conv2d(6, 6, 1), then
        self.count, self.cache = torch.zeros(()), {}

    def forward(self, x):
        return self.head(self.then(self, self.conv(self.norm(x))).mean((2, 3)))


def joined(then, example=(2, 3, 8, 8), **options):
    return stitch({task: Tower(then) for task in "ab"}, ["conv"], example, **options)


def refused(match, then, example=(2, 3, 8, 8)):
    with pytest.raises(ValueError, match=match):
        joined(then, example)


def asking(tower, y):
    tower.cache["last"] = tower.count
    return y if y.ndim == 4 else y[..., None]


def test_questions_leave_the_counters_of_batch_norm_as_they_were():
    net = joined(asking)
    counts = [m.num_batches_tracked.item() for one in (net, copy.deepcopy(net)) for m in one.modules() if counted(m)]
    assert counts == [0] * 8
    net.train()(torch.full((2, 3, 8, 8), 4.0))
    assert net.towers["a"].norm.running_mean[0] == 4  # the first batch: a mean over all so far


def counted(module):
    return isinstance(module, nn.BatchNorm2d)


def switching(tower, y):
    with torch.autocast("cpu", enabled=False):
        return tower.inner(y.float())


def test_a_region_without_autocast_is_noticed():
    refused("it switches autocast on or off, which a trace forgets, at test_causes.py", switching)


def checkpointing(tower, y):
    return checkpoint(tower.inner, y, use_reentrant=False)


def test_checkpoints_in_an_opened_forward_are_told_once():
    with pytest.warns(UserWarning, match=r"own forward uses torch\.utils\.checkpoint, which does not run") as told:
        net = joined(checkpointing)
        net(torch.rand(2, 3, 8, 8)), net(torch.rand(2, 3, 8, 8))
    assert len(told) == 1


def test_hooks_that_were_there_before_are_told_once():
    towers = {task: Tower(lambda tower, y: y) for task in "ab"}
    towers["a"].register_forward_hook(lambda *_: None)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        stitch(towers, ["conv"], (2, 3, 8, 8))(torch.rand(2, 3, 8, 8))
    assert len(told) == 1


def test_questions_about_gradients_are_refused_where_networks_are_joined():
    def dense(outputs):
        return DenseNet(8, (2, 2), 16, num_classes=outputs, memory_efficient=True)

    with pytest.raises(ValueError, match=r"whether a gradient is wanted.*memory_efficient=True"):
        stitch({"a": dense(3), "b": dense(4)}, ["features.denseblock1.denselayer2.conv1"], (2, 3, 64, 64))


def test_a_length_is_named_as_what_freezes_the_batch():
    net = joined(lambda tower, y: y.reshape(len(y), 6, 6, 6))
    with pytest.raises(
        ValueError, match=r"asks a tensor for its length, which x\.shape\[0\] would leave open.*answer 2"
    ):
        net(torch.rand(3, 3, 8, 8))
    assert joined(lambda tower, y: y.reshape(y.shape[0], 6, 6, 6))(torch.rand(3, 3, 8, 8))["a"].shape == (3, 2)


def test_an_example_of_one_sample_is_named_where_batch_norm_wants_two():
    def pooled(tower, y):
        g = tower.one(y.mean((2, 3), keepdim=True))
        return y + g if g.ndim == 4 else y

    refused(
        "a batch norm, which an example of one sample does not run through .*: take an example of two",
        pooled,
        (1, 3, 8, 8),
    )
    assert joined(pooled)(torch.rand(2, 3, 8, 8))["a"].shape == (2, 2)


@pytest.mark.parametrize(
    "made",
    [
        lambda y: torch.zeros(y.shape[0], y.shape[1], 1, 1),
        lambda y: torch.zeros(*y.shape),
        lambda y: torch.tensor(y.shape[2]),
        lambda y: np.sqrt(y.shape[2]),
    ],
)
def test_tensors_made_from_sizes_are_told_how_to_be_made(made):
    refused(r"as y\.new_zeros\(b, c\)", lambda tower, y: y + made(y))
    b, c = 2, 6
    assert joined(lambda tower, y: y + y.new_zeros(y.shape[0], c, 1, 1))(torch.rand(b, 3, 8, 8))["a"].shape == (b, 2)


def test_sizes_may_be_rounded_and_divided():
    def halves(tower, y):
        rows, rest = divmod(y.shape[2], 2)
        return y[:, :, : rows + rest + round(y.shape[3] / 3)]

    assert joined(halves)(torch.rand(5, 3, 10, 8))["a"].shape == (5, 2)


def test_googlenets_parts_are_chosen_in_training_and_its_tensor_is_left_whole_in_eval_mode():
    def net(outputs):
        return googlenet(num_classes=outputs, weights=None, init_weights=False)

    both = stitch({"a": net(2), "b": net(3)}, ["inception3a"], (1, 3, 64, 64), out="logits")
    x = torch.rand(2, 3, 64, 64)
    assert both.train()(x)["b"].shape == both.eval()(x)["b"].shape == (2, 3)


def test_a_method_is_no_part_of_an_output():
    class Two(Tower):
        def forward(self, x):
            return super().forward(x), x

    with pytest.raises(ValueError, match="returns a tuple of 2, without 'count'"):
        stitch({task: Two(lambda tower, y: y) for task in "ab"}, ["conv"], (2, 3, 8, 8), out="count")


class Parts(dict):
    """A dict of a kind of its own, as a library may return it."""


class Returning(Tower):
    def __init__(self, kind, freeze=False):
        super().__init__(lambda tower, y: y * 100 if freeze and isinstance(y, torch.Tensor) else y)
        self.kind = kind

    def forward(self, x):
        return self.kind({"out": super().forward(x)})


def counting(parts):
    return defaultdict(list, parts)


def test_dicts_of_a_kind_of_their_own_stay_of_it_or_are_refused():
    x = torch.rand(2, 3, 8, 8)
    assert type(stitch({task: Returning(Parts) for task in "ab"}, ["conv"], (2, 3, 8, 8))(x)["a"]) is Parts
    with pytest.raises(ValueError, match="gives other outputs than by itself"):  # which pytree cannot look into
        stitch({task: Returning(Parts, freeze=True) for task in "ab"}, ["conv"], (2, 3, 8, 8))
    with pytest.raises(ValueError, match="gives other outputs than by itself"):
        stitch({task: Returning(counting) for task in "ab"}, ["conv"], (2, 3, 8, 8))
    chosen = stitch({task: Returning(counting) for task in "ab"}, ["conv"], (2, 3, 8, 8), out="out")
    assert chosen(x)["a"].shape == (2, 2)


def test_a_key_called_grad_asks_for_no_gradient():
    class Keyed(Tower):
        def forward(self, inputs):
            y = inputs["grad"]
            return super().forward(y if y.ndim == 4 else y[None])

    net = stitch({task: Keyed(lambda tower, y: y) for task in "ab"}, ["conv"], ({"grad": torch.rand(2, 3, 8, 8)},))
    assert net({"grad": torch.rand(5, 3, 8, 8)})["a"].shape == (5, 2)


def test_what_fails_for_another_reason_is_not_blamed_on_the_inputs():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.words = nn.Linear(4, 2), nn.Embedding(5, 4)

        def forward(self, x):
            return self.head(self.words(x).mean(1))

    with pytest.raises(ValueError, match="index out of range") as told:
        stitch({task: Words() for task in "ab"}, ["words"], torch.full((2, 3), 9))
    assert "float" not in str(told.value)


def test_convolutional_networks_with_square_maps_are_no_tokens():
    class Normed(Tower):
        def __init__(self):
            super().__init__(lambda tower, y: y)
            self.last = nn.LayerNorm(6)

    assert stitch({task: Normed() for task in "ab"}, ["conv"], (2, 3, 8, 8)).units["conv"].channels == 6


class Body(nn.Module):
    def __init__(self, close):
        super().__init__()
        self.body = close(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        return self.head(self.body(x))


def compiled(module):
    return torch.compile(module, backend="eager")


@pytest.mark.parametrize("close, kind", [(compiled, "compiled"), (torch.jit.script, "scripted or traced")])
@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning", "ignore:.torch.jit:DeprecationWarning")
def test_closed_towers_and_modules_are_refused_wherever_networks_are_joined(close, kind):
    with pytest.raises(ValueError, match=f"module 'body' of tower 'a' is a {kind}"):
        stitch({task: Body(close) for task in "ab"}, ["body.0"], (1, 3, 8, 8))
    for join in (lambda make: split(make, "ab", at="head"), lambda make: mtl_shared(make, "ab")):
        with pytest.raises(ValueError, match=f"tower 'a' is a {kind}"):
            join(lambda task: close(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1))))


class Tokens(nn.Module):
    def __init__(self, first):
        super().__init__()
        self.first, self.head = first, nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.first(x)).mean(1)


def test_tokens_of_an_embedding_are_noticed_and_units_of_ones_own_read_dim_1():
    words = torch.randint(20, (2, 5))

    def towers():
        return {task: Tokens(nn.Embedding(20, 6)) for task in "ab"}

    with pytest.raises(ValueError, match="may be no channel: say channel_dim=-1"):
        stitch(towers(), ["first"], words)
    assert stitch(towers(), ["first"], words, channel_dim=-1).units["first"].channels == 6
    with pytest.raises(ValueError, match="a unit of one's own reads dim 1"):
        stitch(towers(), ["first"], words, per=nddr, channel_dim=-1)


def test_square_maps_whose_norm_is_over_the_last_dimension_are_ambiguous():
    towers = {task: Tokens(nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6))) for task in "ab"}
    with pytest.raises(ValueError, match=r"dim 1 of the maps \(2, 6, 6\) may be no channel"):
        stitch(towers, ["first"], (2, 6, 6))
    assert stitch(towers, ["first"], (2, 6, 6), channel_dim=1).units["first"].channels == 6


@pytest.mark.parametrize(
    "first, example, fix",
    [
        (nn.Conv2d(1, 4, 3), torch.zeros(2, 8, 8), r"x\.unsqueeze\(1\)"),
        (nn.Conv2d(3, 4, 3), torch.zeros(3, 8, 8, dtype=torch.uint8), r"x\.float\(\) / 255"),
        (nn.Conv2d(13, 4, 3), torch.zeros(2, 8, 8, 13), r"x\.permute\(0, 3, 1, 2\)"),
        (nn.Conv1d(4, 4, 3), torch.zeros(2, 9, 4), r"x\.transpose\(1, 2\)"),
        (nn.Linear(4, 4), torch.zeros(2, 4, dtype=torch.long), r"x\.float\(\)"),
    ],
)
def test_an_example_that_a_tower_does_not_run_on_is_told_how_to_be_mended(first, example, fix):
    towers = {task: nn.Sequential(copy.deepcopy(first), nn.ReLU()) for task in "ab"}
    with pytest.raises(ValueError, match=f"does not run on the example.*{fix}"):
        stitch(towers, ["0"], example)
