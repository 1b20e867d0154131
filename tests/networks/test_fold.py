"""Folded networks answer as the stitched ones do, without units, also as ONNX."""

import pytest
import torch
from torch import nn

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


def test_a_folded_net_runs_as_onnx_with_the_same_answers(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net, x = joined(lambda n: small_alexnet_fcn(n, width=4), list(POOLS), (2, 3, 32, 48)), torch.rand(2, 3, 32, 48)
    torch.onnx.export(fold(net, x), (x,), tmp_path / "net.onnx", dynamo=True, verbose=False)
    session = runtime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    for found, expected in zip(session.run(None, {given.name: x.numpy()}), net.eval()(x).values(), strict=True):
        torch.testing.assert_close(torch.from_numpy(found), expected.detach(), rtol=1e-3, atol=1e-4)
