"""Pickles are read as data: what is data comes out as it went in, what is code is refused and never called."""

import collections
import os
import pickle
import struct

import numpy as np
import pytest

from xstitch_lib.data.faces.pickles import read_pickle

ENTRY = {"image_path": "n01/1.jpg", "gender": "f", "age_young": True, "embedding": np.arange(6.0)}
OTHERS = [None, -5, 2**40, 2**2000, 1.5, "é", b"\x00\xff", (1, (2, 3, 4, 5)), {}, [], ()]


def same(found, wanted):
    if isinstance(wanted, np.ndarray):
        assert found.dtype == wanted.dtype and np.array_equal(found, wanted)
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted)
        [same(found[name], value) for name, value in wanted.items()]
    elif isinstance(wanted, list | tuple):
        assert type(found) is type(wanted) and len(found) == len(wanted)
        [same(a, b) for a, b in zip(found, wanted, strict=True)]
    else:
        assert type(found) is type(wanted) and found == wanted


@pytest.mark.parametrize("protocol", range(2, 5))  # of 5, NumPy has another form
def test_data_come_out_as_they_went_in(protocol):
    array = np.arange(12, dtype=">i2").reshape(3, 4)
    data = [
        ENTRY,
        ENTRY,
        {"embedding": ENTRY["embedding"]},
        OTHERS,
        array,
        array.T.copy("F"),
        np.float64(3),
        np.bool_(1),
    ]
    found = read_pickle(pickle.dumps(data, protocol))
    same(found, data)
    assert found[0] is found[1] and found[0]["embedding"] is found[2]["embedding"]


def test_the_names_of_an_older_numpy_are_known():
    content = pickle.dumps([ENTRY], 3)
    for name in (b"numpy.core.multiarray", b"numpy._core.multiarray"):
        same(read_pickle(content.replace(b"numpy._core.multiarray", name)), [ENTRY])


class Evil:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("protocol", range(6))
def test_a_malicious_pickle_is_refused_by_name_and_nothing_of_it_runs(protocol, tmp_path):
    for evil, name in (
        (Evil(os.mkdir, str(tmp_path / "run")), f"{os.mkdir.__module__}.mkdir"),
        (Evil(eval, f"__import__('os').mkdir({str(tmp_path / 'run')!r})"), "(__builtin__|builtins).eval"),
        (Evil(getattr, "", "format"), "(__builtin__|builtins).getattr"),
        (Evil(np.load, "x.npy"), "numpy.load"),
        (collections.OrderedDict(a=1), "collections.OrderedDict"),
    ):
        with pytest.raises(ValueError, match=rf"the file is refused, it is not data alone: .*{name}"):
            read_pickle(pickle.dumps([ENTRY["gender"], evil], protocol), "the file")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"cnumpy\nndarray\n(I0\ntR.", "it calls"),  # the class is a mark of ours, no function
        (b"cnumpy.core.multiarray\n_reconstruct\n.", "a function where that cannot be"),
        (b"(lp0\ncnumpy\ndtype\na.", "a function where that cannot be"),
        (b"cnumpy\ndtype\n(X\x03\x00\x00\x00f16tR.", "type 'f16'"),
        (b"cnumpy\ndtype\n(X\x01\x00\x00\x00OtR.", "type 'O'"),
        (b"\x80\x02}}b.", "a dict where that cannot be"),  # BUILD
        (b"Pname\n.", "opcode PERSID"),
        (b"\x82\x01.", "opcode EXT1"),
        (b"(ios\nsystem\n.", "opcode INST"),
    ],
)
def test_tricks_with_opcodes_are_refused(content, found):
    with pytest.raises(ValueError, match=f"is refused.*{found}"):
        read_pickle(content)


def test_an_array_must_have_as_many_bytes_as_it_says():
    content = pickle.dumps(np.arange(6.0), 3)
    with pytest.raises(ValueError, match="is damaged and cannot be read"):
        read_pickle(content.replace(struct.pack("<BB", ord("K"), 6), struct.pack("<BB", ord("K"), 7), 1))


def test_a_list_that_holds_itself_is_data_too():
    endless = []
    endless.append(endless)
    found = read_pickle(pickle.dumps(endless, 3))
    assert found[0] is found


@pytest.mark.parametrize("cut", [0, 1, 30, -1])
def test_a_file_that_is_cut_off_is_damaged(cut):
    with pytest.raises(ValueError, match="is damaged and cannot be read"):
        read_pickle(pickle.dumps([ENTRY] * 3, 3)[:cut])
