"""Vectors that behave as face embeddings do: people far apart, age a small step inside each of them. No faces."""

import numpy as np

from xstitch_lib.data.faces.sources import SIZE, Arrays

PEOPLE, PICTURES, FEMALE = 100, 20, 46  # people, pictures of each, people who are female


def synthetic_faces(seed: int = 0) -> Arrays:
    """The stand-in for the real embeddings: 100 people, 20 vectors each, 10 young and 10 not.

    ``unit(identity + y (0.17 a + own) + 0.08 N a + 1.2 exp(0.35 N - 0.1225) noise)``, where y is 1 for young and -1
    for not, N are fresh normal numbers, own is a person's own way to age, and
    ``identity = 0.25 m + z + (±0.3 + 0.1 N) g + 0.1 N a``. A mirrored picture is ``unit(x + 0.27 noise)``.

    Args:
        seed: of all random numbers.

    Its numbers were chosen so that logistic regression and nearest neighbours score as they do on the real vectors,
    under a split by picture and under one by person. It says nothing of what dense units do there.
    """
    rng = np.random.default_rng(seed)
    g, a, m = np.linalg.qr(rng.standard_normal((SIZE, 3)))[0].T
    of_people, of_pictures = _noise(rng, 8), _noise(rng, 40)
    person = np.repeat(np.arange(PEOPLE), PICTURES)
    young = np.tile(np.arange(PICTURES) < PICTURES // 2, PEOPLE)
    female = rng.permutation(PEOPLE) < FEMALE
    y = np.where(young, 1.0, -1.0)[:, None]

    def normal(count: int) -> np.ndarray:
        return rng.standard_normal((count, 1))

    identity = 0.25 * m + of_people(PEOPLE) + (np.where(female, 0.3, -0.3)[:, None] + 0.1 * normal(PEOPLE)) * g
    identity += 0.1 * normal(PEOPLE) * a
    own, count = 0.24 * of_pictures(PEOPLE), len(person)
    noise = 1.2 * np.exp(0.35 * normal(count) - 0.1225) * of_pictures(count)
    x = _unit(identity[person] + y * (0.17 * a + own[person]) + 0.08 * normal(count) * a + noise)
    flipped = _unit(x + 0.27 * of_pictures(count))
    vectors = [vectors.astype(np.float32) for vectors in (x, flipped)]
    return Arrays(*vectors, female[person], young, person.astype(np.int16))


def _noise(rng: np.random.Generator, decay: int):
    """A drawer of vectors (N, SIZE) with unit total variance, the i-th direction's falling as 1 / (1 + i / decay)."""
    variance = 1 / (1 + np.arange(SIZE) / decay)
    turned, _ = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))
    directions = np.sqrt(variance / variance.sum())[:, None] * turned
    return lambda count: rng.standard_normal((count, SIZE)) @ directions


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
