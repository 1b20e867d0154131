"""The shell's way in, through the real parser and a real study."""

import pytest
from tiny_study import ARMS, STUDY

from xstitch_lib import cli


@pytest.fixture
def tiny(monkeypatch):
    study = STUDY.__class__("tiny", STUDY.question, [ARMS[0], ARMS[4]], STUDY.scales, STUDY.primary)
    monkeypatch.setitem(cli.STUDIES, "tiny", study)


def test_a_study_is_run_shown_and_verified(tiny, tmp_path, capsys):
    places = ["--to", str(tmp_path / "recorded")]
    cli.main(["run", "tiny", "--seeds", "0,2", "--jobs", "1", "--folder", str(tmp_path / "runs"), *places])
    cli.main(["show", "tiny", *places])
    cli.main(["verify", "tiny", "--arms", "one-task", "--seeds", "2", *places])
    told = capsys.readouterr().out
    assert "2 arms, 2 seeds" in told and "cross-stitch" in told and "mIU" in told
    assert told.rstrip().endswith("one-task, seed 2: equal")


def test_list_names_every_study_with_its_question(tiny, capsys):
    cli.main(["list"])
    told = capsys.readouterr().out
    assert all(name in told and study.question in told for name, study in cli.STUDIES.items())


def test_errors_are_one_line(tiny, tmp_path):
    with pytest.raises(SystemExit, match=r"^xstitch: tiny has not been recorded at scale 'small'"):
        cli.main(["show", "tiny", "--to", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"^xstitch: study 'tiny' has no scale 'huge'"):
        cli.main(["run", "tiny", "--scale", "huge", "--jobs", "1", "--folder", str(tmp_path)])


@pytest.mark.parametrize(("text", "seeds"), [("0-3", [0, 1, 2, 3]), ("5", [5]), ("0,3,5", [0, 3, 5])])
def test_seeds_are_a_range_or_a_list(text, seeds):
    assert cli.seeds(text) == seeds
