"""Fast R-CNN on AlexNet, the paper's network for detection and attributes: in full, and small enough for two cores."""

from collections.abc import Sequence

from torch import Tensor, nn

from xstitch_lib.data.ragged import Ragged
from xstitch_lib.networks.towers.alexnet import alexnet_convs, small_alexnet_convs, started
from xstitch_lib.networks.towers.regions import RegionAlign, RegionPool


class FastRCNN(nn.Module):
    """Convolutions on the picture, then linear layers on each of its regions; made by the two functions here.

    Shape:
        pictures (B, 3, H, W) in [0, 1] and a `Ragged` (or a list) of their regions (R_b, 4) → (R, outputs), the rows of
        the first picture's regions, then of the second's; a picture may have none.

    Source: Girshick, "Fast R-CNN", ICCV 2015; the paper's section 6.1.
    """

    def __init__(self, **layers: nn.Module):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, image: Tensor, regions: Ragged | Sequence[Tensor]) -> Tensor:
        x = image
        for name, layer in self.named_children():
            x = layer(x, regions) if name == "roi" else layer(x)
        return x


def small_fast_rcnn(outputs: int, scores: int | None = None, width: int = 16, size: int = 4) -> FastRCNN:
    """Fast R-CNN for two CPU cores and small pictures: the convolutions of `small_alexnet_fcn` at stride 4.

    ====== =============================== ============== ======
    layer  what                            values         stride
    ====== =============================== ============== ======
    conv1  5×5                             width          2
    pool1  2×2 maximum                     width          4
    conv2  5×5                             2·width        4
    pool2  3×3 maximum, every place        2·width        4
    conv3  3×3                             3·width        4
    conv4  3×3                             3·width        4
    conv5  3×3                             2·width        4
    pool5  3×3 maximum, every place        2·width        4
    roi    size×size, `RegionAlign`        2·width·size²
    fc6    linear                          6·width
    fc7    linear                          6·width
    fc8    linear, no ReLU                 outputs
    ====== =============================== ============== ======

    Args:
        outputs: ``task.outputs``.
        scores: how many of them, the first ones, are scores; the rest are boxes, whose weights start ten times smaller.
        width: channels of conv1.
        size: of the map that is pooled for a region.

    >>> import torch
    >>> tower = small_fast_rcnn(85, scores=17)
    >>> tower(torch.zeros(2, 3, 48, 64), [torch.tensor([[8.0, 8.0, 32.0, 40.0]]), torch.zeros(0, 4)]).shape
    torch.Size([1, 85])
    """
    layers = small_alexnet_convs(stride=4, width=width) | {"roi": RegionAlign(size, stride=4)}
    return _with_head(layers, 2 * width * size**2, 6 * width, outputs, scores)


def alexnet_fast_rcnn(outputs: int, scores: int | None = None, fc: int = 4096, dropout: float = 0.5) -> FastRCNN:
    """Fast R-CNN on AlexNet's convolutions; layers as of `alexnet_fcn`, but these.

    ====== =============================== ========= ======
    layer  what                            values    stride
    ====== =============================== ========= ======
    pool5  3×3 maximum, every place        256       16
    roi    6×6, `RegionPool`               9216
    fc6    linear, then drop6              fc
    fc7    linear, then drop7              fc
    fc8    linear, no ReLU                 outputs
    ====== =============================== ========= ======

    Args:
        outputs, scores: as of `small_fast_rcnn`.
        fc: values of fc6 and fc7; 512 fits two CPU cores.
        dropout: share of values dropped after fc6 and fc7.

    Fast R-CNN pools regions in place of pool5. There the paper has a unit, and a unit wants one map for all regions; so
    pool5 stays, and keeps every place. `load_imagenet` gives the convolutions ImageNet's weights, and fc6 and fc7 of
    4096 values too. Needs torchvision.

    >>> alexnet_fast_rcnn(105, scores=21, fc=64).fc6[1].in_features
    9216
    """
    layers = alexnet_convs() | {"roi": RegionPool(6, stride=16)}
    layers["pool5"] = nn.MaxPool2d(3, stride=1, padding=1)
    return _with_head(layers, 256 * 6**2, fc, outputs, scores, dropout)


def _with_head(
    layers: dict[str, nn.Module], values: int, fc: int, outputs: int, scores: int | None, dropout: float | None = None
) -> FastRCNN:
    drop = {} if dropout is None else {n: {f"drop{n}": nn.Dropout(dropout)} for n in (6, 7)}
    layers |= {"fc6": nn.Sequential(nn.Flatten(), nn.Linear(values, fc), nn.ReLU(inplace=True))} | drop.get(6, {})
    layers |= {"fc7": nn.Sequential(nn.Linear(fc, fc), nn.ReLU(inplace=True))} | drop.get(7, {})
    tower = started(FastRCNN(**layers, fc8=nn.Linear(fc, outputs)))
    if scores is not None:
        nn.init.normal_(tower.fc8.weight[scores:], std=0.001)
    return tower
