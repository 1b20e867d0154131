import nyu_folders
import pytest

from xstitch_lib.data.nyuv2.layout import OFFICIAL


@pytest.fixture
def few(monkeypatch):
    """NYU-v2 has eight frames."""
    monkeypatch.setitem(OFFICIAL, "train", len(nyu_folders.TRAIN))
    monkeypatch.setitem(OFFICIAL, "test", len(nyu_folders.TEST))
