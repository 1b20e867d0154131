"""What a page says of where records come from."""

import pytest

from xstitch_lib.page import notebook
from xstitch_lib.results.record import Record, load

WHOLE = load("fashion_mnist", "full")


@pytest.fixture
def shown(monkeypatch):
    """What was displayed, as text."""
    texts = []
    monkeypatch.setattr(notebook, "display", lambda thing: texts.append(thing.data))
    return texts


def test_the_provenance_tells_what_is_missing(shown):
    content = {**WHOLE.content, "cells": [cell for cell in WHOLE.content["cells"] if cell["seed"] == 0]}
    notebook.show_provenance(Record(content))
    assert shown[0].startswith("**fashion_mnist, full.** 3 of 6 runs, the others are to come, seeds 0,")


def test_the_provenance_tells_what_ran_not_what_was_asked_for(shown):
    """On a processor without bf16 runs are in float32; of runs that diverged nothing is known."""
    chosen = load("nyuv2_choices", "brief")
    assert chosen.content["settings"]["precision"] == "bf16"
    assert {cell["status"] == "done" for cell in chosen.content["cells"]} == {True, False}
    notebook.show_provenance(chosen)
    assert "precision float32, torch" in shown[0] and "fc6 and fc7 started at random" in shown[0]


def test_a_table_of_a_record_says_which_command_made_it(shown):
    notebook.show_table(WHOLE.table.head(1), of=WHOLE)
    assert shown[1].startswith("*Recorded by `xstitch run fashion_mnist --scale full`: 6 runs, seeds 0, 1. CPU")
