"""Codebooks by k-means: determinism, order, floor; one of real rooms."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from xstitch_lib.data.tensors import TensorData
from xstitch_lib.tasks import SurfaceNormals
from xstitch_lib.tasks.angles import angles


def cloud(n=2000, seed=0):
    g = torch.Generator().manual_seed(seed)
    return TensorData({"normals": F.normalize(torch.randn(n, 3, 1, 2, generator=g), dim=1)})


def test_a_seed_gives_one_codebook_and_leaves_the_callers_randomness_alone():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, twin, other = [SurfaceNormals.from_data(cloud(), codewords=6, seed=seed) for seed in (0, 0, 1)]
    assert first == twin != other
    assert torch.equal(torch.get_rng_state(), before[0]) and (np.random.get_state()[1] == before[1]).all()


def test_more_than_enough_normals_are_sampled_by_seed(monkeypatch):
    monkeypatch.setattr("xstitch_lib.tasks.codebook.SAMPLES", 500)
    first, twin, other = [SurfaceNormals.from_data(cloud(), codewords=4, seed=seed) for seed in (0, 0, 1)]
    assert first == twin != other


def test_codewords_are_the_clusters_the_largest_first():
    centres = F.normalize(torch.tensor([[1.0, 0, 0], [0, -1, 0], [0, 0.6, -0.8]]), dim=1)
    rows = torch.tensor([1] * 50 + [2] * 30 + [0] * 20)
    noisy = F.normalize(centres[rows] + 0.02 * torch.randn(100, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    unknown = torch.zeros(100, 3)
    normals = torch.stack([unknown, unknown, noisy], dim=2)[..., None]  # 3 pixels a picture
    task = SurfaceNormals.from_data(TensorData({"sn": normals}), target="sn", codewords=3, loss_stride=2)
    assert (task.target, task.outputs, task.loss_stride) == ("sn", 3, 2)
    found = torch.tensor(task.codebook)
    assert angles(found, centres[[1, 2, 0]]).max() < 2
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3), rtol=0, atol=2e-4)


def test_more_codewords_lower_the_floor():
    data = cloud()
    floors = [SurfaceNormals.from_data(data, codewords=words).floor(data)["mean"] for words in (2, 5, 12, 30)]
    assert floors == sorted(floors, reverse=True)
    assert floors[0] > 40 and floors[-1] < 15


def test_normals_that_cannot_make_a_codebook_are_named():
    same = TensorData({"normals": torch.tensor([0.0, 0, -1]).view(1, 3, 1, 1).expand(9, 3, 4, 4)})
    with pytest.raises(ValueError, match="a codebook of 20 codewords needs as many different normals; got 1: ask for"):
        SurfaceNormals.from_data(same)
    with pytest.raises(ValueError, match="'surface normals' needs the labels 'sn'; got a data set with"):
        SurfaceNormals.from_data(same, target="sn")
    with pytest.raises(ValueError, match="at least 2 unit vectors"):
        SurfaceNormals.from_data(same, codewords=1)


@pytest.mark.skipif("XSTITCH_DATA" not in os.environ, reason="XSTITCH_DATA names no folder with NYU-v2")
def test_twenty_codewords_stand_for_the_normals_of_real_rooms():
    folder = Path(os.environ["XSTITCH_DATA"]) / "nyuv2"
    frames = (folder / "train.txt").read_text().split()[::40]
    pictures = torch.stack(
        [torch.from_numpy(np.asarray(Image.open(folder / f"normal/{frame}.jpg"))[::4, ::4].copy()) for frame in frames]
    )
    vectors = (pictures.permute(0, 3, 1, 2) - 128.0) / 127
    normals = F.normalize(vectors, dim=1) * (vectors.norm(dim=1, keepdim=True) > 0.5)
    data = TensorData({"normals": normals})
    task = SurfaceNormals.from_data(data)
    floor = task.floor(data)
    assert 7 < floor["mean"] < 11 and floor["22.5"] > 97
    # the floor faces up, most else faces the camera
    assert min([word[1] for word in task.codebook]) < -0.9
    assert sum([word[2] < 0 for word in task.codebook]) >= 18
