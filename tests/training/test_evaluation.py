"""evaluate: over the whole set, and the network stays as it was."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from training_runs import TASKS, samples, stitched, train

from xstitch_lib.data.tensors import IGNORE, TensorData
from xstitch_lib.networks import split
from xstitch_lib.tasks import Classification, SemanticSegmentation, SurfaceNormals
from xstitch_lib.training.evaluation import count, evaluate, predict
from xstitch_lib.training.fit import fit


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


def test_what_was_counted_tells_each_class_too():
    net, data = stitched(), samples(50, missing=0.3)
    metrics = count(net, TASKS, data)
    assert {name: metric.compute() for name, metric in metrics.items()} == evaluate(net, TASKS, data)
    counts = [row["samples"] for row in metrics["a"].per_class().values()]
    assert counts == [(data.tensors["a"] == number).sum() for number in range(3)]


def test_predictions_are_those_that_are_counted():
    net, data = stitched(dropout=0.5), samples(50, missing=0.3)
    answers = predict(net, TASKS, data, batch_size=7)
    labelled = data.tensors["a"] != IGNORE
    right = (answers["a"] == data.tensors["a"])[labelled].float().mean()
    assert evaluate(net, TASKS, data)["a"]["accuracy"] == pytest.approx(100 * right.item())
    assert answers["b"].shape == (50,) and net.training
    unlabelled = predict(net, TASKS, TensorData({"image": data.tensors["image"]}))
    assert torch.equal(unlabelled["b"], answers["b"])


def slopes(n=60):
    """Pictures whose colour tells the direction of a slope, and whose brightness tells a class."""
    g = torch.Generator().manual_seed(0)
    normals = torch.randn(n, 3, 2, 3, generator=g)
    normals = F.normalize(normals, dim=1).repeat_interleave(4, 2).repeat_interleave(4, 3)
    seg = torch.randint(2, (n, 2, 3), generator=g).repeat_interleave(4, 1).repeat_interleave(4, 2)
    image = torch.cat([normals, seg[:, None]], dim=1)
    seg[: n // 2], normals[n // 3 :, :, :4] = IGNORE, 0
    return TensorData({"image": image, "seg": seg, "normals": normals})


def test_tasks_on_pixels_are_trained_and_evaluated_like_any_other():
    torch.manual_seed(0)
    data = slopes()
    tasks = {
        "seg": SemanticSegmentation("seg", 2, loss_stride=2),
        "sn": SurfaceNormals.from_data(data, codewords=8, loss_stride=2),
    }

    def tower(task):
        layers = nn.Conv2d(4, 16, 4, stride=4), nn.ReLU(), nn.Conv2d(16, 16, 1), nn.ReLU()
        return nn.Sequential(*layers, nn.Conv2d(16, tasks[task].outputs, 1))

    net = split(tower, tasks, at="2")
    before = evaluate(net, tasks, data)
    train(net, data, tasks=tasks, steps=300, lr=0.3)
    after = evaluate(net, tasks, data)
    assert after["seg"]["mIU"] > 80 > before["seg"]["mIU"]
    assert after["sn"]["mean"] < 40 < before["sn"]["mean"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image": None}, r"evaluate needs samples with \"image\"; got 40 samples with \['a', 'b'\]"),
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
    with pytest.raises(ValueError, match=r"evaluate needs its samples as a TensorData, .* got a dict"):
        evaluate(stitched(), TASKS, samples().tensors)


@pytest.mark.parametrize("use", [fit, evaluate])
def test_outputs_that_are_no_tensors_are_named_with_what_chooses(use):
    class Parts(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x):
            return {"seg": {"out": self.layer(x), "aux": x}}

    data = TensorData({"image": torch.randn(8, 4), "y": torch.arange(8) % 2})
    options = {"steps": 1, "lr": 0.1} if use is fit else {}
    told = r"task 'seg' needs a tensor; .* a dict with \['out', 'aux'\]: choose .*out=.out."
    with pytest.raises(ValueError, match=told):
        use(Parts(), {"seg": Classification("y", 2)}, data, **options)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (torch.zeros(16, 3, 16, 16, dtype=torch.uint8), r"are torch.uint8, .* x.float\(\) / 255"),
        (torch.rand(16, 3, 16, 16).double(), r"are torch.float64, the weights torch.float32: .* x.to\("),
        (torch.rand(16, 16, 16, 3), r"look like \(B, H, W, C\), .* x.permute\(0, 3, 1, 2\)"),
        (torch.rand(16, 3, 16, 16).index_fill(0, torch.tensor([3]), torch.nan), r"NaN .* in 1 of 16 .* at place 3 "),
    ],
)
@pytest.mark.parametrize("use", [fit, evaluate])
def test_inputs_that_do_not_fit_are_named_with_the_fix(image, told, use):
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    data = TensorData({"image": image, "y": torch.arange(16) % 2})
    with pytest.raises(ValueError, match=told):
        use(net, {"a": Classification("y", 2)}, data, **({"steps": 1, "lr": 0.1} if use is fit else {}))


def test_an_input_that_turns_out_not_to_be_finite_is_blamed_and_not_the_rate():
    rows = [{"image": torch.full((4,), float("nan") if i == 30 else 1.0), "y": i % 2} for i in range(40)]
    with pytest.raises(ValueError, match=r'train needs finite inputs; "image" has NaN .* in 1 of 8 samples'):
        fit(nn.Linear(4, 2), {"a": Classification("y", 2)}, DataLoader(rows, 8), steps=5, lr=0.1, batch_size=8)
    data = TensorData({"image": torch.ones(8, 4), "y": torch.arange(8) % 2})
    options = {"steps": 5, "lr": 0.1, "augment": lambda batch: batch | {"image": batch["image"] / 0}}
    with pytest.raises(ValueError, match=r'step 1 needs finite inputs; "image" has NaN .* in 8 of 8 samples'):
        fit(nn.Linear(4, 2), {"a": Classification("y", 2)}, data, **options)
