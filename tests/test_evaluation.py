"""evaluate: over the whole set, and the network stays as it was."""

import pytest
import torch
from training_runs import TASKS, samples, stitched

from xstitch_lib.data.tensors import IGNORE, TensorData
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


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image": None}, r"evaluate needs samples with an \"image\"; got 40 samples with \['a', 'b'\]"),
        ({"b": None}, r"task 'b' needs the labels 'b'; got a data set with \['image', 'a'\]"),
        (
            {"a": torch.zeros(40, 1, dtype=torch.long)},
            r"labels 'a' must be integers .*; got torch.int64 of shape \(40, 1\)",
        ),
        ({"a": torch.full((40,), 0.9)}, r"labels 'a' must be integers .*; got torch.float32"),
        ({"b": torch.arange(40)}, "labels 'b' from 0 to 1, or -1 where unknown; got 38 others, the first 2"),
    ],
)
def test_data_that_do_not_fit_are_named(changes, words):
    tensors = {name: tensor for name, tensor in {**samples().tensors, **changes}.items() if tensor is not None}
    with pytest.raises(ValueError, match=words):
        evaluate(stitched(), TASKS, TensorData(tensors))


def test_a_plain_dict_is_refused():
    with pytest.raises(ValueError, match="evaluate needs its samples as a TensorData; got a dict"):
        evaluate(stitched(), TASKS, samples().tensors)
