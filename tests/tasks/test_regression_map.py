"""Numbers for pixels: losses in spreads, errors and ratios over a data set, unknown pixels."""

import math

import pytest
import torch

from xstitch_lib.tasks import RegressionMap

NAN = math.nan
TASK = RegressionMap("depth", "m", "L1", centre=2.0, spread=2.0, ratios=True)
OUTPUT = torch.tensor([[[[0.0, 1.0], [-0.5, -1.5]]]])  # 2, 4, 1 and -1 metres
BATCH = {"depth": torch.tensor([[[2.2, 2.0], [NAN, 3.0]]]), "image": torch.zeros(1, 3, 2, 2)}


@pytest.mark.parametrize(("loss", "total"), [("L1", 0.1 + 1 + 2), ("L2", 0.01 + 1 + 4), ("Huber", 0.005 + 0.5 + 1.5)])
def test_the_loss_is_summed_over_known_pixels_in_spreads(loss, total):
    output = OUTPUT.clone().requires_grad_()
    task = RegressionMap("depth", loss=loss, centre=2.0, spread=2.0)
    found, count = task.losses(output, BATCH)["loss"]
    found.backward()
    assert found.item() == pytest.approx(total) and count == 3
    assert output.grad[0, 0, 1, 0] == 0 and output.grad.isfinite().all()


def test_errors_and_ratios_are_over_all_known_pixels():
    metric = TASK.metric()
    for _ in range(2):
        metric.update(OUTPUT, BATCH)
    expected = {"MAE": (0.2 + 2 + 4) / 3, "RMSE": math.sqrt((0.04 + 4 + 16) / 3), "δ1": 100 / 3, "δ2": 100 / 3}
    assert metric.compute() == pytest.approx(expected | {"δ3": 100 / 3}, rel=1e-5)
    assert set(TASK.quantities) == set(metric.compute())
    assert all([math.isnan(value) for value in TASK.metric().compute().values()])


def test_outputs_are_brought_to_the_labels_size():
    coarse = torch.zeros(1, 1, 1, 1)
    assert TASK.losses(coarse, BATCH)["loss"][1] == 3
    assert TASK.predict(coarse, BATCH).shape == (1, 2, 2) and TASK.draw(TASK.predict(coarse)).shape == (1, 1, 1, 3)


def test_misfits_are_named():
    with pytest.raises(ValueError, match="above 0, or NaN where unknown, for ratios; got 1 others"):
        TASK.check("a", BATCH | {"depth": torch.tensor([[[0.0, 2.0], [NAN, 3.0]]])})
    with pytest.raises(ValueError, match=r"must be floating-point numbers \(B, H, W\), one a pixel"):
        TASK.check("a", BATCH | {"depth": torch.zeros(2)})
    with pytest.raises(ValueError, match=r"'depth' needs an output of shape \(1, 1, h, w\); got \(1, 2, 2, 2\)"):
        TASK.losses(torch.zeros(1, 2, 2, 2), BATCH)
