import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from xstitch_lib.data import TensorData
from xstitch_lib.tasks import Classification, SurfaceNormals
from xstitch_lib.training.batches import Batches
from xstitch_lib.training.evaluation import evaluate
from xstitch_lib.training.fit import fit


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


def test_what_is_no_tensor_is_refused_by_name():
    with pytest.raises(ValueError, match=r"'label': 'ndarray'}: make tensors of them with torch.as_tensor"):
        TensorData({"image": torch.zeros(3, 1), "label": np.zeros(3)})
    with pytest.raises(ValueError, match=r"a data set is a dict of tensors, .* got list"):
        TensorData([torch.zeros(3, 1)])


def test_no_tensor_is_refused():
    with pytest.raises(ValueError, match="one entry a sample"):
        TensorData({})


class Tenths(TensorData):
    """Labels stored as ten times what is handed out, in one byte."""

    unit = 10

    def decode(self, batch):
        return {**batch, **{name: batch[name].float() / self.unit for name in ("label",) if name in batch}}


@pytest.fixture
def tenths(data):
    return Tenths({**data.tensors, "label": torch.arange(5, dtype=torch.uint8)})


def test_samples_and_batches_are_decoded_but_what_is_stored_stays_small(tenths):
    assert (
        tenths[3]["label"] == torch.tensor(0.3) and tenths[1:3]["label"].tolist() == torch.tensor([0.1, 0.2]).tolist()
    )
    assert tenths.tensors["label"].dtype == torch.uint8
    drawn = Batches(tenths, size=5).draw()
    assert drawn["label"].sort().values.tolist() == tenths[:]["label"].tolist()
    torch.testing.assert_close(drawn["image"][:, 0], 20 * drawn["label"])


def test_batches_in_order_hold_every_sample_once(tenths):
    sizes, labels = zip(*[(len(batch["image"]), batch["label"]) for batch in tenths.batches(2)], strict=True)
    assert sizes == (2, 2, 1) and torch.equal(torch.cat(labels), tenths[:]["label"])


def test_another_device_and_other_tensors_keep_the_decoder_and_its_settings(tenths):
    tenths.unit = 5
    doubled = tenths.with_tensors({"label": 2 * tenths.tensors["label"]})
    assert isinstance(doubled, Tenths) and doubled[1]["label"] == torch.tensor(0.4) and "image" in tenths.tensors
    moved = tenths.to("cpu")
    assert torch.equal(moved[:]["label"], tenths[:]["label"]) and moved.unit == 5
    with pytest.raises(ValueError, match="one entry a sample"):
        tenths.with_tensors({"image": torch.zeros(1), "label": torch.zeros(2)})


def test_tasks_check_fit_and_measure_what_is_decoded():
    class Stored(TensorData):
        def decode(self, batch):
            return {**batch, **{k: batch[k].float() / 127 for k in ("normals",) if k in batch}}

    g = torch.Generator().manual_seed(0)
    normals = torch.nn.functional.normalize(torch.randn(250, 3, 2, 2, generator=g), dim=1)
    normals[::7] = 0
    data = {"image": torch.rand(250, 1, 2, 2, generator=g), "normals": normals}
    small = Stored({**data, "normals": (127 * normals).round().to(torch.int8)})
    task = SurfaceNormals.from_data(small, codewords=6)
    exact = SurfaceNormals.from_data(TensorData(data), codewords=6)
    assert (torch.tensor(task.codebook) @ torch.tensor(exact.codebook).T).max(1).values.min() > 0.9998  # 1 degree
    assert task.floor(small)["mean"] == pytest.approx(task.floor(TensorData(data))["mean"], abs=0.2)

    net = torch.nn.Conv2d(1, 6, 1)
    assert evaluate(net, {"n": task}, small)["n"]["mean"] == pytest.approx(
        evaluate(net, {"n": task}, TensorData(data))["n"]["mean"], abs=0.2
    )
    small.tensors["normals"][240] = 3  # past the first samples that are looked at
    with pytest.raises(ValueError, match="needs unit normals 'normals'"):
        evaluate(net, {"n": task}, small)


def test_a_decoder_that_reads_files_is_asked_for_the_first_samples_and_a_steps_alone():
    read = []

    class Files(TensorData):
        def decode(self, batch):
            read.append(batch["image"].numel())
            return {**batch, "image": torch.zeros((*batch["image"].shape, 4))}

    data = Files({"image": torch.arange(400), "y": torch.arange(400) % 2})
    fit(torch.nn.Linear(4, 2), {"y": Classification("y", 2)}, data, steps=1, lr=0.1, batch_size=8)
    assert sum(read) <= 8 + 8 + 4  # what is peeked at stands beside
