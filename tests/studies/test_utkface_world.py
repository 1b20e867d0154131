"""UTKFace as a study's world, on a few drawn pictures; age as a class and in years."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from xstitch_lib.studies import STUDIES, Study, UTKScale

TINY = UTKScale(width=2, steps=(3, 2), snapshots=2, batch_size=16, seeds=(0, 1), channels_last=False)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """120 grey squares: the older, the brighter."""
    (tmp_path / "utkface").mkdir()
    for number in range(120):
        age = 1 + number % 80
        grey = np.full((64, 64, 3), 2 * age, np.uint8)
        Image.fromarray(grey).save(tmp_path / "utkface" / f"{age}_{number % 2}_0_{number}.jpg.chip.jpg", "JPEG")
    monkeypatch.setenv("XSTITCH_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "metrics"),
    [("utkface", {"gender": {"accuracy"}, "age": {"accuracy"}}),
     ("utkface_years", {"gender": {"accuracy"}, "years": {"MAE", "RMSE"}})],
)  # fmt: skip
def test_all_arms_run_and_are_measured_in_their_own_unit(name, metrics, folder):
    scale = replace(TINY, years=name == "utkface_years")
    study = Study("tiny_utk", "?", STUDIES[name].arms, {"small": scale}, metrics=STUDIES[name].metrics)
    for arm in study.names("small"):
        cell = study.cell(arm, "small", 0, folder / "runs")
        assert cell["status"] == "done"
        assert {task: set(row) for task, row in cell["results"].items()} == metrics
        assert set(study.metrics) == set(metrics)
    if scale.years:
        assert cell["quantities"]["years"]["MAE"]["unit"] == "years"
        assert 5 < cell["results"]["years"]["MAE"] < 80
