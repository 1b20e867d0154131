"""NYU-v2 as a study's world: real frames, padded for FCN-32s, measured before and after post-processing."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision

from xstitch_lib.data import IGNORE
from xstitch_lib.networks import towers
from xstitch_lib.studies import NYUScale, Study
from xstitch_lib.studies.segmentation_normals import CROSS_STITCH, ONE_TASK
from xstitch_lib.studies.worlds import load
from xstitch_lib.studies.worlds.nyuv2 import BORDER

NEEDED = [Path(os.environ.get("XSTITCH_DATA", "unset"), name) for name in ("nyuv2", "weights")]
pytestmark = pytest.mark.skipif(
    not all([path.is_dir() for path in NEEDED]), reason="XSTITCH_DATA names no folder with nyuv2/ and weights/"
)
SCALE = NYUScale(train=6, validation=2, test=4, width=4, steps=(2, 2), batch_size=2, snapshots=2, precision="no")


def test_frames_are_padded_with_nothing_to_learn():
    batch = load(SCALE).train[:2]
    assert batch["image"].shape == (2, 3, 256, 320) and batch["seg"].shape == (2, 256, 320)
    for rows in (slice(BORDER), slice(-BORDER, None)):
        assert (batch["seg"][:, rows] == IGNORE).all() and not batch["normals"][:, :, rows].any()
        assert batch["image"][:, :, rows].std((0, 2, 3)).max() < 1e-6
    assert (batch["seg"] >= 0).float().mean() > 0.5


def test_towers_start_from_imagenets_convolutions_and_random_fc_layers():
    world = load(SCALE)
    first, second = world.tower("seg"), world.tower("seg")
    assert torch.equal(first.conv5[0].weight, second.conv5[0].weight)
    assert not torch.equal(first.fc6[1].weight, second.fc6[1].weight)
    assert "features" in world.fingerprints() and "fc" not in world.fingerprints()  # what a record says of it


def test_fc_layers_as_wide_as_imagenets_start_from_its_weights_where_they_can_be_had(monkeypatch):
    made, convolutions = torchvision.models.alexnet().state_dict(), towers.imagenet_weights()
    known = {name: x for name, x in made.items() if name.startswith(("classifier.1.", "classifier.4."))}
    monkeypatch.setattr(towers, "imagenet_weights", lambda fc: convolutions | known if fc else convolutions)
    world = load(replace(SCALE, width=4096))
    assert torch.equal(world.tower("seg").fc7[0].weight.flatten(1), known["classifier.4.weight"])
    assert {"features", "fc"} <= set(world.fingerprints())


def test_frames_are_enlarged_unless_the_scale_says_no():
    names = [load(replace(SCALE, crop=crop)).augment.__qualname__ for crop in (True, False)]
    assert names == ["compose(mirror, scale_crop, colour)", "compose(mirror, colour)"]


def test_a_cell_has_the_papers_metrics_and_those_after_post_processing(tmp_path):
    study = Study("tiny", "?", [ONE_TASK, CROSS_STITCH], {"medium": SCALE})
    cell = study.cell("cross-stitch", "medium", 0, tmp_path)
    assert set(cell["results"]) == {"seg", "normals"}
    normals = cell["results"]["normals"]
    assert {"mean", "median", "11.25", "22.5", "30", "manhattan mean", "manhattan 30"} <= set(normals)
    assert normals["manhattan mean"] != normals["mean"]
    assert set(cell["alphas"][""]["layers"]) == {"pool1", "pool2", "pool5", "fc6", "fc7"}
    assert len(cell["per_class"]["seg"]) == 40
