"""Rooms are made of right angles: predicted normals turned to the three directions of their picture."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

VOTE = math.radians(15)  # how far a normal may lie from a direction and still count for it, as a Gaussian's deviation
YAWS, PITCHES = range(0, 90, 15), range(-45, 46, 15)  # degrees; first guesses, refined afterwards
ROUNDS = 10  # of refining the directions
VOTERS = 1024  # pixels of a picture, about, that choose its directions


def manhattan(normals: Tensor, within: float = 20.0) -> Tensor:
    """Turn each normal that lies near one of its picture's three perpendicular directions to that direction.

    Args:
        normals: (B, 3, H, W) unit vectors, all-zero where there is none.
        within: degrees; normals further from every direction, of a sofa's arm or a ball, stay as they are.

    Returns:
        (B, 3, H, W) unit vectors. A picture without any normal stays as it is.

    The directions are those of most normals: of a grid of yaws and pitches the best frame, then again and again the
    mean direction of the normals that point along each axis, made perpendicular (Procrustes).

    Source: the paper post-processes its normals by the Manhattan-world assumption, with the method of Wang, Fouhey and
    Gupta (CVPR 2015; section 5). This is a simpler way of our own, for any network's answers.
    """
    voters = _voters(normals)
    frame = _best_start(voters)
    for _ in range(ROUNDS):
        frame = _refined(frame, voters)
    return _snapped(normals, frame, math.cos(math.radians(within)))


def _voters(normals: Tensor) -> Tensor:
    """(B, N, 3): pixels of an even grid."""
    height, width = normals.shape[2:]
    step = max(1, round((height * width / VOTERS) ** 0.5))
    places = slice(step // 2, None, step)
    return normals[:, :, places, places].flatten(2).transpose(1, 2)


def _best_start(voters: Tensor) -> Tensor:
    """(B, 3, 3), rows are directions: of all frames on the grid the one that most normals vote for."""
    frames = _grid().to(voters)
    votes = torch.stack([_weights(_cosines(voters, frame)).sum((1, 2)) for frame in frames], 1)
    return frames[votes.argmax(1)]


def _refined(frame: Tensor, voters: Tensor) -> Tensor:
    cosines = _cosines(voters, frame)
    weights = _weights(cosines) * cosines.sign()
    u, _, v = torch.linalg.svd(weights.transpose(1, 2) @ voters)  # the frame nearest to the three mean directions
    return u @ v


def _snapped(normals: Tensor, frame: Tensor, least: float) -> Tensor:
    flat = normals.flatten(2).transpose(1, 2)
    cosines = _cosines(flat, frame)
    closest = cosines.abs().argmax(2)
    cosine = cosines.gather(2, closest[:, :, None])
    direction = cosine.sign() * frame.gather(1, closest[:, :, None].expand(-1, -1, 3))
    near = cosine.abs() >= least
    return torch.where(near, direction, flat).transpose(1, 2).reshape(normals.shape)


def _cosines(vectors: Tensor, frame: Tensor) -> Tensor:
    """(B, N, 3): of each vector with each direction."""
    return vectors @ frame.transpose(-1, -2)


def _weights(cosines: Tensor) -> Tensor:
    """How much a vector counts for the direction it lies closest to, up to sign; 0 for the other two."""
    angles = cosines.abs().clamp(max=1).acos()
    closest = F.one_hot(cosines.abs().argmax(-1), 3)
    return torch.exp(-((angles / VOTE) ** 2) / 2) * closest * cosines.abs().amax(-1, keepdim=True).gt(0)


def _grid() -> Tensor:
    """(number of guesses, 3, 3): cameras that are turned about the vertical and look up or down."""
    frames = []
    for yaw in YAWS:
        for pitch in PITCHES:
            a, b = math.radians(yaw), math.radians(pitch)
            turn = torch.tensor([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
            look = torch.tensor([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
            frames.append(turn @ look)
    return torch.stack(frames)
