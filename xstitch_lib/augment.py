"""Augmentation: mirrored and recoloured copies of a batch (the paper's, section 5).

Functions of a batch that return a new one. Their randomness comes from torch's global generator of the batch's
device, which `fit` seeds and its checkpoints hold.
"""

from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor

Batch = dict[str, Tensor]
JITTER = 0.2  # brightness, contrast and saturation vary by up to a fifth


def flip(batch: Batch) -> Batch:
    """Mirror every sample left to right, and what is labelled on its pixels with it.

    Args:
        batch: name → tensor. "image" is (B, C, H, W); whatever else ends in (H, W) is a map of labels. "normals"
            (B, 3, H, W) point to the other side in the mirror, so their x changes sign.

    >>> flip({"image": torch.rand(1, 3, 1, 2), "seg": torch.tensor([[[0, 1]]])})["seg"]
    tensor([[[1, 0]]])
    """
    size = batch["image"].shape[2:]
    flipped = {name: x.flip(-1) for name, x in batch.items() if x.ndim > 2 and x.shape[-2:] == size}
    if "normals" in flipped:
        flipped["normals"][:, 0].neg_()
    return {**batch, **flipped}


def mirror(batch: Batch) -> Batch:
    """`flip` each sample with probability ½."""
    image, flipped = batch["image"], flip(batch)
    chosen = torch.rand(len(image), device=image.device) < 0.5
    return {
        name: x if flipped[name] is x else torch.where(chosen.view(-1, *[1] * (x.ndim - 1)), flipped[name], x)
        for name, x in batch.items()
    }


def colour(batch: Batch) -> Batch:
    """Change each image's brightness, contrast and saturation, each by a factor of its own from 0.8 to 1.2.

    Args:
        batch: "image" is (B, C, H, W) in [0, 1], and stays there; the rest is passed on.

    Saturation is the distance of the channels from their mean, contrast that of the pixels from the image's mean.
    """
    image = batch["image"]
    samples, channels = image.shape[:2]
    brightness, contrast, saturation = image.new_empty(3, samples, 1, 1).uniform_(1 - JITTER, 1 + JITTER)
    # the three together are affine: one 3×3 matrix and one shift for all pixels of an image
    grey, colours = image.new_full((channels, channels), 1 / channels), torch.eye(channels).to(image)
    matrix = brightness * contrast * (saturation * colours + (1 - saturation) * grey)
    shift = brightness * (1 - contrast) * image.mean((1, 2, 3)).view(-1, 1, 1)
    changed = torch.baddbmm(shift, matrix, image.flatten(2)).clamp_(0, 1)
    return {**batch, "image": changed.view_as(image)}


def compose(*steps: Callable[[Batch], Batch]) -> Callable[[Batch], Batch]:
    """One augmentation from several, in their order; its name lists theirs, so that checkpoints tell them apart.

    >>> compose(mirror, colour).__qualname__
    'compose(mirror, colour)'
    """

    def composed(batch: Batch) -> Batch:
        return reduce(lambda done, step: step(done), steps, batch)

    composed.__qualname__ = f"compose({', '.join([step.__qualname__ for step in steps])})"
    return composed
