"""What ImageNet taught AlexNet's convolutions."""

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

FEATURES = {"conv1": 0, "conv2": 3, "conv3": 6, "conv4": 8, "conv5": 10}  # places in torchvision's alexnet().features
FILE = "weights/alexnet_features_imagenet.pth"


def imagenet_features() -> dict[str, Tensor]:
    """The trained weights of torchvision's ``alexnet().features``, for `load_features`.

    Where the folder that the variable XSTITCH_DATA names has ``weights/alexnet_features_imagenet.pth``, they are read
    from there; else torchvision downloads its AlexNet, 233 MB, once.

    Raises:
        RuntimeError: if there is no such file and the download fails.
    """
    path = Path(os.environ.get("XSTITCH_DATA", ""), FILE)
    if "XSTITCH_DATA" in os.environ and path.is_file():
        return torch.load(path, map_location="cpu", weights_only=True)
    from torchvision.models import AlexNet_Weights, alexnet

    try:
        return alexnet(weights=AlexNet_Weights.IMAGENET1K_V1).features.state_dict()
    except OSError as error:
        raise RuntimeError(
            f"could not download torchvision's AlexNet ({error}): put the state_dict of its features into {FILE}, in "
            "the folder that the variable XSTITCH_DATA names"
        ) from error


def load_features(tower: nn.Sequential, features: Mapping[str, Tensor]) -> None:
    """Copy ImageNet's weights into the five convolutions of an `alexnet_fcn`.

    Args:
        tower: changed in place; fc6 to fc8 stay as they are.
        features: "0.weight", "0.bias", … "10.bias", the ``state_dict`` of ``torchvision.models.alexnet().features``.

    Raises:
        ValueError: for a key that is missing or too many, or a shape that is not the tower's; nothing is copied then.

    >>> from torchvision.models import alexnet
    >>> from xstitch_lib.networks.towers import alexnet_fcn
    >>> tower = alexnet_fcn(40, fc=64)
    >>> load_features(tower, alexnet().features.state_dict())  # those of `imagenet_features` are trained
    """
    own = dict(tower.named_parameters())
    names = {f"{i}.{kind}": f"{layer}.0.{kind}" for layer, i in FEATURES.items() for kind in ("weight", "bias")}
    if wrong := sorted(names.keys() ^ features.keys()):
        raise ValueError(
            f"features must have exactly the keys {', '.join(names)}; these are missing or too many: "
            f"{', '.join(wrong[:4])}; give it the state_dict of torchvision's alexnet().features"
        )
    for key, name in names.items():
        expected = tuple(own[name].shape) if name in own else "nothing"
        if tuple(features[key].shape) != expected:
            found = tuple(features[key].shape)
            raise ValueError(
                f"features {key!r} is {found}, the tower's {name!r} {expected}: load them into alexnet_fcn"
            )
    with torch.no_grad():
        for key, name in names.items():
            own[name].copy_(features[key])
