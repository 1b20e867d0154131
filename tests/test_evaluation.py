"""evaluate: over the whole set, and the network stays as it was."""

import pytest
from training_runs import TASKS, samples, stitched

from xstitch_lib.data.tensors import IGNORE
from xstitch_lib.evaluation import evaluate


def test_evaluation_is_over_the_whole_set_and_leaves_the_modes_alone():
    net, data = stitched(dropout=0.5), samples(50, missing=0.3)
    net.towers["a"].drop.eval()
    modes = [module.training for module in net.modules()]
    whole = evaluate(net, TASKS, data)
    assert evaluate(net, TASKS, data, batch_size=7) == whole
    assert [module.training for module in net.modules()] == modes
    labelled = data.tensors["a"] != IGNORE
    right = net.eval()(data.tensors["image"])["a"].argmax(1) == data.tensors["a"]
    assert whole["a"]["accuracy"] == pytest.approx(100 * right[labelled].float().mean().item())
