"""Detection and attributes as worlds of studies: rooms, and aPascal's pictures."""

from dataclasses import replace

import apascal_folders
import pytest
import torch
import torchvision

from xstitch_lib.networks import towers
from xstitch_lib.studies import Arm, Study, cell
from xstitch_lib.studies.methods.cross_stitch import CrossStitch
from xstitch_lib.studies.methods.diagonal import Diagonal
from xstitch_lib.studies.methods.ensemble import Ensemble
from xstitch_lib.studies.methods.mtl_shared import MTLShared
from xstitch_lib.studies.methods.one_task import OneTask
from xstitch_lib.studies.methods.self_stitch import SelfStitch
from xstitch_lib.studies.methods.split import Split
from xstitch_lib.studies.worlds import load
from xstitch_lib.studies.worlds.apascal import APascalScale
from xstitch_lib.studies.worlds.room_objects import RoomObjectsScale

SCALE = RoomObjectsScale(
    stream=1, train=24, validation=8, test=8, proposals=20, width=4, steps=(6, 4), warmup=2, snapshots=2, precision="no"
)
ARMS = [
    Arm("one-task", OneTask()),
    Arm("ensemble", Ensemble()),
    Arm("split-fc6", Split(at="fc6")),
    Arm("mtl-shared", MTLShared()),
    Arm("cross-stitch", CrossStitch(per="layer")),
    Arm("a channel", CrossStitch()),
    Arm("self-stitch", SelfStitch(per="layer")),
    Arm("diagonal", Diagonal(per="layer")),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.mark.parametrize("arm", ARMS, ids=[arm.name for arm in ARMS])
def test_every_arm_is_measured_in_both_tasks(arm, folder):
    found = cell.run(arm, SCALE, 0, folder)
    assert found["status"] == "done"
    assert {task: set(row) for task, row in found["results"].items()} == {
        "detection": {"mAP", "mAP area"},
        "attributes": {"mAP"},
    }
    assert found["quantities"]["detection"]["mAP"]["unit"] == "%"
    assert found["per_class"]["attributes"]["legs seen"].keys() == {"AP", "objects"}
    stitched = arm.name in ("cross-stitch", "a channel", "diagonal")
    assert set(found["sharing"]) == ({"pool1", "pool2", "pool5", "fc6", "fc7"} if stitched else set())


def test_a_diagonal_unit_scales_and_never_mixes(folder):
    _, trained = cell.train(ARMS[-1], SCALE, 0, folder)
    for unit in trained.net.units.values():
        alpha = unit.alpha[0].detach()
        assert (alpha - alpha.diagonal().diag() == 0).all() and (alpha.diagonal() != 1).all()


def test_records_count_labels_class_by_class(folder):
    study = Study("tiny", "?", ARMS[:1], {"small": SCALE}, metrics={"detection": "mAP", "attributes": "mAP"})
    study.cell("one-task", "small", 0, folder)
    labels = study.record("small", folder)["labels"]
    world = load(SCALE)
    assert sum(labels["detection"].values()) == len(world.train.tensors["labels"].values)
    assert labels["attributes"]["legs seen"] == int(
        world.train.tensors["attributes"].values[:, world.tasks["attributes"].names.index("legs seen")].sum()
    )


def test_a_share_of_the_pictures_keeps_its_attributes():
    attributes = load(replace(SCALE, labelled=0.25)).train.tensors["attributes"]
    known = ~attributes.values.isnan().any(1)
    assert torch.equal(known, attributes.sample < 6)
    assert torch.equal(load(SCALE).train.tensors["attributes"].values[known], attributes.values[known])


def test_splits_share_no_scene_and_regions_are_proposals_then_true_boxes():
    world = load(SCALE)
    assert len({world.train.fingerprint(), world.validation.fingerprint(), world.table.fingerprint()}) == 3
    own = world.table.tensors["object"]
    assert ((own.values < 0).sum() == 20 * len(own)) and (own.values >= 0).sum() == len(
        world.table.tensors["boxes"].values
    )


@pytest.fixture
def pascal(tmp_path, monkeypatch):
    apascal_folders.write(tmp_path / "voc2008")
    monkeypatch.setenv("XSTITCH_DATA", str(tmp_path))
    made = {name: x for name, x in torchvision.models.alexnet().state_dict().items() if name.startswith("features.")}
    monkeypatch.setattr(towers, "imagenet_weights", lambda fc: made)
    return APascalScale(
        size=96, proposals=8, allow_missing=False, width=8, told=("cat",), steps=(2, 2), warmup=0, snapshots=2
    )


def test_apascals_pictures_go_through_alexnet(pascal, tmp_path):
    pytest.importorskip("cv2")
    found = cell.run(ARMS[4], pascal, 0, tmp_path)
    world = load(pascal)
    assert found["status"] == "done" and set(found["data"]) == {"train", "validation", "table", "weights"}
    assert found["per_class"]["detection"]["dog"]["objects"] == 2
    cat = found["per_class"]["detection"]["cat"]["AP"]
    assert found["results"]["detection"]["mAP"] == cat  # the others have boxes, but are not told
    assert torch.equal(world.tower("detection").conv1[0].weight, world.tower("attributes").conv1[0].weight)
