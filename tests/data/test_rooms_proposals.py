import importlib
import multiprocessing
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
import torch

from xstitch_lib.data import Rooms
from xstitch_lib.data.rooms.proposals import MOST, SHIPPED, ship
from xstitch_lib.data.small_search import small_search

module = importlib.import_module("xstitch_lib.data.rooms.proposals")
SMALL = {"n": 4, "seed": 11, "size": (16, 20)}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where the files go."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "xstitch_lib"


@pytest.fixture
def searched(monkeypatch):
    """The numbers of pictures that were searched, call by call."""
    calls, search = [], module._searched

    def counted(pictures):
        calls.append(len(pictures))
        return search(pictures)

    monkeypatch.setattr(module, "_searched", counted)
    return calls


def same(one, other):
    return torch.equal(one.values, other.values) and torch.equal(one.counts, other.counts)


def test_they_are_the_first_boxes_of_each_pictures_own_search():
    rooms = Rooms(**SMALL, cache=False)
    found = rooms.proposals(most=9)
    assert len(found) == 4 and found.counts.max() == 9
    for boxes, image in zip(found, rooms.tensors["image"], strict=True):
        assert torch.equal(boxes, small_search(image)[:9])
    assert same(rooms.take(slice(2, 4)).proposals(9), found[2:4]), "whatever pictures stand beside it"


def test_the_second_call_reads_what_the_first_one_found(folder, searched):
    first = Rooms(**SMALL).proposals()
    assert same(first, Rooms(**SMALL).proposals()) and searched == [4]
    assert same(Rooms(**SMALL).proposals(3), first.of([x[:3] for x in first])) and searched == [4]
    assert len(list(folder.glob("rooms-proposals-*.bin"))) == 1
    Rooms(**{**SMALL, "seed": 12}).proposals()
    assert searched == [4, 4]


def test_a_changed_search_reads_no_old_file(searched, monkeypatch):
    Rooms(**SMALL).proposals()
    monkeypatch.setattr(module, "_version", lambda: "another source")
    Rooms(**SMALL).proposals()
    assert searched == [4, 4]


def test_without_the_cache_nothing_is_kept(folder):
    Rooms(**SMALL, cache=False).proposals()
    assert not folder.exists()


@pytest.mark.parametrize(("split", "n"), [("train", 200), ("validation", 50), ("test", 100)])
def test_those_of_live_chapters_come_with_the_package(searched, split, n):
    rooms = Rooms(n, 1, split=split, cache=False)
    found = rooms.proposals()
    assert searched == [] or searched[0] < 5, "a machine may move a pixel"
    assert found.counts.max() == MOST and found.counts.min() > 32
    assert torch.equal(found[0], small_search(rooms.tensors["image"][0])[:MOST]), "they are what a search finds"


def test_one_changed_pixel_is_searched_anew(searched):
    rooms = Rooms(3, 1, cache=False)
    rooms.tensors["image"][1, 0, 0, 0] = 1 - rooms.tensors["image"][1, 0, 0, 0].round()
    found = rooms.proposals()
    assert searched == [1] and torch.equal(found[1], small_search(rooms.tensors["image"][1])[:MOST])


def test_more_than_come_with_the_package_are_searched(searched):
    found = Rooms(2, 1, cache=False).proposals(most=1000)
    assert searched == [2] and found.counts.max() > MOST


def test_the_file_of_the_package_is_small_and_written_as_it_is_read(tmp_path, monkeypatch):
    assert SHIPPED.stat().st_size < 150_000
    rooms = Rooms(**SMALL, cache=False)
    ship([rooms.tensors["image"]], tmp_path / "proposals.npz")
    before = rooms.proposals()
    monkeypatch.setattr(module, "SHIPPED", tmp_path / "proposals.npz")
    monkeypatch.setattr(module, "_shipped", module._shipped.__wrapped__)
    monkeypatch.setattr(module, "_searched", None)
    assert same(rooms.proposals(), before)


def test_several_processes_find_the_same(monkeypatch):
    rooms = Rooms(**SMALL, cache=False)
    alone = rooms.proposals()
    monkeypatch.setattr(module, "_processes", lambda pictures: 2)
    assert same(rooms.proposals(), alone)


def test_many_pictures_are_shared_among_the_cores_but_not_within_one_of_many(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert [module._processes(n) for n in (10, 399, 400, 5000)] == [0, 1, 2, 4]
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: "another")
    assert module._processes(5000) == 1


def test_processes_that_do_not_start_are_one_sentence(monkeypatch):
    """As those of a script without the guard: each runs it anew, and Python stops it where it would start others."""

    def broken(*args, **kwargs):
        raise BrokenProcessPool("a process ended")

    monkeypatch.setattr(module, "_processes", lambda pictures: 2)
    monkeypatch.setattr(module.ProcessPoolExecutor, "map", broken)
    with pytest.raises(RuntimeError, match="below `if __name__ == '__main__':`"):
        Rooms(**SMALL, cache=False).proposals()


def test_a_number_of_boxes_below_one_is_named():
    with pytest.raises(ValueError, match=r"most, .* at least 1; got 0"):
        Rooms(**SMALL, cache=False).proposals(most=0)


def test_regions_are_the_proposals_and_the_true_boxes():
    rooms = Rooms(3, 1, cache=False)
    data = rooms.with_regions()
    found = rooms.proposals()
    assert torch.equal(data.tensors["regions"].counts, found.counts + rooms.beside["boxes"].counts)
    item = data[2]
    assert torch.equal(item["regions"][item["object"] < 0], found[2])
    assert np.array_equal(item["object"][-len(item["boxes"]) :], np.arange(len(item["boxes"])))
