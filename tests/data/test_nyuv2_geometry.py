"""Normals from depth: exact on planes, bounded under noise, apart at steps; the official normals need the .mat."""

import pytest
import torch
from torch.nn import functional as F

from xstitch_lib.data.nyuv2.geometry import KINECT, Camera, normals_from_depth
from xstitch_lib.tasks.angles import angles

SMALL = Camera(260.0, 259.0, 162.4, 126.1)  # 240×320


def sight(camera=SMALL, size=(240, 320)):
    """(3, H, W) lines of sight (u, v, 1)."""
    y, x = torch.meshgrid(*[torch.arange(n).double() for n in size], indexing="ij")
    return torch.stack([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, torch.ones_like(x)])


def plane(normal, distance=2.5, camera=SMALL, size=(240, 320), farthest=10):
    """The plane's unit normal and its depth map, 0 where it is too far or not met."""
    normal = F.normalize(torch.tensor(normal).double(), dim=0)
    inverse = torch.einsum("c,chw->hw", normal, sight(camera, size)) / -distance
    return normal, torch.where(inverse > 1 / farthest, 1 / inverse, 0).float()


def error(found, normal):
    """Degrees, where a normal was found."""
    wanted = normal.view(3, 1, 1).expand_as(found) if normal.ndim == 1 else normal
    return angles(found[None].double(), wanted[None])[0][found.any(0)]


PLANES = [[0.0, 0, -1], [0, -0.9, -0.4], [-0.8, 0.1, -0.5], [0.3, 0.4, -0.6], [0.9, 0, -0.3]]


@pytest.mark.parametrize("normal", PLANES)
def test_a_plane_is_exact_up_to_its_edges(normal):
    normal, depth = plane(normal)
    found = normals_from_depth(depth, SMALL)
    assert found.dtype == torch.float32 and error(found, normal).max() < 0.005
    assert found.any(0)[depth > 0].float().mean() > 0.98 and not found[:, depth == 0].any()
    assert ((found.double() * sight()).sum(0)[found.any(0)] < 0).all()  # they point to the camera


@pytest.mark.parametrize("normal", PLANES)
def test_missing_depth_is_left_out_of_the_fit(normal):
    normal, depth = plane(normal)
    holes = torch.rand(depth.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    found = normals_from_depth(depth.masked_fill(holes, 0), SMALL)
    assert error(found, normal).max() < 0.01
    assert not found[:, holes].any() and found.any(0)[~holes & (depth > 0)].float().mean() > 0.98


@pytest.mark.parametrize("normal", PLANES)
def test_a_kinects_noise_and_steps_move_normals_of_a_plane_by_few_degrees(normal):
    normal, depth = plane(normal, camera=KINECT, size=(480, 640), farthest=5)
    inverse = 1 / depth + 1e-3 * torch.randn(depth.shape, generator=torch.Generator().manual_seed(0))  # 9 mm at 3 m
    for noisy in (inverse, (1 / depth / 2.85e-3).round() * 2.85e-3):  # the sensor's step, 26 mm at 3 m
        off = error(normals_from_depth(torch.where(depth > 0, 1 / noisy, 0), stride=2), normal)
        assert off.median() < 2 and off.mean() < 2.5


def test_a_sphere_is_right_where_it_is_seen_at_less_than_60_degrees():
    centre, radius, rays = torch.tensor([0.1, -0.05, 2.0]).double(), 0.6, sight()
    a, b, c = rays.square().sum(0), torch.einsum("chw,c->hw", rays, centre), centre.square().sum() - radius**2
    met = b * b > a * c
    depth = torch.where(met, (b - (b * b - a * c).clamp(min=0).sqrt()) / a, 0)
    outward = (depth * rays - centre.view(3, 1, 1)) / radius
    cosine = -(outward * rays).sum(0) / rays.norm(dim=0)
    found = normals_from_depth(depth.float(), SMALL, radius=3)
    frontal = met & (cosine > 0.5)
    off = angles(found[None].double(), outward[None])[0][frontal]
    assert found.any(0)[frontal].all() and off.max() < 2 and off.mean() < 0.5


def test_surfaces_in_front_of_each_other_do_not_mix():
    near, far = plane([0.0, 0, -1], 2.0)[1], plane([0.0, -0.7, -0.7], 2.2)[1]
    left = torch.arange(320) < 160
    found = normals_from_depth(torch.where(left, near, far), SMALL)
    apart = ((near - far).abs() > 0.25)[:, 159]  # rows where the step is over 12 %
    assert apart.sum() > 100
    assert error(found[:, apart, :160], plane([0.0, 0, -1])[0]).max() < 0.01
    assert error(found[:, apart, 160:], plane([0.0, -0.7, -0.7])[0]).max() < 0.01


def test_a_stride_gives_the_normals_of_the_middle_pixels():
    depth = plane([0.3, 0.4, -0.6])[1]
    depth += 0.05 * torch.rand(depth.shape, generator=torch.Generator().manual_seed(0))
    every = normals_from_depth(depth, SMALL)
    for stride in (2, 3):
        some = normals_from_depth(depth, SMALL, stride=stride)
        middles = every[:, stride // 2 :: stride, stride // 2 :: stride][:, : 240 // stride, : 320 // stride]
        torch.testing.assert_close(some, middles)


def test_a_line_of_pixels_and_single_ones_have_no_normal():
    depth = torch.zeros(40, 40)
    depth[20, 5:35], depth[3, 3] = 2, 2
    assert not normals_from_depth(depth, SMALL).any()
