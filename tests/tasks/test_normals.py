"""Normals: nearest codewords, soft decoding, angles by hand and against NumPy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from xstitch_lib.data.tensors import IGNORE, TensorData
from xstitch_lib.tasks import SurfaceNormals
from xstitch_lib.tasks.angles import angles
from xstitch_lib.training.augment import flip
from xstitch_lib.training.checkpoint import describe

AXES = torch.tensor([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]).float()
TASK = SurfaceNormals("normals", AXES)
SURE = 100.0


def directions(seed, *shape, unknown=0.0):
    g = torch.Generator().manual_seed(seed)
    normals = F.normalize(torch.randn(shape[0], 3, *shape[1:], generator=g), dim=1)
    return normals * (torch.rand(shape[0], 1, *shape[1:], generator=g) >= unknown)


def sure(codewords):
    return SURE * F.one_hot(codewords, len(AXES)).permute(0, 3, 1, 2).float()


def turned(*degrees):
    """(1, 3, 1, W) normals so many degrees away from z."""
    angle = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    return torch.stack([angle.sin(), torch.zeros_like(angle), angle.cos()])[None, :, None].float()


def counted(output, normals, task=TASK):
    metric = task.metric()
    metric.update(output, {"normals": normals})
    return metric.compute()


def test_metrics_of_a_picture_of_four_pixels():
    found = counted(sure(torch.full((1, 1, 4), 4)), turned(10, 20, 25, 45))
    assert found == pytest.approx({"mean": 25, "median": 22.5, "11.25": 25, "22.5": 50, "30": 75}, abs=1e-4)
    assert TASK.metric().per_class() == {}


def test_the_label_of_a_normal_is_its_nearest_codeword():
    normals = directions(0, 3, 5, 7, unknown=0.3)
    codebook = directions(1, 20).numpy()
    found = SurfaceNormals("normals", codebook).nearest(normals).numpy()
    distance = np.linalg.norm(normals.numpy()[:, None] - codebook[None, :, :, None, None], axis=2)
    expected = np.where(np.any(normals.numpy(), axis=1), distance.argmin(1), IGNORE)
    assert (found == expected).all() and (found == IGNORE).any()


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_loss_is_cross_entropy_over_the_codewords(stride):
    task, output, normals = SurfaceNormals("normals", AXES, stride), torch.randn(2, 6, 3, 4), directions(0, 2, 9, 12)
    normals[1] = 0
    total, count = task.losses(output, {"normals": normals})["loss"]
    fine = F.interpolate(output, size=(9, 12), mode="bilinear")
    labels = torch.einsum("kc,bchw->bkhw", AXES, normals).argmax(1)
    half = slice(stride // 2, None, stride)
    expected = F.cross_entropy(fine[:1, :, half, half], labels[:1, half, half], reduction="sum")
    torch.testing.assert_close(total, expected)
    assert count == labels[0, half, half].numel()


def test_unknown_normals_add_nothing():
    output, normals = torch.randn(1, 6, 4, 4, requires_grad=True), directions(0, 1, 4, 4)
    normals[..., 2:] = 0
    total, count = TASK.losses(output, {"normals": normals})["loss"]
    total.backward()
    assert count == 8
    assert (output.grad[..., 2:] == 0).all() and (output.grad[..., :2] != 0).all()
    known = counted(output.detach()[..., :2], normals[..., :2])
    assert counted(output.detach(), normals) == pytest.approx(known)  # sums of another length round differently


def test_a_batch_without_normals_gives_zero_and_a_gradient_of_zeros():
    output, batch = torch.randn(2, 6, 2, 2, requires_grad=True), {"normals": torch.zeros(2, 3, 8, 8)}
    total, count = TASK.losses(output, batch)["loss"]
    total.backward()
    assert (total, count) == (0, 0) and (output.grad == 0).all()
    assert all([math.isnan(value) for value in counted(output.detach(), batch["normals"]).values()])


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 99), st.floats(0.01, 30))
def test_a_prediction_is_unit_and_lies_among_the_codewords(seed, sharpness):
    codebook = directions(seed, 8)
    output = sharpness * torch.randn(2, 8, 3, 4, generator=torch.Generator().manual_seed(seed))
    found = SurfaceNormals("normals", codebook).predict(output)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2, 3, 4))
    weighted = torch.einsum("bkhw,kc->bchw", output.softmax(1), codebook)
    torch.testing.assert_close(found, F.normalize(weighted, dim=1), rtol=1e-4, atol=1e-4)


def test_a_sure_prediction_is_the_codeword():
    codewords = torch.arange(6).view(1, 2, 3)
    assert torch.equal(TASK.predict(sure(codewords)).permute(0, 2, 3, 1).reshape(6, 3), AXES)
    assert TASK.predict(sure(codewords), {"image": torch.zeros(1, 3, 20, 30)}).shape == (1, 3, 20, 30)


def test_codewords_that_cancel_out_are_no_lucky_guess():
    found = counted(torch.zeros(1, 6, 2, 2), directions(0, 1, 2, 2))
    assert (found["mean"], found["30"]) == (pytest.approx(90), 0)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 999))
def test_angles_agree_with_numpy_in_double_precision(seed):
    first, second = directions(seed, 100), directions(seed + 1, 100)
    cosine = (F.normalize(first.double()) * F.normalize(second.double())).sum(1).numpy()
    assert angles(first, second).numpy() == pytest.approx(np.degrees(np.arccos(cosine)), abs=1e-3)


def test_angles_are_exact_at_both_ends():
    normals = directions(0, 1000)
    assert (angles(normals, normals) == 0).all()
    assert (angles(normals, -normals) == 180).all()
    for tiny in (1e-3, 0.01, 0.1):  # the arc cosine of a float32 product gives 0 for the first two
        assert angles(turned(0), turned(tiny)).item() == pytest.approx(tiny, rel=1e-5)
        assert 180 - angles(turned(0), -turned(tiny)).item() == pytest.approx(tiny, abs=2e-5)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 99), st.integers(1, 6))
def test_metrics_are_those_of_all_pixels_at_once(seed, size):
    normals = directions(seed, 6, 4, 5, unknown=0.3)
    output = torch.randn(6, 6, 2, 3, generator=torch.Generator().manual_seed(seed))
    metric = TASK.metric()
    for some, their_normals in zip(output.split(size), normals.split(size), strict=True):
        metric.update(some, {"normals": their_normals})
    found = metric.compute()
    assert metric.compute() == found
    error = angles(TASK.predict(output, {"normals": normals}), normals)[normals.any(1)].numpy()
    within = {limit: 100 * (error < float(limit)).mean() for limit in ("11.25", "22.5", "30")}
    assert found == pytest.approx({"mean": error.mean(), "median": np.median(error), **within}, rel=1e-5)


def test_a_mirrored_world_is_as_hard():
    batch = {"image": torch.rand(2, 3, 4, 6), "normals": directions(0, 2, 4, 6, unknown=0.2)}
    output = torch.randn(2, 6, 2, 3)
    mirrored = output[:, [1, 0, 2, 3, 4, 5]].flip(-1)  # +x and -x swap
    torch.testing.assert_close(TASK.losses(mirrored, flip(batch))["loss"], TASK.losses(output, batch)["loss"])
    there, here = counted(mirrored, flip(batch)["normals"]), counted(output, batch["normals"])
    assert there == pytest.approx(here, rel=1e-5)


def test_the_codebook_tells_tasks_apart_in_a_checkpoint():
    twin, other = SurfaceNormals("normals", AXES.tolist()), SurfaceNormals("normals", AXES.flip(0))
    assert twin == TASK and hash(twin) == hash(TASK) and other != TASK

    def text(task):
        return describe({}, torch.nn.Identity(), {"normals": task})["task normals"]

    assert text(twin) == text(TASK) != text(other)
    assert eval(text(TASK), {"SurfaceNormals": SurfaceNormals}) == TASK


def test_the_floor_is_what_the_nearest_codeword_leaves():
    data = TensorData({"normals": torch.cat([turned(10, 20, 25, 40), torch.zeros(1, 3, 1, 4)])})
    assert TASK.floor(data) == pytest.approx(
        {"mean": 23.75, "median": 22.5, "11.25": 25, "22.5": 50, "30": 75}, abs=1e-4
    )


def test_directions_have_the_usual_colours():
    right, up, towards_the_camera = 0, 3, 5
    drawn = TASK.draw(torch.cat([AXES[[right, up, towards_the_camera]], torch.zeros(1, 3)]).T[None, :, None])
    assert drawn.tolist() == [[[[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1], [0.5, 0.5, 0.5]]]]


def test_check_passes_normals_that_fit():
    image, normals = torch.zeros(2, 3, 4, 4), directions(0, 2, 4, 4, unknown=0.5)
    for fitting in (normals, normals.half(), normals.double(), torch.zeros(2, 3, 4, 4)):
        TASK.check("sn", {"image": image, "normals": fitting})


NAN = torch.full((2, 3, 4, 4), float("nan"))


@pytest.mark.parametrize(
    ("normals", "words"),
    [
        (None, r"task 'a' needs the labels 'normals'; got a data set with \['image'\]"),
        (
            torch.zeros(2, 4, 4),
            r"must be floating-point normals \(B, 3, H, W\); got torch.float32 of shape \(2, 4, 4\)",
        ),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), "got torch.uint8"),
        (torch.zeros(2, 3, 4, 5), r"labels 'normals' of the images' size \(4, 4\); got \(4, 5\)"),
        (
            2 * directions(0, 2, 4, 4),
            "needs unit normals 'normals', .*; got 32 others, the first of length 2: normalise",
        ),
        (NAN, "got 32 others, the first of length nan"),
    ],
)
def test_check_names_normals_that_do_not_fit(normals, words):
    tensors = {"image": torch.zeros(2, 3, 4, 4)} | ({} if normals is None else {"normals": normals})
    with pytest.raises(ValueError, match=words):
        TASK.check("a", tensors)


@pytest.mark.parametrize("codebook", [AXES[:1], AXES[:, :2], 2 * AXES, NAN[0, 0], AXES[0]])
def test_a_codebook_that_is_none_is_refused(codebook):
    with pytest.raises(ValueError, match=r"codebook of 'normals' must be at least 2 unit vectors \(K, 3\); got shape"):
        SurfaceNormals("normals", codebook)


def test_an_output_of_another_size_is_named():
    for use in (TASK.losses, TASK.metric().update):
        with pytest.raises(ValueError, match=r"'normals' needs an output of shape \(2, 6, h, w\); got \(2, 5, 4, 4\)"):
            use(torch.zeros(2, 5, 4, 4), {"normals": directions(0, 2, 4, 4)})
