"""Data that are read while training goes."""

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, SubsetRandomSampler, WeightedRandomSampler
from training_runs import TASKS, Noise, assert_same, interrupted, samples, stitched, train, weights

from xstitch_lib.data import LazyData, Ragged, TensorData
from xstitch_lib.training.batches import Batches
from xstitch_lib.training.evaluation import evaluate


class OneByOne(Dataset):
    """The samples of `samples`, and a note of which were read."""

    def __init__(self):
        self.data, self.read = samples(), []

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        self.read.append(i)
        return self.data[i]


LAZILY = [OneByOne, lambda: DataLoader(OneByOne(), num_workers=2), lambda: LazyData(OneByOne())]


@pytest.mark.parametrize("lazily", LAZILY, ids=["Dataset", "DataLoader", "LazyData"])
def test_a_lazy_run_is_that_of_the_same_samples_in_memory(lazily):
    in_memory, read, validation = stitched(), stitched(), samples(seed=1)
    history = [train(in_memory, samples(), validation=validation), train(read, lazily(), validation=validation)]
    assert_same(weights(read), weights(in_memory))
    assert history[0].table.equals(history[1].table)
    assert evaluate(read, TASKS, lazily()) == evaluate(in_memory, TASKS, samples())


@pytest.mark.parametrize("lazily", LAZILY, ids=["Dataset", "DataLoader", "LazyData"])
def test_what_is_wrong_in_a_sample_that_comes_late_is_named(lazily):
    for name, wrong, told in (
        ("image", float("nan"), 'finite inputs; "image" has NaN'),
        ("a", 255, "labels 'a' from 0"),
    ):
        data = lazily()
        tensors = (data.dataset if hasattr(data, "dataset") else data).data.tensors
        tensors[name][30] = wrong
        with pytest.raises(ValueError, match=told):
            train(stitched(), data)
        with pytest.raises(ValueError, match=told):
            evaluate(stitched(), TASKS, data)


def test_one_batch_is_read_a_step():
    data = OneByOne()
    batches = Batches(LazyData(data), size=16)
    for step in range(1, 4):
        batches.draw()
        assert len(data.read) == 16 * step


def test_an_interrupted_lazy_run_goes_on_with_the_samples_that_come_next(tmp_path):
    straight, resumed, options = stitched(), stitched(), {"resume": tmp_path / "run.ckpt", "checkpoint_every": 2}
    train(straight, OneByOne(), augment=Noise())
    assert interrupted(stitched(), data=OneByOne(), augment=Noise(stop_at=8), **options)
    train(resumed, OneByOne(), augment=Noise(), **options)
    assert_same(weights(resumed), weights(straight))


class Boxes(Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        return {"image": torch.full((1, 2, 2), float(i)), "boxes": torch.full((i, 4), i)}


def test_labels_of_which_each_sample_has_another_number_are_collated_by_name():
    batch = LazyData(Boxes(), ragged=["boxes"]).draw(torch.tensor([2, 0]))
    assert isinstance(batch["boxes"], Ragged) and batch["boxes"].counts.tolist() == [2, 0]
    assert batch["image"].shape == (2, 1, 2, 2)


def test_ragged_data_go_on_from_a_checkpoint_too(tmp_path):
    class Both(OneByOne):
        def __getitem__(self, i):
            return {**super().__getitem__(i), "boxes": torch.zeros(i % 3, 4)}

    data, options = LazyData(Both(), ragged=["boxes"]), {"resume": tmp_path / "run.ckpt"}
    first, again = stitched(), stitched()
    train(first, data, **options)
    train(again, data, **options)
    assert_same(weights(again), weights(first))


def test_a_loader_that_chooses_samples_is_refused_and_one_that_orders_them_is_not():
    data = samples()
    assert len(LazyData.of(DataLoader(data, shuffle=True, batch_size=None))) == 40
    for options in (
        {"sampler": SubsetRandomSampler(range(10))},
        {"sampler": WeightedRandomSampler([1.0] * 40, 40)},
        {"batch_sampler": [[0, 1], [2, 3]]},
    ):
        with pytest.raises(ValueError, match=r"is more than an order: choose samples with torch.utils.data.Subset"):
            train(stitched(), DataLoader(data, **options))
    other = TensorData({"picture": data.tensors["image"]}, inputs=["picture"])
    assert LazyData.of(DataLoader(other)).inputs == ("picture",)


class Endless(IterableDataset):
    def __iter__(self):
        yield {"image": torch.zeros(1)}


class Pairs(Dataset):
    def __len__(self):
        return 20

    def __getitem__(self, i):
        return torch.zeros(6), i


def test_what_has_no_places_or_no_names_is_refused():
    with pytest.raises(ValueError, match=r"Endless only iterates: give the map-style dataset behind it"):
        train(stitched(), Endless())
    with pytest.raises(ValueError, match=r"samples must be dicts, .* Pairs gives a list"):
        train(stitched(), Pairs())
    with pytest.raises(ValueError, match=r"ragged is a list of names, ..boxes..; got the word"):
        LazyData(Boxes(), ragged="boxes")
    with pytest.raises(ValueError, match=r"lazy data are read with num_workers, .*; got 'batch_size'"):
        LazyData(Boxes(), batch_size=3)
    named = [{"image": torch.zeros(1), "path": "x"}] * 3
    with pytest.raises(ValueError, match="'path' of list becomes a list: leave it out"):
        LazyData(named).peek()


def test_the_order_goes_on_wherever_it_is_taken_up():
    data = TensorData({"image": torch.arange(10)})
    whole = Batches(data, size=3, seed=1)
    drawn = [whole.draw()["image"] for _ in range(11)]
    for done in range(11):
        resumed = Batches(data, size=3, seed=1)
        resumed.load_state_dict({"drawn": done})
        assert all(map(torch.equal, drawn[done:], [resumed.draw()["image"] for _ in range(11 - done)]))
