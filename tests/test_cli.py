"""The shell's way in, through the real parser and a real study."""

import copy
from dataclasses import replace

import pytest
from tiny_study import ARMS, SCALE, STUDY, as_json

from xstitch_lib import cli, record
from xstitch_lib.results.record import Record
from xstitch_lib.studies import Arm
from xstitch_lib.studies.methods.split import Split
from xstitch_lib.studies.verify import _compare, lacking


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


@pytest.fixture
def run(tmp_path):
    """run(study, clone, …) -> the record after `xstitch run` of it in that clone, whether the command failed or not."""

    def run(study, clone, *more):
        words = ["run", study.name, "--jobs", "1", "--folder", str(tmp_path / clone), "--to", str(tmp_path), *more]
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(cli.STUDIES, study.name, study)
            try:
                cli.main(words)
            except SystemExit as error:
                print(error)
        return record.load(study.name, "small", tmp_path)

    return run


ONE_TASK = ARMS[0]


def test_a_run_cut_short_is_recorded_as_far_as_it_came_and_another_clone_goes_on(run, tmp_path, capsys):
    broken = replace(STUDY, arms=[ONE_TASK, Arm("cross-stitch", Split(at="conv9"))])
    found = run(broken, "clone", "--seeds", "0")
    told = capsys.readouterr().out
    assert "no layer 'conv9'" in told and "2 arms, 1 seeds, 3 runs to come" in told
    assert found.finished("one-task") == [0] and not found.whole_seeds().seeds

    mended = replace(STUDY, arms=[ONE_TASK, ARMS[4]])
    found = run(mended, "another", "--seeds", "0")
    assert found.whole_seeds().seeds == [0] and len(found.missing) == 2
    content = copy.deepcopy(found.content)
    content["cells"][0]["results"]["seg"]["pixacc"] = 12.5  # run again, it would be another number
    record.save(content, tmp_path)

    changed = replace(mended, scales={"small": replace(SCALE, steps=(7, 4))})
    assert as_json(run(changed, "a third").content) == as_json(content)  # two settings are not mixed
    assert "other settings than its study has now (steps was [6, 4], is [7, 4]): delete it" in capsys.readouterr().out
    mended.run(seeds=[5], arms=["one-task"], folder=tmp_path / "a fourth")  # somebody's trial
    whole = run(mended, "a fourth")
    assert not whole.missing and whole.seeds == [0, 1]
    assert whole.cell("one-task", 0)["results"]["seg"]["pixacc"] == 12.5


def test_a_whole_record_is_not_replaced_by_a_part(run, tmp_path, capsys):
    study = replace(STUDY, arms=[ONE_TASK])
    study.run(seeds=[0, 1], folder=tmp_path / "clone")
    record.save(study.record("small", tmp_path / "clone"), tmp_path)
    before = record.load("tiny", "small", tmp_path).content
    changed = replace(study, arms=[replace(ONE_TASK, changes={"train": 16})])
    assert as_json(run(changed, "another", "--seeds", "0").content) == as_json(before)
    assert "stays as it is: of a new one 1 are to come" in capsys.readouterr().out


def test_an_unfinished_record_does_not_lose_the_runs_of_seeds_that_begin_anew(run, tmp_path, capsys):
    study = replace(STUDY, arms=[ONE_TASK, ARMS[4]])
    study.run(seeds=[0, 1], folder=tmp_path / "clone")
    study.path("cross-stitch", "small", 1, tmp_path / "clone").unlink()
    record.save(study.record("small", tmp_path / "clone"), tmp_path)
    before = record.load("tiny", "small", tmp_path).content
    assert as_json(run(study, "another", "--seeds", "0").content) == as_json(before)
    assert "has more runs and stays as it is: of a new one 2 are to come" in capsys.readouterr().out
    assert not run(study, "another").missing


def test_a_new_arm_is_run_and_the_recorded_ones_stay_where_arms_share_no_towers(run, tmp_path):
    """None are shared where there is no first phase."""
    study = replace(STUDY, arms=[ONE_TASK], scales={"small": replace(SCALE, steps=(0, 4))})
    content = copy.deepcopy(run(study, "clone").content)
    content["cells"][1]["results"]["seg"]["pixacc"] = 12.5  # run again, it would be another number
    record.save(content, tmp_path)
    more = run(replace(study, arms=[ONE_TASK, ARMS[4]]), "another")
    assert not more.missing and len(more.content["cells"]) == 4
    assert more.cell("one-task", 1)["results"]["seg"]["pixacc"] == 12.5


def test_the_books_own_records_take_no_other_seeds(tiny):
    with pytest.raises(SystemExit, match=r"have the seeds \[0, 1\], fixed beforehand; got \[0, 2\]"):
        cli.main(["run", "tiny", "--seeds", "0,2"])


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


def test_verify_says_first_that_the_machine_lacks_the_records_precision(monkeypatch):
    recorded = Record({"cells": [{"provenance": {"precision": "bf16"}}], "arms": {}, "settings": {"seeds": []}})
    monkeypatch.setattr("xstitch_lib.studies.verify.has_bf16", lambda: False)
    assert lacking(recorded).startswith("this machine has no bf16")
    monkeypatch.setattr("xstitch_lib.studies.verify.has_bf16", lambda: True)
    assert lacking(recorded) == ""


def test_verify_compares_a_difference_with_what_seeds_differ_by():
    was, now = [
        {"arm": "a", "seed": 0, "status": "done", "provenance": {"precision": p}, "results": {"seg": {"mIU": value}}}
        for p, value in (("bf16", 20.0), ("no", 20.5))
    ]
    told = _compare(was, now, {("seg", "mIU"): 0.45})
    assert told == "seg mIU was 20, is 20.5 (seeds differ by 0.45); precision was bf16, is no"
