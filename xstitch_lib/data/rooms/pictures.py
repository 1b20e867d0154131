"""From numbers to pictures: the arrays behind `Rooms`."""

import numpy as np
from numpy import ndarray
from numpy.random import SeedSequence, default_rng

from xstitch_lib.data.rooms.layout import draw_scene
from xstitch_lib.data.rooms.objects import find
from xstitch_lib.data.rooms.render import render

SPLITS = ("train", "validation", "test")
NOISE = 0.04  # standard deviation of a pixel
CHUNK = 16 * 48 * 64  # pixels drawn at once: few enough for the processor's cache


def draw_pictures(n: int, seed: int, size: tuple[int, int], split: str) -> dict[str, ndarray]:
    """Pictures 0…n-1 of a split and seed; one depends on (split, seed, its number) alone, its scene not on ``size``."""
    chunk = max(1, CHUNK // (size[0] * size[1]))
    chunks = [range(first, min(n, first + chunk)) for first in range(0, n, chunk)]
    parts = [_draw(numbers, seed, size, SPLITS.index(split)) for numbers in chunks]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _draw(numbers: range, seed: int, size: tuple[int, int], split: int) -> dict[str, ndarray]:
    rngs = [default_rng(SeedSequence(seed, spawn_key=(split, number))) for number in numbers]
    scenes = [draw_scene(rng) for rng in rngs]
    view = render(scenes, size)
    noise = np.stack([rng.standard_normal((3, *size), np.float32) for rng in rngs])
    return {
        "image": np.rint(255 * np.clip(view.colour + NOISE * noise, 0, 1)).astype(np.uint8),
        "seg": view.seg.astype(np.uint8),
        "normals": view.normals,
        **find(scenes, view)._asdict(),
    }
