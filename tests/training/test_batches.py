"""Batches: every epoch a fresh permutation, every process its share."""

import pytest
import torch

from xstitch_lib.data.tensors import TensorData
from xstitch_lib.training.batches import Batches


def test_each_epoch_is_a_fresh_permutation_without_its_incomplete_batch():
    data = TensorData({"image": torch.arange(10)})
    batches = Batches(data, size=4, seed=0)
    epochs = [torch.cat([batches.draw()["image"] for _ in range(2)]) for _ in range(3)]
    assert all([len(epoch.unique()) == 8 for epoch in epochs])
    assert not torch.equal(epochs[0], epochs[1])
    assert sorted(Batches(data, size=99).draw()["image"].tolist()) == list(range(10))
    shares = [Batches(data, size=5, rank=rank, processes=2).draw()["image"] for rank in range(2)]
    assert torch.equal(torch.cat(shares).sort().values, Batches(data, size=5).draw()["image"].sort().values)
    with pytest.raises(ValueError, match="a batch of 1 samples cannot be shared by 2 processes"):
        Batches(data, size=1, processes=2)
