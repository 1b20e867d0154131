"""A different number of rows a sample, sliced, drawn and trained on like any tensor."""

from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xstitch_lib.data import Ragged, TensorData
from xstitch_lib.data import ragged as ragged_file
from xstitch_lib.training.batches import Batches

counts = st.lists(st.integers(0, 4), min_size=1, max_size=6)


def made(sizes):
    return Ragged.of([torch.arange(4 * k).view(k, 4) + 100 * n for n, k in enumerate(sizes)])


@pytest.mark.parametrize("long", [0, ragged_file.LONG])
@given(sizes=counts, data=st.data())
def test_it_is_picked_from_as_a_list_of_tensors_is(long, sizes, data):
    with mock.patch.object(ragged_file, "LONG", long):
        check_picking(made(sizes), sizes, data)


def check_picking(ragged, sizes, data):
    rows = data.draw(st.lists(st.integers(0, len(sizes) - 1), max_size=5))
    samples = list(ragged)
    assert [len(sample) for sample in samples] == sizes
    picked = ragged.index_select(0, torch.tensor(rows, dtype=torch.long))
    assert all([torch.equal(one, samples[n]) for one, n in zip(picked, rows, strict=True)])
    start, stop = sorted(data.draw(st.tuples(st.integers(0, len(sizes)), st.integers(0, len(sizes)))))
    assert all(map(torch.equal, ragged[start:stop], samples[start:stop])) and len(ragged[start:stop]) == stop - start
    for n in range(-len(sizes), len(sizes)):
        assert torch.equal(ragged[n], samples[n])
    assert ragged.sample.tolist() == [n for n, k in enumerate(sizes) for _ in range(k)]
    some = torch.tensor([n % 2 == 0 for n in range(len(sizes))])
    assert [len(one) for one in ragged[some]] == sizes[::2]


def test_counts_that_do_not_add_up_and_places_past_the_end_are_refused():
    with pytest.raises(ValueError, match=r"of 3 rows needs counts .* int64 that add up to it, .* with sum 2"):
        Ragged(torch.zeros(3, 4), torch.tensor([1, 1]))
    with pytest.raises(ValueError, match=r"got torch.float32 of shape \(1,\)"):
        Ragged(torch.zeros(3, 4), torch.tensor([3.0]))
    with pytest.raises(ValueError, match=r"rows of one type and shape, .* such as torch.zeros\(0, 4\)"):
        Ragged.of([torch.zeros(1, 4), torch.tensor([])])
    with pytest.raises(IndexError, match="a mask needs one entry for each of 2 samples; got 1"):
        made([1, 0])[torch.tensor([True])]
    with pytest.raises(IndexError, match="there are 2 samples; got 2"):
        made([1, 0])[2]


def test_a_data_set_slices_what_is_ragged_and_what_stands_beside_with_its_samples():
    data = TensorData(
        {"image": torch.arange(4.0)[:, None], "boxes": made([2, 0, 1, 3])},
        beside={"number": torch.tensor([5, 6, 7, 8])},
    )
    assert repr(data) == "TensorData(4 samples: image (1,), boxes ('K', 4))"
    assert data[3]["boxes"].shape == (3, 4) and len(data[1:3]["boxes"]) == 2
    kept = data.take(torch.tensor([3, 0]))
    assert kept.beside["number"].tolist() == [8, 5] and kept.tensors["boxes"].counts.tolist() == [3, 2]
    assert [len(batch["boxes"].values) for batch in data.batches(2)] == [2, 4]
    drawn = Batches(data, size=4).draw()
    assert len(drawn["boxes"]) == 4
    for n, boxes in zip(drawn["image"], drawn["boxes"], strict=True):
        assert torch.equal(boxes, data[int(n)]["boxes"])
    before = data.fingerprint()
    assert data.take(slice(4)).fingerprint() == before != kept.fingerprint()
    data.tensors["boxes"].values[0] += 1  # computed once, but not of something else
    assert data.fingerprint() != before
    with pytest.raises(ValueError, match=r"one entry a sample; got lengths .*'boxes': 3"):
        data.with_tensors({"image": torch.zeros(4), "boxes": made([1, 1, 1])})
