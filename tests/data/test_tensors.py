import pytest
import torch
from torch.utils.data import DataLoader

from xstitch_lib.data import TensorData


@pytest.fixture
def data():
    return TensorData({"image": torch.arange(10.0).view(5, 2), "label": torch.arange(5)})


def test_an_integer_gives_one_sample(data):
    assert len(data) == 5
    sample = data[3]
    assert sample["image"].tolist() == [6, 7] and sample["label"] == 3
    assert data[-1]["label"] == 4


@pytest.mark.parametrize(
    ("index", "labels"),
    [
        (slice(1, 3), [1, 2]),
        (torch.tensor([4, 0, 0]), [4, 0, 0]),
        (torch.tensor([True, False, False, True, False]), [0, 3]),
    ],
)
def test_a_slice_or_tensor_gives_a_batch(data, index, labels):
    batch = data[index]
    assert batch["label"].tolist() == labels
    assert batch["image"].tolist() == [[2 * n, 2 * n + 1] for n in labels]


def test_a_place_past_the_end_is_an_index_error_so_that_loops_end(data):
    with pytest.raises(IndexError):
        data[5]
    assert [int(sample["label"]) for sample in data] == [0, 1, 2, 3, 4]


def test_a_data_loader_makes_the_same_batches(data):
    first, *_ = DataLoader(data, batch_size=2)
    assert all(torch.equal(x, data[:2][name]) for name, x in first.items())


def test_to_moves_every_tensor_and_leaves_the_original(data):
    moved = data.to("meta")
    assert len(moved) == 5
    assert {x.device.type for x in moved.tensors.values()} == {"meta"}
    assert {x.device.type for x in data.tensors.values()} == {"cpu"}


def test_unequal_lengths_are_refused_with_the_lengths():
    with pytest.raises(ValueError, match=r"\{'image': 3, 'label': 2\}"):
        TensorData({"image": torch.zeros(3, 1), "label": torch.zeros(2)})


def test_no_tensor_is_refused():
    with pytest.raises(ValueError, match="one entry a sample"):
        TensorData({})
