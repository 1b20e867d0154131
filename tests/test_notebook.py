"""What a page says of records that are whole, unfinished, or not there."""

import copy

import pytest

from xstitch_lib import notebook
from xstitch_lib.record import Record, load

WHOLE = load("fashion_mnist", "full")


@pytest.fixture
def shown(monkeypatch):
    """What was displayed, as text."""
    texts = []
    monkeypatch.setattr(notebook, "display", lambda thing: texts.append(thing.data))
    return texts


def without(runs):
    content = copy.deepcopy(WHOLE.content)
    content["cells"] = [cell for cell in content["cells"] if (cell["arm"], cell["seed"]) not in runs]
    return Record(content)


def test_where_nothing_is_recorded_the_page_tells_the_command_and_how_many_runs(shown, monkeypatch):
    def missing(study, scale):
        raise FileNotFoundError

    monkeypatch.setattr(notebook, "load", missing)
    assert notebook.recorded_so_far("fashion_mnist", "full") is None
    assert shown == ["*Not recorded yet: `xstitch run fashion_mnist --scale full` makes its 6 runs.*"]


def test_only_whole_seeds_are_shown_and_the_provenance_tells_what_is_missing(shown, monkeypatch):
    part = without([("none", 1)])
    monkeypatch.setattr(notebook, "load", lambda study, scale: part)
    found = notebook.recorded_so_far("fashion_mnist", "full")
    assert found.seeds == [0] and len(found.missing) == 3
    notebook.show_provenance(found)
    assert shown[0].startswith("*Recorded: 3 of 6 runs, the others are to come, seeds 0,")

    part = without([("none", 1), ("none", 0)])
    assert notebook.recorded_so_far("fashion_mnist", "full") is None and "4 of 6 runs" in shown[1]


def test_a_record_with_enough_seeds_to_compare_is_shown_as_far_as_it_is(shown, monkeypatch):
    part = load("table5", "small")
    content = {**part.content, "cells": part.content["cells"][:-4]}
    monkeypatch.setattr(notebook, "load", lambda study, scale: Record(content))
    found = notebook.recorded_so_far("table5", "small")
    assert len(found.missing) == 4 and len(found.seeds) == 8


def test_the_provenance_tells_what_ran_not_what_was_asked_for(shown):
    """On a processor without bf16 runs are in float32; of runs that diverged nothing is known."""
    chosen = load("nyuv2_choices", "brief")
    assert chosen.content["settings"]["precision"] == "bf16"
    assert {cell["status"] == "done" for cell in chosen.content["cells"]} == {True, False}
    notebook.show_provenance(chosen)
    assert "precision float32, torch" in shown[0] and "fc6 and fc7 started at random" in shown[0]
