"""A study as a set of cells: resumable, complete, and the same whoever runs it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_study import ARMS, SCALE, STUDY

from xstitch_lib import evaluate, record
from xstitch_lib.studies import STUDIES, Arm, Study, queue
from xstitch_lib.studies.methods.cross_stitch import CrossStitch
from xstitch_lib.studies.methods.one_task import OneTask
from xstitch_lib.studies.methods.split import Split
from xstitch_lib.studies.worlds import load

PAIR = replace(STUDY, arms=[arm for arm in ARMS if arm.name in ("one-task", "cross-stitch")])


def test_run_gives_a_tidy_table_with_every_task_and_metric():
    table = PAIR.run(seeds=[3], arms=["cross-stitch"])
    assert set(table.columns) == {"study", "arm", "seed", "task", "metric", "value"}
    assert set(table[table.task == "seg"].metric) == {"pixacc", "mIU", "fwIU"}
    assert set(table[table.task == "normals"].metric) == {"mean", "median", "11.25", "22.5", "30"}
    assert table.value.notna().all() and set(table.seed) == {3}


def test_two_runs_of_a_seed_are_equal_and_two_seeds_are_not():
    first, second = [PAIR.run(seeds=[0, 1], arms=["one-task"]) for _ in range(2)]
    assert first.equals(second)
    seeds = first.pivot(index=["task", "metric"], columns="seed", values="value")
    assert (seeds[0] != seeds[1]).any()


def test_finished_cells_are_read_and_not_run_again(tmp_path):
    PAIR.run(seeds=[0], arms=["one-task"], folder=tmp_path)
    path = PAIR.path("one-task", "small", 0, tmp_path)
    found = json.loads(path.read_text())
    found["results"]["seg"]["pixacc"] = 12.5
    path.write_text(json.dumps(found))
    table = PAIR.run(seeds=[0], arms=["one-task"], folder=tmp_path)
    assert table[table.metric == "pixacc"].value.item() == 12.5


def test_a_cell_made_with_other_settings_is_refused(tmp_path):
    PAIR.run(seeds=[0], arms=["one-task"], folder=tmp_path)
    longer = replace(PAIR, scales={"small": replace(SCALE, steps=(7, 4))})
    with pytest.raises(ValueError, match=r"other settings than its study has now \(steps was \[6, 4\], is \[7, 4\]\)"):
        longer.run(seeds=[0], arms=["one-task"], folder=tmp_path)


def test_several_processes_give_what_one_gives(tmp_path):
    """And what is there is kept once, not every second while no terminal looks."""
    finished = []

    def keep():
        finished.append(len([*(tmp_path / "two").glob("*/*.json")]))

    queue.finish([PAIR], "small", [0, 1], tmp_path / "two", jobs=2, keep=keep)
    assert finished == sorted({*finished}) and finished[-1] == 2 * len(PAIR.arms)
    cells = PAIR.record("small", tmp_path / "two")["cells"]
    assert {cell["provenance"]["threads"] for cell in cells} == {max(1, queue.default_jobs() // 2)}
    alone = PAIR.run(seeds=[0, 1])
    both = record.tidy("tiny", cells).merge(alone, on=["study", "arm", "seed", "task", "metric"])
    assert len(both) == len(alone) and np.allclose(both.value_x, both.value_y, atol=0.5)


def test_more_processes_than_seeds_share_a_seeds_runs(tmp_path):
    queue.finish([PAIR], "small", [0], tmp_path, jobs=2)
    cells = PAIR.record("small", tmp_path)["cells"]
    assert len({path.name for path in tmp_path.glob("log-*.txt")}) == 2
    alone = PAIR.run(seeds=[0])
    both = record.tidy("tiny", cells).merge(alone, on=["study", "arm", "seed", "task", "metric"])
    assert len(both) == len(alone) and np.allclose(both.value_x, both.value_y, atol=0.5)


def tell_of_cuda(path):
    path.write_text(str(torch.cuda._is_in_bad_fork()))


def test_a_process_can_use_a_gpu(tmp_path):
    """It cannot if the one it is forked from has looked for one."""
    process = queue.processes().Process(target=tell_of_cuda, args=(tmp_path / "told",))
    process.start()
    process.join()
    assert (tmp_path / "told").read_text() == "False"


def test_a_process_that_fails_tells_and_leaves_what_is_finished(tmp_path):
    broken = Study("tiny", "?", [Arm("one-task", OneTask()), Arm("bad", Split(at="conv9"))], {"small": SCALE})
    with pytest.raises(ValueError, match="no layer 'conv9'"):
        queue.finish([broken], "small", [0], tmp_path, jobs=1)
    assert broken.path("one-task", "small", 0, tmp_path).exists()


def test_a_diverging_arm_is_a_result():
    wild = Arm("wild", CrossStitch(unit_lr_scale=1e9))
    study = replace(PAIR, arms=[wild])
    table = study.run(seeds=[0])
    assert table.metric.tolist() == ["diverged"] and table.value.isna().all()


def test_labels_of_a_share_of_the_pictures_train_the_other_task_on_all_of_them(tmp_path):

    some, all_ = load(replace(SCALE, labelled=0.25)).train.tensors, load(SCALE).train.tensors
    assert ((some["seg"] >= 0).flatten(1).any(1)).sum() == 6
    assert (some["normals"] == all_["normals"]).all()


def test_a_record_counts_the_labels_that_were_trained_on(tmp_path):
    study = replace(PAIR, arms=ARMS[:1], scales={"small": replace(SCALE, labelled=0.25)})
    labels = load(study.scale("small")).train.tensors["seg"]
    study.run("small", [0], folder=tmp_path)
    counts = study.record("small", tmp_path)["labels"]["seg"]
    assert sum(counts.values()) == (labels >= 0).sum() == 6 * labels[0].numel()


def test_unknown_names_are_told():
    with pytest.raises(ValueError, match="did you mean one of cross-stitch"):
        PAIR.run(arms=["crossstitch"])
    with pytest.raises(ValueError, match="no scale 'huge': choose one of small"):
        PAIR.run(scale="huge")


def test_the_network_of_a_finished_run_gives_the_recorded_results(tmp_path):
    table = PAIR.run(seeds=[0], arms=["cross-stitch"], folder=tmp_path)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.ckpt")}
    world = load(SCALE)
    found = evaluate(PAIR.net("cross-stitch", "small", 0, tmp_path), world.tasks, world.table)
    recorded = table.set_index(["task", "metric"]).value
    assert found["seg"]["mIU"] == pytest.approx(recorded["seg", "mIU"], rel=1e-5)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.ckpt")} == files


@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.name)
def test_every_scale_has_its_arms_settings_and_contrasts(study):
    for name in study.scales:
        arms = study.names(name)
        assert len(set(arms)) == len(arms) and len(study.scale(name).seeds) > 0
        own = [(study.arm(arm).method, str(study.arm(arm).changes)) for arm in arms]
        assert len({*own}) == len(arms)
        for arm in arms:  # a change that is no field of the scale raises
            replace(study.scale(name), **study.arm(arm).changes)
    assert {arm for pair in study.primary for arm in pair} <= {arm.name for arm in study.arms}
