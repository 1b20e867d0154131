"""Augmentation: mirrored and recoloured copies of a batch (the paper's, section 5), and enlarged ones.

Functions of a batch that return a new one. Their randomness comes from torch's global generator of the batch's
device, which `fit` seeds and its checkpoints hold. One that keeps a state of its own has ``begin(seed)``, which gives
a fresh one for a run, ``state_dict`` and ``load_state_dict``, as `sample_regions` makes it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from xstitch_lib.data.ragged import Ragged
from xstitch_lib.data.source import Batch
from xstitch_lib.tasks.angles import unit

JITTER = 0.2  # brightness, contrast and saturation vary by up to a fifth
ZOOM = 1.5  # at most, in each direction
BOXES = ("boxes", "regions")
OF_BOXES = ("object", "labels", "attributes", "difficult")  # mirrored, a chair is a chair


def flip(batch: Batch) -> Batch:
    """Mirror every sample left to right, and what is labelled on its pixels with it.

    Args:
        batch: name → tensor. "image" is (B, C, H, W); whatever else ends in (H, W) is a map of labels. "normals"
            (B, 3, H, W) point to the other side in the mirror, so their x changes sign. "boxes" and "regions" (K, 4),
            each a `Ragged`, move along.

    >>> flip({"image": torch.rand(1, 3, 1, 2), "seg": torch.tensor([[[0, 1]]])})["seg"]
    tensor([[[1, 0]]])
    """
    boxes = {name: x for name, x in batch.items() if name in BOXES}
    flipped = {name: x.flip(-1) for name, x in _maps(batch, (*BOXES, *OF_BOXES)).items()}
    if "normals" in flipped:
        flipped["normals"][:, 0].neg_()
    flipped |= {name: _flipped_boxes(x, batch["image"].shape[-1]) for name, x in boxes.items()}
    return {**batch, **flipped}


def _flipped_boxes(boxes: Ragged, width: int) -> Ragged:
    left, top, right, bottom = boxes.values.unbind(1)
    return Ragged(torch.stack([width - right, top, width - left, bottom], 1), boxes.counts)


def mirror(batch: Batch) -> Batch:
    """`flip` each sample with probability ½."""
    image, flipped = batch["image"], flip(batch)
    chosen = torch.rand(len(image), device=image.device) < 0.5
    return {name: x if flipped[name] is x else _either(chosen, flipped[name], x) for name, x in batch.items()}


def _either(chosen: Tensor, first: Tensor | Ragged, second: Tensor | Ragged) -> Tensor | Ragged:
    """Each sample from the first batch where it is chosen, else from the second."""
    if isinstance(first, Ragged):
        return Ragged(torch.where(chosen[first.sample][:, None], first.values, second.values), first.counts)
    return torch.where(chosen.view(-1, *[1] * (first.ndim - 1)), first, second)


def crop(batch: Batch, zoom: Tensor, place: Tensor) -> Batch:
    """Cut a window out of every sample, and enlarge it to the sample's size.

    Args:
        batch: as in `flip`. Images are interpolated bilinearly, labels and normals are those of the nearest pixel.
        zoom: (B,), s ≥ 1; the window is s times smaller than the sample, in both directions.
        place: (B, 2) in [0, 1], of the window: (0, 0) is the top left corner, (1, 0) the top right one.

    A photograph does not tell its focal length, so the enlarged one is read as one by the same camera, of another
    scene: with all depths Z divided by s, and X and Y as they were, s X / Z = X / (Z / s) is where the points are
    seen. That is the linear map diag(1, 1, 1/s) of space; normals follow its inverse transpose, diag(1, 1, s). So
    their z is multiplied by s before they are brought back to length 1: a surface seen at a slant turns towards the
    camera. A window off the middle is read as a camera whose principal point is off the middle, which turns nothing.

    Source: after Eigen and Fergus, "Predicting Depth, Surface Normals and Semantic Labels with a Common Multi-Scale
    Convolutional Architecture" (ICCV 2015).

    >>> batch = {"image": torch.rand(1, 3, 1, 4), "seg": torch.tensor([[[1, 2, 3, 4]]])}
    >>> crop(batch, zoom=torch.tensor([2.0]), place=torch.tensor([[1.0, 0.0]]))["seg"]
    tensor([[[3, 3, 4, 4]]])
    """
    image = batch["image"]
    share = 1 / zoom.to(image)
    window = image.new_zeros(len(image), 2, 3)
    window[:, 0, 0] = window[:, 1, 1] = share
    window[:, :, 2] = (2 * place.to(image) - 1) * (1 - share).unsqueeze(1)
    grid = F.affine_grid(window, [len(image), 1, *image.shape[2:]], align_corners=False)

    def cut(x: Tensor, mode: str) -> Tensor:
        flat = x.reshape(len(x), -1, *x.shape[-2:]).to(grid)
        found = F.grid_sample(flat, grid, mode, padding_mode="border", align_corners=False)
        return found.view_as(x).to(x.dtype)

    cropped = {name: cut(x, "bilinear" if name == "image" else "nearest") for name, x in _maps(batch).items()}
    if "normals" in cropped:
        cropped["normals"][:, 2] *= zoom.to(image).view(-1, 1, 1)
        cropped["normals"] = unit(cropped["normals"])
    return {**batch, **cropped}


def scale_crop(batch: Batch) -> Batch:
    """`crop` each sample by a zoom of its own from 1 to 1.5, at a place of its own."""
    image = batch["image"]
    zoom = image.new_empty(len(image)).uniform_(1, ZOOM)
    return crop(batch, zoom, torch.rand(len(image), 2, device=image.device))


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

    return _Composed(steps)


class _Composed:
    def __init__(self, steps: Sequence[Callable[[Batch], Batch]]):
        self.steps = steps
        self.__qualname__ = f"compose({', '.join([step.__qualname__ for step in steps])})"

    def __call__(self, batch: Batch) -> Batch:
        for step in self.steps:
            batch = step(batch)
        return batch

    def begin(self, seed: int) -> "_Composed":
        return _Composed([for_one_run(step, seed) for step in self.steps])

    def state_dict(self) -> dict[str, Any]:
        return {str(i): step.state_dict() for i, step in enumerate(self.steps) if hasattr(step, "state_dict")}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for i, own in state.items():
            self.steps[int(i)].load_state_dict(own)


def for_one_run(augment: Callable[[Batch], Batch], seed: int) -> Callable[[Batch], Batch]:
    """An augmentation for one run: one with a state of its own begins anew, others are as they are."""
    return augment.begin(seed) if hasattr(augment, "begin") else augment


def _maps(batch: Batch, known: Sequence[str] = ()) -> Batch:
    """What has a value for each pixel of the images, these included; ``known`` are other labels that are seen to.

    Raises:
        ValueError: if a batch has boxes or the like, whose places would stay behind.
    """
    if ragged := [name for name, x in batch.items() if isinstance(x, Ragged) and name not in known]:
        raise ValueError(
            f"mirrored or cropped pictures leave {', '.join(ragged)} where they were: write an augmentation that moves "
            "these too, a function of a batch"
        )
    size = batch["image"].shape[2:]
    return {name: x for name, x in batch.items() if isinstance(x, Tensor) and x.ndim > 2 and x.shape[-2:] == size}
