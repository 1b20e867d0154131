"""A record is what was measured, or an error; never something in between."""

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import numpy as np
import pytest
from tiny_study import ARMS, SCALE, STUDY, as_json

from xstitch_lib import record
from xstitch_lib.results import arrays
from xstitch_lib.studies import Arm
from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.methods.cross_stitch import CrossStitch
from xstitch_lib.studies.verify import recorded_settings, verify
from xstitch_lib.studies.worlds import load
from xstitch_lib.training.history import History
from xstitch_lib.unit import CrossStitchUnit


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    study = STUDY.__class__("tiny", STUDY.question, [ARMS[0], ARMS[4]], STUDY.scales, STUDY.primary)
    folder = tmp_path_factory.mktemp("cells")
    study.run("small", [0, 1], folder=folder)
    return study.record("small", folder)


@pytest.fixture
def saved(content, tmp_path):
    record.save(content, tmp_path)
    return tmp_path


def test_what_was_saved_is_what_is_loaded(content, saved):
    found = record.load("tiny", "small", saved)
    assert as_json(found.content) == as_json(content)
    assert found.seeds == [0, 1] and repr(found) == "Record('tiny', scale='small', 2 arms, 2 seeds)"


def test_a_record_holds_the_curves_the_classes_and_the_alphas(content, saved):
    found = record.load("tiny", "small", saved)
    counts = found.per_class[(found.per_class.metric == "pixels") & (found.per_class.arm == "one-task")]
    assert counts[counts.seed == 0].value.sum() == 12 * 16 * 32
    assert set(found.curves.phase) == {0, 1} and "mIU" in set(found.curves.metric)
    steps, alphas = found.alphas("cross-stitch", 1)
    assert steps[0] == 0 and steps[-1] == 4
    assert alphas["pool1"].shape == (len(steps), 4, 2, 2)
    assert np.allclose(alphas["pool1"][0], [[0.9, 0.1], [0.1, 0.9]], atol=1e-3)


def test_of_a_wide_networks_alphas_the_first_and_the_last_step_are_kept():
    narrow, wide = History(["a", "b"]), History(["a", "b"])
    for step in (0, 5, 10):
        narrow.add_alphas(step, {"fc": CrossStitchUnit(2, 8, alpha_same=0.5 + step / 100)})
        wide.add_alphas(step, {"fc": CrossStitchUnit(2, arrays.MANY, alpha_same=0.5 + step / 100)})
    assert arrays.kept(narrow)["steps"] == [0, 5, 10]
    kept = arrays.kept(wide)
    assert kept["steps"] == [0, 10]
    assert np.allclose(kept["layers"]["fc"][:, 0, 0, 0], [0.5, 0.6], atol=1e-3)


def test_provenance_says_where_every_cell_comes_from(saved):
    told = record.load("tiny", "small", saved).provenance
    assert len(told) == 4
    for column in ("commit", "command", "device", "threads", "python", "torch", "numpy", "date", "seconds"):
        assert told[column].notna().all() and (told[column].astype(str) != "").all()


def without(content, *keys):
    changed = copy.deepcopy(content)
    place = changed
    for key in keys[:-1]:
        place = place[key]
    del place[keys[-1]]
    return changed


@pytest.mark.parametrize(
    "keys", [("cells", 0, "results"), ("cells", 1, "provenance", "commit"), ("settings",), ("cells", 0, "seed")]
)
def test_a_record_that_lacks_something_is_neither_written_nor_read(content, saved, keys):
    damaged = without(content, *keys)
    with pytest.raises(ValueError, match=rf"must contain \['{keys[-1]}'\] properties"):
        record.save(damaged, saved)
    (saved / "tiny-small.json").write_text(json.dumps(damaged, default=arrays.encode))
    with pytest.raises(ValueError, match="not a record of this version"):
        record.load("tiny", "small", saved)


def test_half_a_file_is_refused(saved):
    path = saved / "tiny-small.json"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="damaged"):
        record.load("tiny", "small", saved)


def test_a_failed_save_leaves_the_old_record(content, saved):
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    assert len(before) == 2
    with pytest.raises(ValueError):
        record.save(content | {"question": float("nan")}, saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


def test_the_same_content_is_the_same_files_and_new_arrays_take_the_place_of_the_old(content, saved):
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    record.save(content, saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    record.save(content | {"cells": content["cells"][:2]}, saved)
    after = {path.name for path in saved.iterdir()}
    assert len(after) == 2 and len(after & {*before}) == 1


def test_several_processes_may_save_one_record(content, saved):
    """Each its own arrays; whoever is last, both files are its."""
    parts = [content | {"cells": content["cells"][:n]} for n in (1, 2, 3, 4)] * 6
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda part: record.save(part, saved), parts))
    assert len(record.load("tiny", "small", saved).content["cells"]) in (1, 2, 3, 4)
    assert len(list(saved.iterdir())) == 2


def test_damaged_or_missing_arrays_are_refused(saved):
    (arrays,) = saved.glob("*.npz")
    arrays.write_bytes(arrays.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match=r"npz is damaged: its sha256 is .*; restore it from the repository"):
        record.load("tiny", "small", saved)
    arrays.unlink()
    with pytest.raises(ValueError, match="the arrays of a record, is missing: restore it"):
        record.load("tiny", "small", saved)


def test_a_study_that_was_not_recorded_tells_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"scale 'full': see `xstitch list` .* `xstitch run table5 --scale …`"):
        record.load("table5", folder=tmp_path)


def test_recorded_cells_run_again_to_equal_results(saved):
    told = list(verify(record.load("tiny", "small", saved), seeds=[1]))
    assert told == ["one-task, seed 1: equal", "cross-stitch, seed 1: equal"]


def test_an_arms_own_settings_survive_the_file():
    arm = Arm("slow", CrossStitch(after=("pool1",)), changes={"lr": (0.01, 0.004)})
    told = {"method": "cross-stitch", "options": asdict(arm.method), "changes": arm.changes}
    content = json.loads(json.dumps({"settings": asdict(SCALE), "arms": {"slow": told}}))
    found, scale = recorded_settings(record.Record(content), "slow")
    assert found == arm and scale == SCALE
    load(replace(scale, **found.changes))  # settings are a key: lists would not do


def test_verify_tells_what_is_off(content, saved):
    content = copy.deepcopy(content)
    content["cells"][0]["results"]["normals"]["mean"] += 1
    record.save(content, saved)
    (told,) = verify(record.load("tiny", "small", saved), arms=["one-task"], seeds=[0])
    assert "normals mean was" in told


RECORDED = sorted(record.FOLDER.glob("*-*.json"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_every_record_in_the_repository_is_one(path):
    study, scale = path.stem.rsplit("-", 1)
    found = record.load(study, scale)
    assert not any("+changes" in commit for commit in found.provenance.commit), "recorded from uncommitted code"


def test_the_first_fifty_steps_of_a_recorded_cell_run_again_to_the_same_losses(tmp_path):
    found = record.load("table5", "small")
    seed, (_, scale) = found.seeds[0], recorded_settings(found, "one-task")
    curves = found.cell("one-task", seed)["curves"][""]["0"]
    table = Bench(replace(scale, steps=(50, scale.steps[1])), seed, tmp_path).one_task()[1].table
    for task, rows in table.groupby("task"):
        recorded = curves[task]["loss"][1][: len(rows)]
        assert len(recorded) == 5
        assert np.allclose(recorded, rows.value, rtol=2e-2), task  # bf16 or other threads; nearly equal
