"""AlexNet as a fully convolutional network, for a score at every place: in full, and small enough for two cores."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

POOLS = ("pool1", "pool2", "pool5", "fc6", "fc7")
CONVS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of torchvision's weights, RGB in [0, 1]


def small_alexnet_fcn(outputs: int, stride: int = 8, width: int = 16) -> nn.Sequential:
    """AlexNet's layers at a size for two CPU cores: (B, 3, H, W) → scores (B, outputs, H / stride, W / stride).

    ====== ============== ========= ======
    layer  what           channels  stride
    ====== ============== ========= ======
    conv1  5×5            width     2
    pool1  2×2 maximum    width     4
    conv2  5×5            2·width   4
    pool2  2×2 maximum    2·width   8
    conv3  3×3            3·width   8
    conv4  3×3            3·width   8
    conv5  3×3            2·width   8
    pool5  3×3 maximum    2·width   8
    fc6    3×3            6·width   8
    fc7    1×1            6·width   8
    fc8    1×1, no ReLU   outputs   8
    ====== ============== ========= ======

    Args:
        outputs: channels of the scores, ``task.outputs``.
        stride: pixels from one score to the next, 8 or 4. At 4 pool2 looks at 3×3 values and keeps every one, so the
            layers after it see four times the places; to leave out conv1's stride instead would do that to all layers.
        width: channels of conv1.

    Score i stands for the pixels around stride·i + (stride - 1) / 2, half a pixel less in fact, so scores are made
    as large as the picture by bilinear interpolation with ``align_corners=False``. conv1 subtracts ½ from its pictures,
    with which they are learned much faster than without. Weights start He-normal, fc8's as
    AlexNet's do, Gaussian with a deviation of 0.01, so that the first loss is that of even odds; biases start at 0.

    Raises:
        ValueError: for another stride.

    >>> tower = small_alexnet_fcn(19)
    >>> tower(torch.zeros(2, 3, 48, 64)).shape
    torch.Size([2, 19, 6, 8])
    >>> sum([weights.numel() for weights in tower.parameters()])
    101459
    """
    if stride not in (4, 8):
        raise ValueError(f"small_alexnet_fcn has a stride of 8 or 4; got stride={stride}")
    tower = nn.Sequential(
        OrderedDict(
            **small_alexnet_convs(stride, width),
            fc6=_with_relu(nn.Conv2d(2 * width, 6 * width, 3, padding=1)),
            fc7=_with_relu(nn.Conv2d(6 * width, 6 * width, 1)),
            fc8=nn.Conv2d(6 * width, outputs, 1),
        )
    )
    return started(tower)


def small_alexnet_convs(stride: int, width: int) -> dict[str, nn.Module]:
    """conv1 to pool5 of `small_alexnet_fcn`."""
    return dict(
        conv1=_with_relu(_PictureConv(3, width, 5, stride=2, padding=2, mean=[0.5] * 3, std=[1.0] * 3)),
        pool1=nn.MaxPool2d(2),
        conv2=_with_relu(nn.Conv2d(width, 2 * width, 5, padding=2)),
        pool2=nn.MaxPool2d(2) if stride == 8 else nn.MaxPool2d(3, stride=1, padding=1),
        conv3=_with_relu(nn.Conv2d(2 * width, 3 * width, 3, padding=1)),
        conv4=_with_relu(nn.Conv2d(3 * width, 3 * width, 3, padding=1)),
        conv5=_with_relu(nn.Conv2d(3 * width, 2 * width, 3, padding=1)),
        pool5=nn.MaxPool2d(3, stride=1, padding=1),
    )


def alexnet_fcn(outputs: int, fc: int = 4096, dropout: float = 0.5) -> nn.Sequential:
    """AlexNet as FCN-32s: pictures (B, 3, H, W) in [0, 1] → scores (B, outputs, ⌈H / 32⌉, ⌈W / 32⌉).

    ====== ====================== ======== ======
    layer  what                   channels stride
    ====== ====================== ======== ======
    conv1  11×11                  64       4
    pool1  3×3 maximum            64       8
    conv2  5×5                    192      8
    pool2  3×3 maximum            192      16
    conv3  3×3                    384      16
    conv4  3×3                    256      16
    conv5  3×3                    256      16
    pool5  3×3 maximum            256      32
    fc6    6×6, then drop6        fc       32
    fc7    1×1, then drop7        fc       32
    fc8    1×1, no ReLU           outputs  32
    ====== ====================== ======== ======

    Args:
        outputs: channels of the scores, ``task.outputs``.
        fc: channels of fc6 and fc7; 512 makes a step about five times as fast on a CPU.
        dropout: share of values dropped after fc6 and fc7.

    These are torchvision's layer sizes. The paper's CaffeNet has 96, 256, 384, 384, 256 channels, two groups in conv2,
    conv4 and conv5, and LRN after pool1 and pool2. conv1 normalises its pictures with ImageNet's mean and deviation.
    Weights start as those of `small_alexnet_fcn`; `load_imagenet` gives conv1 to conv5
    ImageNet's, and fc6 and fc7 of 4096 channels too.

    Every layer is padded by half its size, so score i stands for the pixels around 32·i + 16, and bilinear
    interpolation with ``align_corners=False`` is FCN-32s' fixed deconvolution. That is exact for sides that are
    multiples of 32; other sides work, but their scores reach beyond the picture and are squeezed into it.

    >>> tower = alexnet_fcn(40, fc=64)
    >>> tower(torch.zeros(1, 3, 96, 128)).shape
    torch.Size([1, 40, 3, 4])

    Source: Long et al., "Fully convolutional networks for semantic segmentation", CVPR 2015; the sizes are those of
    Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014.
    """
    tower = nn.Sequential(
        OrderedDict(
            **alexnet_convs(),
            # what padding="same" does, without its warning about a copy
            fc6=nn.Sequential(nn.ZeroPad2d((2, 3, 2, 3)), *_with_relu(nn.Conv2d(256, fc, 6))),
            drop6=nn.Dropout(dropout),
            fc7=_with_relu(nn.Conv2d(fc, fc, 1)),
            drop7=nn.Dropout(dropout),
            fc8=nn.Conv2d(fc, outputs, 1),
        )
    )
    return started(tower)


def alexnet_convs() -> dict[str, nn.Module]:
    """conv1 to pool5 of `alexnet_fcn`."""
    return dict(
        conv1=_with_relu(_PictureConv(3, 64, 11, stride=4, padding=5, mean=IMAGENET_MEAN, std=IMAGENET_STD)),
        pool1=nn.MaxPool2d(3, stride=2, padding=1),
        conv2=_with_relu(nn.Conv2d(64, 192, 5, padding=2)),
        pool2=nn.MaxPool2d(3, stride=2, padding=1),
        conv3=_with_relu(nn.Conv2d(192, 384, 3, padding=1)),
        conv4=_with_relu(nn.Conv2d(384, 256, 3, padding=1)),
        conv5=_with_relu(nn.Conv2d(256, 256, 3, padding=1)),
        pool5=nn.MaxPool2d(3, stride=2, padding=1),
    )


class _PictureConv(nn.Conv2d):
    """A first convolution for pictures in [0, 1]: it subtracts ``mean`` and divides by ``std`` before.

    Here and not in the data: augmentation, evaluation and drawing want pictures in [0, 1].
    """

    def __init__(self, *args, mean: Sequence[float], std: Sequence[float], **kwargs):
        super().__init__(*args, **kwargs)
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        return super().forward((pictures - self.mean) / self.std)


def _with_relu(conv: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(conv, nn.ReLU(inplace=True))


def started(tower: nn.Module) -> nn.Module:
    """The tower, its convolutions and linear layers started He-normal, fc8 Gaussian with a deviation of 0.01."""
    for module in tower.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)
    nn.init.normal_(tower.fc8.weight, std=0.01)
    return tower
