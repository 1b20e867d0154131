"""Normals of a room are turned to its three directions, others are left alone."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from xstitch_lib.data import Rooms
from xstitch_lib.tasks import SurfaceNormals
from xstitch_lib.tasks.manhattan import manhattan


def camera(yaw: float, pitch: float) -> torch.Tensor:
    """(3, 3): the room's axes as the camera sees them, in rows."""
    a, b = torch.deg2rad(torch.tensor([yaw, pitch]))
    turn = torch.tensor([[a.cos(), 0, a.sin()], [0, 1, 0], [-a.sin(), 0, a.cos()]])
    look = torch.tensor([[1, 0, 0], [0, b.cos(), -b.sin()], [0, b.sin(), b.cos()]])
    return turn @ look


def room(frame: torch.Tensor, noise: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """(1, 3, 24, 32) noisy normals of a room and the true ones: two walls, a floor."""
    g = torch.Generator().manual_seed(seed)
    sign = torch.tensor([1.0, -1.0, -1.0])[:, None]
    which = torch.arange(3).repeat_interleave(256)
    true = (sign * frame)[which].T.reshape(1, 3, 24, 32)
    return F.normalize(true + noise * torch.randn(true.shape, generator=g), dim=1), true


def degrees(a, b):
    return torch.rad2deg((a * b).sum(1).clamp(-1, 1).acos())


@settings(max_examples=25, deadline=None)
@given(st.floats(-40, 40), st.floats(-35, 35), st.integers(0, 1000))
def test_a_rooms_directions_are_found_from_noisy_normals(yaw, pitch, seed):
    noisy, true = room(camera(yaw, pitch), noise=0.1, seed=seed)
    snapped = manhattan(noisy, within=30)
    assert degrees(noisy, true).mean() > 4
    assert degrees(snapped, true).mean() < 1


def test_a_large_picture_votes_everywhere():
    """Each third of the width alone tells one direction."""
    frame = camera(25, -15)
    which = torch.arange(320).mul(3).div(320, rounding_mode="floor")
    true = frame[which].T[None, :, None].expand(1, 3, 256, 320)
    g = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 3, 16, 20, generator=g).repeat_interleave(16, 2).repeat_interleave(16, 3)
    noisy = F.normalize(true + 0.1 * noise, dim=1)
    assert degrees(manhattan(noisy, within=30), true).mean() < 1.5


def test_what_points_elsewhere_stays_as_it_is():
    noisy, _ = room(camera(20, -10), noise=0.02)
    diagonal = F.normalize(camera(20, -10).sum(0), dim=0)
    noisy[0, :, :2] = diagonal[:, None, None]
    snapped = manhattan(noisy)
    assert torch.equal(snapped[0, :, :2], noisy[0, :, :2])
    assert not torch.equal(snapped[0, :, 2:], noisy[0, :, 2:])


def test_snapped_normals_are_unit_vectors_in_three_directions_at_most():
    snapped = manhattan(room(camera(-30, 5), noise=0.1)[0], within=60)
    assert torch.allclose(snapped.norm(dim=1), torch.ones(1, 24, 32), atol=1e-5)
    cosines = torch.einsum("chw,cij->hwij", snapped[0], snapped[0]).abs()
    assert ((cosines < 1e-4) | (cosines > 1 - 1e-4)).all()


def test_unknown_normals_stay_unknown():
    noisy, _ = room(camera(10, 0), noise=0.05)
    noisy[..., :8] = 0
    snapped = manhattan(noisy)
    assert not snapped[..., :8].any() and torch.isfinite(snapped).all()
    assert not manhattan(torch.zeros(2, 3, 4, 4)).any()


def test_each_picture_has_its_own_directions():
    a, b = room(camera(30, 0), 0.05)[0], room(camera(-20, -20), 0.05)[0]
    together = manhattan(torch.cat([a, b]))
    assert torch.allclose(together, torch.cat([manhattan(a), manhattan(b)]), atol=1e-5)


def test_it_mends_what_a_codebook_leaves_of_generated_rooms():
    """Walls and floors of the rooms, answered with the nearest of 20 codewords, move towards the truth."""
    data = Rooms(20, seed=3)
    task, true = SurfaceNormals.from_data(data), data.tensors["normals"]
    coarse = task._words(true)[task.nearest(true)].permute(0, 3, 1, 2)
    flat = data.tensors["seg"] < 3  # floor, wall, ceiling
    before, after = (degrees(x, true)[flat].mean() for x in (coarse, manhattan(coarse)))
    assert after < before
