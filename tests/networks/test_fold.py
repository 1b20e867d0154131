"""Folded networks answer as the stitched ones do, without units, also as ONNX."""

import pytest
import torch
from torch import nn
from torchvision.models import segmentation
from torchvision.models.resnet import BasicBlock, ResNet

from xstitch_lib import cost
from xstitch_lib.networks import stitch
from xstitch_lib.networks.fold import fold
from xstitch_lib.networks.towers import POOLS, alexnet_fcn, fashion_cnn, small_alexnet_fcn
from xstitch_lib.unit_base import Unit

OUTPUTS = {"seg": 5, "normals": 3}


def joined(make, after, shape, **options):
    """With alphas as after training."""
    torch.manual_seed(0)
    net = stitch({task: make(outputs) for task, outputs in OUTPUTS.items()}, after, shape, **options)
    for alpha in net.units.parameters():
        nn.init.normal_(alpha, 0.5, 0.3)
    return net


def units(net):
    return [module for module in net.modules() if isinstance(module, Unit)]


@pytest.mark.parametrize("per", ["channel", "layer"])
@pytest.mark.parametrize(
    "make, after, shape",
    [
        (lambda n: small_alexnet_fcn(n, width=4), POOLS, (2, 3, 32, 48)),
        (lambda n: alexnet_fcn(n, fc=8), ("fc6", "fc7"), (1, 3, 64, 64)),  # dropout stands between
        (lambda n: fashion_cnn(n, width=4), ("pool1", "pool2", "fc3"), (2, 1, 28, 28)),  # a flattened map
    ],
)
def test_units_before_convolutions_and_linear_layers_are_gone_and_answers_stay(make, after, shape, per):
    net = joined(make, list(after), shape, per=per).train()
    before = {name: x.clone() for name, x in net.state_dict().items()}
    folded, x = fold(net, shape), torch.randn(shape)
    assert units(net) and not units(folded) and net.training
    torch.testing.assert_close(net.state_dict(), before)
    found = folded(x)
    for task, scores in net.eval()(x).items():
        torch.testing.assert_close(found[task], scores, rtol=1e-4, atol=1e-4)
    assert cost(folded, shape).alphas == 0


def test_a_unit_that_a_residual_sum_reads_stays_and_its_neighbour_goes():
    resnet = pytest.importorskip("torchvision.models.resnet")
    layers = ["layer1", "layer2.0", "layer3"]
    net = joined(lambda n: resnet.ResNet(resnet.BasicBlock, [1, 2, 1, 1], num_classes=n), layers, (1, 3, 64, 64))
    folded, x = fold(net, (1, 3, 64, 64)), torch.randn(1, 3, 64, 64)
    assert len(units(folded)) == 1  # layer2.1 adds its input to what it makes of it
    torch.testing.assert_close(folded(x), net.eval()(x), rtol=1e-4, atol=1e-4)


def test_a_folded_net_runs_as_onnx_with_the_same_answers_for_any_number_of_pictures(tmp_path):
    """As chapter "Stitch your own networks" writes it."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net = joined(
        lambda n: ResNet(BasicBlock, [1, 1, 1, 1], num_classes=n), ["layer1", "layer2", "layer3"], (2, 3, 28, 28)
    )
    folded = fold(net.eval(), (2, 3, 28, 28))
    assert not units(folded)
    onnx = {"output_names": list(OUTPUTS), "dynamic_shapes": ({0: "batch"},)}
    torch.onnx.export(folded, (torch.rand(4, 3, 28, 28),), tmp_path / "net.onnx", verbose=False, **onnx)
    session = runtime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    for x in (torch.rand(1, 3, 28, 28), torch.rand(7, 3, 28, 28)):
        found = dict(
            zip([one.name for one in session.get_outputs()], session.run(None, {given.name: x.numpy()}), strict=True)
        )
        for task, expected in net(x).items():
            torch.testing.assert_close(torch.from_numpy(found[task]), expected.detach(), rtol=1e-3, atol=1e-4)


def test_a_folded_net_returns_what_the_net_does_and_may_have_asked_its_example(tmp_path):
    def lraspp(outputs):
        return segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=outputs)

    for out in (None, "out"):
        net = joined(lraspp, ["backbone.4"], (1, 3, 32, 32), out=out).eval()
        x = torch.rand(1, 3, 32, 32)
        found, expected = fold(net, x)(x)["seg"], net(x)["seg"]
        parts = [y if isinstance(y, torch.Tensor) else y["out"] for y in (found, expected)]
        torch.testing.assert_close(*parts, rtol=1e-3, atol=1e-4)
        assert isinstance(found, torch.Tensor) == (out == "out")

    class Asking(nn.Sequential):
        def forward(self, x):
            return super().forward(x if x.ndim == 4 else x[None])

    net = joined(lambda n: Asking(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, n, 1)), ["1"], (2, 3, 8, 8))
    assert not units(fold(net, (2, 3, 8, 8)))
