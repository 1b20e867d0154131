"""When two runs are the same."""

import ast
import os
import subprocess
import sys
from dataclasses import dataclass, make_dataclass, replace
from typing import ClassVar

import pytest
import torch
from tiny_study import SCALE

from xstitch_lib.results import identity
from xstitch_lib.studies import RoomsScale, Scale
from xstitch_lib.studies.methods import Method
from xstitch_lib.studies.methods.cross_stitch import CrossStitch
from xstitch_lib.studies.methods.ensemble import Ensemble
from xstitch_lib.studies.methods.split import Split

STORED = identity.settings(SCALE, CrossStitch(), {"train": 16})


def told(scale=SCALE, method=None, changes=None):
    return identity.differences(STORED, scale, method or CrossStitch(), changes or {"train": 16})


def test_every_setting_is_stored_with_its_default_and_what_else_is_run_is_not():
    assert STORED["scale"]["train"] == 16 and STORED["scale"]["lr"] == [0.05, 0.02]
    assert STORED["options"]["partner"] == "same" and STORED["method"] == "cross-stitch"
    assert not {"seeds", "arms"} & set(STORED["scale"])
    assert told(replace(SCALE, seeds=(7,), arms=("a",))) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"scale": replace(SCALE, lr=(0.04, 0.02))}, ["lr was [0.05, 0.02], is [0.04, 0.02]"]),
        ({"method": CrossStitch(alpha_same=0.8)}, ["alpha_same was 0.9, is 0.8"]),
        ({"changes": {"train": 17}}, ["train was 16, is 17"]),
        ({"method": Split(at="conv2")}, ["method was cross-stitch, is split"]),
    ],
)
def test_what_differs_is_named(changed, words):
    assert told(**changed) == words


def test_a_new_option_is_no_difference_at_its_default_and_one_at_any_other_value():
    @dataclass(frozen=True, kw_only=True)
    class More(CrossStitch):
        noise: float = 0.0

    assert told(method=More()) == []
    assert told(method=More(noise=0.1)) == ["noise was 0.0, is 0.1"]


def test_a_default_that_has_changed_since_and_an_option_that_is_gone_are_refused():
    @dataclass(frozen=True, kw_only=True)
    class Later(CrossStitch):
        per: str = "layer"

    assert told(method=Later()) == ["per was channel, is layer"]
    fewer = make_dataclass("Fewer", [("name", ClassVar[str], "cross-stitch")], frozen=True)
    assert "partner was same, is not there any more" in told(method=fewer())


def test_a_methods_own_option_is_compared_whatever_it_is_called():
    method = make_dataclass("Many", [("name", ClassVar[str], "many"), ("seeds", int, 2)], frozen=True)
    stored = identity.settings(SCALE, method(), {})
    assert identity.differences(stored, SCALE, method(seeds=5), {}) == ["seeds was 2, is 5"]


def test_a_name_in_records_is_one_methods_and_one_worlds():
    with pytest.raises(ValueError, match=r"records call .*ensemble.Ensemble 'ensemble': give .*Other another name"):

        class Other(Method):
            name = "ensemble"

    with pytest.raises(ValueError, match=r"records call .*rooms.RoomsScale 'rooms': give .*Larger another name"):

        class Larger(RoomsScale):
            pass

    assert Method.known["ensemble"] is Ensemble and Scale.known["rooms"] is RoomsScale


def test_a_method_that_is_defined_once_more_takes_its_own_place(monkeypatch):
    monkeypatch.setattr(Method, "known", dict(Method.known))

    def define():
        class Own(Method):
            name = "own"

        return Own

    first, second = define(), define()
    assert Method.known["own"] is second is not first


def test_what_trains_otherwise_needs_a_name_of_its_own():
    with pytest.raises(ValueError, match=r"Mine trains otherwise than 'cross-stitch': give it a name of its own"):

        class Mine(CrossStitch):
            def train(self, bench):
                raise NotImplementedError


@pytest.fixture
def library(tmp_path):
    """start → part.tool and part's own file; result is reached by nobody."""
    files = {
        "start.py": '"""Begins."""\nfrom xstitch_lib.part import thing\nfrom xstitch_lib.part.tool import SIZE\n',
        "part/__init__.py": "thing = 3\n",
        "part/tool.py": "SIZE = 1\n",
        "result.py": "from xstitch_lib import start\n",
    }
    for name, code in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    return tmp_path


def code_of(library):
    reached = identity._reached(["start"], library)
    return {name: ast.dump(identity._without_docstrings(tree)) for name, tree in reached.items()}


def test_the_code_that_trains_is_what_is_reached_from_there(library):
    assert set(code_of(library)) == {"start", "part", "part.tool"}


@pytest.mark.parametrize(
    ("file", "code", "same"),
    [
        ("part/tool.py", "# one\nSIZE = 1  # a comment\n", True),
        ("part/tool.py", '"""A docstring."""\n\nSIZE = (1)\n', True),
        ("part/tool.py", "SIZE = 2\n", False),
        ("result.py", "import nothing\n", True),
    ],
)
def test_comments_docstrings_and_readers_of_results_are_no_part_of_it(library, file, code, same):
    before = code_of(library)
    (library / file).write_text(code)
    assert (code_of(library) == before) == same


def test_of_the_library_all_that_trains_is_in_and_what_reads_results_is_not():
    reached = set(identity._reached(identity.TRAINING))
    trains = {"unit", "training.fit", "training.recipe", "data.tensors", "tasks.normals", "networks.merge"}
    assert trains | {"studies.methods.cross_stitch", "studies.worlds.rooms"} <= reached
    reads = {f"results.{name}" for name in ("record", "statistics", "measures", "paper", "alphas")}
    assert not (reads | {"studies.cell", "studies.study", "studies.claims", "studies.table5", "cli"}) & reached
    assert not any([name.startswith("page") for name in reached])


def test_code_that_was_changed_after_the_process_began_is_nobody_elses(monkeypatch):
    code = identity.training_code.__wrapped__
    assert code() == code() == identity.training_code()
    monkeypatch.setattr(identity, "IMPORTED", 0.0)
    assert code() != code()


def outside(**parts):
    return type("Outside", (), {"__module__": "somebody", "__qualname__": "Outside", **parts})


def one(self, x=1):
    """Something."""
    return x in {"a", "b", "c"}


def other(self, x=1):
    return x in {"a", "b", "d"}


def again(self, x=2):
    return x in {"a", "b", "c"}


def undocumented(self, x=1):
    return x in {"a", "b", "c"}


def test_the_code_of_classes_from_outside_is_known_too():
    assert identity.code_of(CrossStitch, Split, torch.nn.Linear, None) == ""
    assert identity.code_of(outside(run=one)) == identity.code_of(outside(run=undocumented)) != ""
    kinds = [
        {"run": one},
        {"run": other},
        {"run": again},
        {"run": staticmethod(one)},
        {"run": one, "size": 1},
        {"run": one, "size": 2},
        {"run": torch.no_grad()(other), "size": 2},
        {"run": property(again), "size": 2},
    ]
    found = [identity.code_of(outside(**kind)) for kind in kinds]
    assert found[0] == found[3] and len({*found}) == len(found) - 1
    assert identity.code_of(one) != identity.code_of(other)


def test_it_is_the_same_in_every_process():
    """The order of a set's text is not."""
    code = "import sys; sys.path[:0] = sys.argv[1:]; import test_identity as t; print(t.identity.code_of(t.one))"
    told = {
        subprocess.run(
            [sys.executable, "-c", code, *sys.path],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1
