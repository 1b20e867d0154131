"""Faces as a study's world: who is on which side, draws that are no seeds, baselines, what a cell tells of people."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from xstitch_lib import record
from xstitch_lib.data import FaceEmbeddings
from xstitch_lib.results.overlap import draw_gains, intervals, person_gains
from xstitch_lib.studies import Arm, FacesScale, Study, gender_age
from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.draws import joined
from xstitch_lib.studies.gender_age import ARMS, SCALES, switched
from xstitch_lib.studies.methods.logistic_regression import LogisticRegression
from xstitch_lib.studies.methods.look_up import LookUp
from xstitch_lib.studies.verify import verify
from xstitch_lib.studies.worlds import load
from xstitch_lib.training.history import History

ROOT = Path(os.environ.get("XSTITCH_DATA", "nowhere"))
real = pytest.mark.skipif(not (ROOT / "vggface2_embeddings").is_dir(), reason="XSTITCH_DATA has no face embeddings")
TINY = FacesScale(
    data="synthetic",
    seeds=(0, 1),
    steps=(0, 4),
    snapshots=3,
    width=4,
    partitions=2,
    arms=("none", "dense", "linear inside"),
)
SCRIPT = replace(TINY, protocol="script", partitions=1, arms=None)
NAMES = ("none", "dense", "linear inside", "self-stitch")
STUDY = Study(
    "tiny_faces",
    "Does it run?",
    [arm for arm in ARMS if arm.name in NAMES],
    {"people": TINY, "script": SCRIPT},
    primary=[("dense", "none"), ("dense", "linear inside")],
    metrics={"both": "accuracy"},
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    STUDY.run("people", [0, 1], folder=folder / "runs")
    record.save(STUDY.record("people", folder / "runs"), folder)
    return record.load("tiny_faces", "people", folder)


def people(data):
    return {*data.tensors["person"].tolist()}


def test_by_person_nobody_is_on_two_sides_and_columns_are_standardised():
    for draw in TINY.draws():
        world = load(replace(TINY, **draw))
        sides = [people(part) for part in (world.train, world.validation, world.table)]
        assert [len(side) for side in sides] == [70, 10, 20] and len(set.union(*sides)) == 100
    x = world.train.tensors["embedding"]
    assert len(x) == 2800 and x.mean(0).abs().max() < 1e-5 and (x.std(0, correction=0) - 1).abs().max() < 1e-5


def test_by_picture_mirrored_ones_keep_their_side_and_people_are_on_both():
    worlds = [load(SCRIPT), *[load(replace(SCRIPT, protocol="pictures", partition=p)) for p in (0, 1)]]
    for world in worlds:
        pictures = [{*part.tensors["picture"].tolist()} for part in (world.train, world.table)]
        assert [len(world.train), len(world.table)] == [3600, 400] and not pictures[0] & pictures[1]
        assert people(world.table) <= people(world.train)
    assert len({world.table.fingerprint() for world in worlds}) == len({world.draw for world in worlds}) == 3
    assert len(load(replace(SCRIPT, mirrored=False)).train) == 1800


def test_the_scripts_scale_has_the_scripts_settings():
    scale = SCALES["script"]
    assert (scale.width, scale.momentum, scale.weight_decay, scale.batch_size) == (32, 0.001, 1e-3, 128)
    assert scale.lr[1] == 3e-4 and scale.unit_lr_scale == 1 and scale.steps == (0, 800 * 3600 // 128)
    older = SCALES["readme"]
    assert (older.weight_decay, older.mirrored, older.steps) == (1e-4, False, (0, 900 * 1800 // 128))
    assert switched("False") is switched("True") is gender_age.arm("dense")


def test_only_matrices_decay_and_units_do_not():
    bench = Bench(replace(SCRIPT, weight_decay=1e3, lr=(0.0, 1e-2), steps=(0, 50)), 0)
    net = gender_age.arm("dense").method.train(bench).net
    norm = net.towers["gender"].fc1[1]
    assert net.towers["gender"].fc1[0].weight.abs().mean() < 0.02 and norm.weight.mean() > 0.5
    assert net.units["fc2"].alpha.diagonal().mean() > 0.5


def test_a_cell_is_the_mean_of_its_draws_which_stand_in_it(recorded):
    cell = recorded.cell("none", 0)
    draws = {name: row for name, row in cell["per_class"]["both"].items() if name.startswith("partition")}
    assert list(draws) == [f"partition {p}, fold {f}" for p in (0, 1) for f in range(5)]
    assert cell["results"]["both"]["accuracy"] == pytest.approx(
        sum(d["accuracy"] for d in draws.values()) / 10, abs=1e-3
    )
    assert all([(row["train"], row["test"]) == (2800, 800) for row in draws.values()])
    who = {name: row for name, row in cell["per_class"]["age"].items() if name.startswith("person")}
    assert len(who) == 100 and {row["samples"] for row in who.values()} == {40}
    level = cell["results"]["age"]["accuracy"]
    assert sum(row["accuracy"] for row in who.values()) / 100 == pytest.approx(level, abs=1e-3)
    assert len(cell["curves"][""]["1"]["gender"]["accuracy"][0]) == 3


def test_folds_are_no_seeds(recorded):
    assert recorded.seeds == [0, 1] and not recorded.missing
    assert len(recorded.table[(recorded.table.arm == "none") & (recorded.table.task == "both")]) == 2 * 3
    assert len(draw_gains(recorded, "dense", "none", "both")) == 10
    assert len(person_gains(recorded, "dense", "none", "gender")) == 100
    found = intervals(recorded)
    assert list(found.second) == ["none", "linear inside"]
    for row in found.itertuples():
        assert (row.by_seed.seeds, row.by_person.seeds, row.by_draw.seeds) == (2, 100, 10)
        assert (
            row.by_seed.mean == pytest.approx(row.by_person.mean, abs=1e-3) == pytest.approx(row.by_draw.mean, abs=1e-3)
        )


def test_a_cell_can_be_run_again(recorded):
    assert list(verify(recorded, ["dense"], [1])) == ["dense, seed 1: equal"]


def test_an_interrupted_cell_goes_on_with_the_draws_that_are_done(tmp_path, monkeypatch):
    whole = STUDY.cell("none", "people", 0, tmp_path / "whole")
    made = []

    def stops(self, net, histories):
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(self.draw)
        return results(self, net, histories)

    kind = type(load(TINY))
    results = kind.results
    with monkeypatch.context() as patch:
        patch.setattr(kind, "results", stops)
        with pytest.raises(KeyboardInterrupt):
            STUDY.cell("none", "people", 0, tmp_path / "cut")
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "cut" / "runs").glob("*.ckpt")}
    assert len(files) == 4
    again = STUDY.cell("none", "people", 0, tmp_path / "cut")
    assert {path: path.stat().st_mtime_ns for path in files} == files
    assert json.dumps(again["results"]) == json.dumps(whole["results"])


def test_draws_of_one_seed_start_from_weights_of_their_own():
    starts = [Bench(replace(TINY, fold=fold), 0).fresh()["gender"].fc1[0].weight for fold in (0, 1)]
    assert not torch.equal(*starts)


def test_a_single_draw_is_the_cell_itself():
    one = {"results": {"both": {"accuracy": 1.0}}, "curves": {"": {}}}
    assert joined({"": one}) == one


def test_the_best_epoch_of_the_test_is_told_apart(tmp_path):
    world = load(SCRIPT)
    history = History(["gender", "age"])
    for step, (gender, age) in enumerate([(99, 99), (80, 60), (90, 70), (70, 80)]):
        history.add_metrics(step, {"gender": {"accuracy": gender}, "age": {"accuracy": age}})
    assert world._best({"": {1: history}}) == 80 and world._best({}) is None
    assert world.quantities()["both"]["best"].unit == "%" and "best" not in load(TINY).quantities()["both"]
    cell = STUDY.cell("self-stitch", "script", 0, tmp_path)
    assert cell["results"]["both"]["best"] >= cell["results"]["both"]["accuracy"] - 1e-9


LEVELS = {  # of the stand-in, mean accuracy: by picture people are known, by person they are not
    "logistic regression": ((88, 94), (84, 91)),
    "nearest neighbour": ((90, 96), (72, 81)),
    "look-up": ((94, 99.5), (74, 84)),
}


@pytest.mark.parametrize("name", LEVELS)
def test_baselines_are_arms_and_the_leak_is_what_two_of_them_live_on(name, tmp_path):
    study = Study("b", "?", [gender_age.arm(name)], {"script": SCRIPT, "people": replace(TINY, partitions=1)})
    for scale, (low, high) in zip(study.scales, LEVELS[name], strict=True):
        cells = [study.cell(name, scale, seed, tmp_path) for seed in (0, 1)]
        levels = [cell["results"]["both"]["accuracy"] for cell in cells]
        assert levels[0] == levels[1] and low < levels[0] < high
        assert not cells[0]["curves"] and not cells[0]["alphas"]


@real
def test_on_the_real_vectors_the_look_up_beats_what_learns(tmp_path):
    found = {}
    for name in LEVELS:
        study = Study("b", "?", [gender_age.arm(name)], {"script": SCALES["script"]})
        found[name] = study.cell(name, "script", 0, tmp_path)["results"]
    assert found["nearest neighbour"]["gender"]["accuracy"] == found["look-up"]["gender"]["accuracy"] == 100
    assert found["look-up"]["both"]["accuracy"] > 96 > found["logistic regression"]["both"]["accuracy"]


def test_misfits_are_named(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match=r"protocol of script, pictures, people and data of .*; got 'person' and"):
        FacesScale(protocol="person", steps=(0, 1))
    monkeypatch.setenv("XSTITCH_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="needs the real embeddings in XSTITCH_DATA"):
        replace(TINY, data="embeddings").make()
    assert replace(TINY, data="at hand").make().train.fingerprint() == load(TINY).train.fingerprint()
    lacking = Study("b", "?", [Arm("look-up", LookUp(by=("person", "town")))], {"people": TINY})
    with pytest.raises(ValueError, match="a look-up by person, town needs labels that tell 'town'"):
        lacking.cell("look-up", "people", 0, tmp_path)


def test_unlabelled_samples_are_no_part_of_a_baselines_training():
    bench = Bench(SCRIPT, 0)
    tensors = bench.world.train.tensors
    wrong = tensors["gender"].clone()
    wrong[::2] = -1
    bench.world = replace(bench.world, train=bench.world.train.with_tensors({**tensors, "gender": wrong}))
    net = LogisticRegression().train(bench).net
    assert net.estimators["gender"].classes_.tolist() == [0, 1]
    assert net(tensors["embedding"][:5])["age"].sum(1).tolist() == [1] * 5
    assert FaceEmbeddings.genders[0] == "female"
