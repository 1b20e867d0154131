"""What a page says of records that are whole, unfinished, or not there."""

import pytest

from xstitch_lib import notebook
from xstitch_lib.record import load


@pytest.fixture
def shown(monkeypatch):
    """What was displayed, as text."""
    texts = []
    monkeypatch.setattr(notebook, "display", lambda thing: texts.append(thing.data))
    return texts


def test_where_nothing_is_recorded_the_page_tells_the_command_and_how_many_runs(shown):
    assert notebook.recorded_so_far("table5", "full") is None
    (text,) = shown
    assert "None of the 48 runs" in text and "`xstitch run table5 --scale full`" in text


def test_provenance_tells_an_unfinished_record(shown):
    found = notebook.recorded_so_far("fashion_mnist", "full")
    notebook.show_provenance(found)
    found.content["cells"].pop()
    notebook.show_provenance(found)
    assert shown[0].startswith("*Recorded: 6 runs, seeds 0, 1,") and "5 of 6 runs" in shown[1]
    assert load("fashion_mnist", "full").missing == []
