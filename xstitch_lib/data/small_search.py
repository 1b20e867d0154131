"""Selective search for pictures of some 50 pixels a side: boxes that may hold an object, found without any label.

Felzenszwalb and Huttenlocher, "Efficient Graph-Based Image Segmentation", IJCV 2004, makes the segments; Uijlings, van
de Sande, Gevers and Smeulders, "Selective Search for Object Recognition", IJCV 2013, joins the two most alike of those
that touch, again and again, and takes the box of everything that was ever there. In pictures this small OpenCV's
search, made for larger ones, finds half of the objects.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

SPACES = {"colour": 76, "chromaticity": 20}  # the segmentation's scale: the larger, the larger the segments
BLUR, SMALLEST = 0.5, 6  # pixels: of the segmentation's Gaussian, and in a segment
BINS = 8  # of a histogram, for each colour
COLOUR, SIZE = 2.0, 0.5  # how much these count where two segments are alike, beside how they fill their box, 1
NARROW = 2  # pixels of a box's shorter side
DARKEST = 0.1  # added to a pixel's three colours before their shares are taken


def small_search(image: Tensor) -> Tensor:
    """The boxes that selective search finds in a small picture, first those that differ most from what is beside them.

    Args:
        image: (3, H, W) red, green, blue; uint8, or floating in [0, 1]. Some 15 ms at 48×64; the time grows with the
            cube of the number of segments.

    Returns:
        (R, 4) float32 edges in pixels, x0, y0, x1, y1, no side below 2 pixels, no two boxes equal, the whole picture
        among them. The less alike two were when they were joined, the earlier they stand, so that the first boxes are
        the best. Nothing is random.

    Raises:
        ValueError: for another image.
        ModuleNotFoundError: if scikit-image is not installed.

    Source: the papers above, in two colour spaces; weights and order are this library's.
    """
    segmented, pixels = _felzenszwalb(), _pixels(image)
    total = pixels.sum(2, keepdims=True) + DARKEST
    spaces = {"colour": pixels, "chromaticity": pixels / total}
    found = []
    for name, scale in SPACES.items():
        segments = segmented(spaces[name], scale=scale, sigma=BLUR, min_size=SMALLEST)
        found.append(_joined(segments, spaces[name]))
    boxes, likeness = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    boxes = boxes[np.argsort(likeness, kind="stable")]
    boxes = boxes[(boxes[:, 2:] - boxes[:, :2]).min(1) >= NARROW]
    first = np.unique(boxes, axis=0, return_index=True)[1]
    return torch.from_numpy(boxes[np.sort(first)].astype(np.float32))


def _joined(segments: ndarray, colours: ndarray) -> tuple[ndarray, ndarray]:
    """Boxes of n segments and of the n - 1 joined ones, and how like the one was with which each of them was joined."""
    size, boxes, histogram, beside = _described(segments, colours)
    n, area = len(size), segments.size

    def alike(one: int, others: ndarray) -> ndarray:
        colour = np.minimum(histogram[one], histogram[others]).sum(1)
        sides = np.maximum(boxes[one, 2:], boxes[others, 2:]) - np.minimum(boxes[one, :2], boxes[others, :2])
        both = size[one] + size[others]
        return COLOUR * colour - SIZE * both / area - (sides.prod(1) - both) / area

    likeness = np.full((n, n), -np.inf)
    for one in range(n):
        others = np.flatnonzero(beside[one])
        likeness[one, others] = alike(one, others)
    number, every, order = np.arange(n), [*boxes.copy()], np.full(2 * n - 1, np.inf)
    for new in range(n, 2 * n - 1):
        one, other = divmod(int(likeness.argmax()), n)
        order[number[[one, other]]] = likeness[one, other]
        share = size[other] / (size[one] + size[other])
        histogram[one] += share * (histogram[other] - histogram[one])
        size[one] += size[other]
        boxes[one, :2] = np.minimum(boxes[one, :2], boxes[other, :2])
        boxes[one, 2:] = np.maximum(boxes[one, 2:], boxes[other, 2:])
        number[one] = new
        every.append(boxes[one].copy())
        beside[one] |= beside[other]
        beside[one, [one, other]] = False
        beside[:, one] = beside[one]
        beside[other] = beside[:, other] = False
        likeness[[one, other]] = likeness[:, [one, other]] = -np.inf
        others = np.flatnonzero(beside[one])
        likeness[one, others] = likeness[others, one] = alike(one, others)
    return np.stack(every), order


def _described(segments: ndarray, colours: ndarray) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    """Of n segments: pixels (n,), boxes (n, 4), colour histograms (n, 24) that add up to 1, and which touch (n, n)."""
    n, own, (height, width) = segments.max() + 1, segments.ravel(), segments.shape
    size = np.bincount(own).astype(float)
    places = np.indices((height, width))[::-1].reshape(2, -1).T
    boxes = np.tile([width, height, 0, 0], (n, 1))
    np.minimum.at(boxes[:, :2], own, places)
    np.maximum.at(boxes[:, 2:], own, places + 1)
    bins = np.minimum(colours.reshape(-1, 3) * BINS, BINS - 1).astype(int) + BINS * np.arange(3)
    histogram = np.bincount((own[:, None] * 3 * BINS + bins).ravel(), minlength=n * 3 * BINS).reshape(n, -1)
    beside = np.zeros((n, n), bool)
    beside[segments[:, 1:], segments[:, :-1]] = True
    beside[segments[1:], segments[:-1]] = True
    beside |= beside.T
    np.fill_diagonal(beside, False)
    return size, boxes, histogram / (3 * size[:, None]), beside


def _pixels(image: Tensor) -> ndarray:
    """(H, W, 3) in [0, 1]."""
    if not isinstance(image, Tensor) or image.ndim != 3 or len(image) != 3 or min(image.shape) < NARROW:
        found = tuple(image.shape) if isinstance(image, Tensor) else type(image).__name__
        raise ValueError(f"selective search needs a picture (3, H, W) of at least 2×2 pixels; got {found}")
    if image.dtype != torch.uint8:
        image = (255 * image).round().clamp(0, 255).byte()
    return image.permute(1, 2, 0).cpu().numpy() / 255


def _felzenszwalb() -> Callable[..., ndarray]:
    try:
        from skimage.segmentation import felzenszwalb
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "selective search in small pictures needs scikit-image, of the package's extra `detection`: `pip install "
            "scikit-image`"
        ) from error
    return felzenszwalb
