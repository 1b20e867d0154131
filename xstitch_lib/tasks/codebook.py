"""A few directions that stand for all surface normals."""

import torch
from torch import Tensor

SAMPLES = 50_000
DIGITS = 4  # few enough that one data set gives one codebook on every machine; 0.01 degrees


def sample_known(normals: Tensor, seed: int) -> Tensor:
    """(S, 3, 1, 1) of the normals (N, 3, H, W) that are not all-zero: all, or if they are more, `SAMPLES` drawn."""
    normals = normals.flatten(2)
    where = normals.any(1).flatten().nonzero().flatten()
    if len(where) > SAMPLES:
        draw = torch.randint(len(where), (SAMPLES,), generator=torch.Generator().manual_seed(seed))
        where = where[draw.to(where.device)]
    return normals[where // normals.shape[2], :, where % normals.shape[2], None, None]


def fit_codebook(known: Tensor, codewords: int, seed: int) -> tuple[tuple[float, float, float], ...]:
    """Cluster the directions of normals by k-means.

    Args:
        known: (S, 3, 1, 1) unit normals.
        codewords: K ≥ 2.
        seed: of the start of k-means.

    Returns:
        K unit vectors, to `DIGITS` digits: the clusters' mean directions, the largest cluster's first.

    Raises:
        ValueError: if the normals have fewer than K different directions.
    """
    from sklearn.cluster import KMeans  # training does not need it

    sample = known.flatten(1).double().cpu().numpy()
    different = len(set(map(tuple, sample.round(DIGITS).tolist())))
    if different < codewords:
        raise ValueError(
            f"a codebook of {codewords} codewords needs as many different normals; got {different}: ask for fewer "
            "codewords, or give it more labelled data"
        )
    clusters = KMeans(codewords, n_init=4, random_state=seed).fit(sample)
    centres = torch.nn.functional.normalize(torch.from_numpy(clusters.cluster_centers_))
    sizes = torch.from_numpy(clusters.labels_).bincount(minlength=codewords)
    ordered = centres[sizes.argsort(descending=True, stable=True)].numpy().round(DIGITS)
    return tuple([tuple(word) for word in ordered.tolist()])
