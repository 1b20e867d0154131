import os

import pytest
from room_scenes import same

from xstitch_lib.data import Rooms, rooms

pytestmark = pytest.mark.filterwarnings("error")
SMALL = {"n": 3, "size": (16, 20)}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where the files go."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "xstitch_lib"


@pytest.fixture
def drawn(monkeypatch):
    """The calls of the generator."""
    calls, draw = [], rooms.draw_pictures

    def counted(*args):
        calls.append(args)
        return draw(*args)

    monkeypatch.setattr(rooms, "draw_pictures", counted)
    return calls


def test_the_second_call_reads_what_the_first_one_drew_bit_for_bit(folder, drawn):
    first, second = Rooms(**SMALL), Rooms(**SMALL)
    assert len(drawn) == 1 and len(list(folder.iterdir())) == 1
    assert same(first, second) and same(first, Rooms(**SMALL, cache=False))
    assert {name: x.dtype for name, x in first.tensors.items()} == {name: x.dtype for name, x in second.tensors.items()}
    second.tensors["image"].zero_()
    second.tensors["normals"].zero_()
    assert same(first, Rooms(**SMALL)), "what is read can be changed without changing the file"


@pytest.mark.parametrize("change", [{"n": 4}, {"seed": 1}, {"split": "test"}, {"size": (20, 16)}])
def test_another_argument_has_another_file(folder, drawn, change):
    Rooms(**SMALL)
    Rooms(**{**SMALL, **change})
    assert len(drawn) == 2 and len(list(folder.iterdir())) == 2


def test_a_changed_generator_reads_no_old_file(drawn, monkeypatch):
    Rooms(**SMALL)
    monkeypatch.setattr(rooms, "_version", lambda: "another source")
    Rooms(**SMALL)
    assert len(drawn) == 2


def test_the_version_follows_the_source(tmp_path, monkeypatch):
    (tmp_path / "layout.py").write_text("WIDTH = 1")
    monkeypatch.setattr(rooms, "__file__", str(tmp_path / "__init__.py"))
    before = rooms._version.__wrapped__()
    (tmp_path / "layout.py").write_text("WIDTH = 2")
    assert rooms._version.__wrapped__() != before == before


def flip(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [flip, lambda x: x[:-1], lambda x: x[:20], lambda x: b"", lambda x: x + b"0"])
def test_a_damaged_file_is_drawn_again_with_a_warning_and_healed(folder, drawn, damage):
    first = Rooms(**SMALL)
    (path,) = folder.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match=f"{path.name} is damaged .* made again") as caught:
        assert same(first, Rooms(**SMALL))
    assert len(caught) == 1 and "\n" not in str(caught[0].message) and caught[0].filename == __file__
    assert same(first, Rooms(**SMALL)) and len(drawn) == 2


def test_a_sound_file_of_other_arguments_is_not_used(folder):
    first = Rooms(**SMALL)
    (path,) = folder.iterdir()
    Rooms(**SMALL, seed=1)
    (other,) = set(folder.iterdir()) - {path}
    path.write_bytes(other.read_bytes())
    with pytest.warns(UserWarning, match="not what its name says"):
        assert same(first, Rooms(**SMALL))


def test_a_write_that_fails_costs_a_warning_and_leaves_nothing(folder, monkeypatch):
    def full(*args):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.warns(UserWarning, match=r"can't be written.*no space left on device") as caught:
        drawn = Rooms(**SMALL)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert same(drawn, Rooms(**SMALL, cache=False)) and list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_costs_a_warning(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="can't be written") as caught:
        Rooms(**SMALL)
    assert len(caught) == 1


def test_without_the_variable_the_home_is_used_and_a_relative_folder_is_not(tmp_path, monkeypatch, drawn):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME")
    Rooms(**SMALL)
    assert len(list((tmp_path / "home/.cache/xstitch_lib").iterdir())) == 1
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    Rooms(**SMALL)
    assert len(drawn) == 2 and not (tmp_path / "here").exists()


def test_cache_false_touches_no_disk(folder):
    Rooms(**SMALL, cache=False)
    assert not folder.exists()
