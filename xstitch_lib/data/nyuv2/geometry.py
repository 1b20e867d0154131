"""Surface normals from a depth map."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

NEAR = 0.05  # of the depth; a neighbour that is nearer or farther by more lies on another surface
FEWEST = 10  # neighbours a plane is fitted to
FLATTEST = 1.0  # determinant of their scatter, in pixels⁴, below which they lie on a line


class Camera(NamedTuple):
    """A pinhole camera: focal lengths and principal point in pixels, the top left pixel's middle being (0, 0)."""

    fx: float
    fy: float
    cx: float
    cy: float


# camera_params.m of the official toolbox, of the RGB camera; Matlab's first pixel is (1, 1)
KINECT = Camera(518.85790117450188, 519.46961112127485, 325.58244941119034 - 1, 253.73616633400465 - 1)


def normals_from_depth(depth: Tensor, camera: Camera = KINECT, stride: int = 1, radius: int = 7) -> Tensor:
    """Fit a plane to the surroundings of each pixel.

    Args:
        depth: (H, W) along the camera's axis in any unit, for instance metres; 0 where it is missing.
        camera: which took it.
        stride: s, normals are wanted in the middle row and column of each s×s pixels (of an even s, the later ones).
        radius: the surroundings are squares of ``2 * radius + 1`` pixels a side, without what is missing or more than
            `NEAR` off the middle's depth.

    Returns:
        (3, H // s, W // s) float32 unit vectors in the camera's frame, x right, y down, z forward, that point to the
        camera: their product with the line of sight is negative, and so is z but for surfaces seen at a very
        flat angle off the picture's middle. All-zero where depth is missing or has too few neighbours.

    On a plane ``n · X = d`` a pixel's line of sight ``(u, v, 1)`` meets ``1 / depth = n · (u, v, 1) / d``: inverse
    depth is affine in the pixel's coordinates, so a linear fit gives the plane, exactly if there is no noise. A
    Kinect measures inverse depth, so its noise is about the same everywhere in the fit.
    """
    height, width = [n // stride for n in depth.shape]
    start = stride // 2
    inverse = torch.where(depth > 0, 1 / depth, 0).float()
    padded = F.pad(inverse, [radius] * 4)
    middle = inverse[start::stride, start::stride][:height, :width]
    n, x, y, xx, xy, yy, d, xd, yd = sums = torch.zeros(9, height, width, device=depth.device)
    for i in range(-radius, radius + 1):
        for j in range(-radius, radius + 1):
            rows, columns = [slice(radius + start + k, None, stride) for k in (i, j)]
            there = padded[rows, columns][:height, :width]
            off = there - middle
            near = ((off.abs() <= NEAR * middle) & (there > 0)).float()
            off *= near
            for moment, weight in ((n, 1), (x, j), (y, i), (xx, j * j), (xy, i * j), (yy, i * i)):
                moment.add_(near, alpha=weight)
            for moment, weight in ((d, 1), (xd, j), (yd, i)):
                moment.add_(off, alpha=weight)
    x, y, xx, xy, yy, d, xd, yd = sums[1:] / n.clamp(min=1)  # now means
    xx, xy, yy, xd, yd = xx - x * x, xy - x * y, yy - y * y, xd - x * d, yd - y * d
    determinant = xx * yy - xy * xy
    known = (n >= FEWEST) & (determinant * n * n > FLATTEST) & (middle > 0)
    determinant = determinant.where(known, 1)
    right, down = (yy * xd - xy * yd) / determinant, (xx * yd - xy * xd) / determinant  # slopes a pixel
    row = torch.arange(height, device=depth.device).unsqueeze(1) * stride + start - camera.cy
    column = torch.arange(width, device=depth.device) * stride + start - camera.cx
    fitted = middle + d - right * x - down * y
    plane = torch.stack([right * camera.fx, down * camera.fy, fitted - right * column - down * row])
    return -F.normalize(plane, dim=0) * known
