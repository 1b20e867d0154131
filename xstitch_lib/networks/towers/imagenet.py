"""What ImageNet taught AlexNet."""

import os
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

# layer → its place in torchvision's alexnet()
CONVS = {f"conv{n}": f"features.{i}" for n, i in enumerate((0, 3, 6, 8, 10), start=1)}
FCS = {"fc6": "classifier.1", "fc7": "classifier.4"}
WHOLE = "weights/alexnet-owt-7be5be79.pth"  # the file that torchvision downloads
CONVS_ALONE = "weights/alexnet_features_imagenet.pth"  # the state_dict of its features


def imagenet_weights(fc: bool = False) -> dict[str, Tensor]:
    """Trained weights of torchvision's AlexNet under its own names, for `load_imagenet`.

    Args:
        fc: whether fc6 and fc7 are wanted beside the five convolutions. Where only the convolutions can be had, they
            come alone; fc6 and fc7 then start at random.

    They are read from ``weights/alexnet-owt-7be5be79.pth`` or, convolutions alone,
    ``weights/alexnet_features_imagenet.pth``, in the folder that the variable XSTITCH_DATA names; else torchvision
    downloads the former, 233 MB, once.

    Raises:
        RuntimeError: if there is no such file and the download fails.
        ValueError: if a file is damaged.
    """
    places = [*CONVS.values(), *(FCS.values() if fc else ())]
    if whole := _file(WHOLE):
        return _only(places, _read(whole))
    alone = _file(CONVS_ALONE)
    if alone and not fc:
        return {f"features.{name}": x for name, x in _read(alone).items()}
    from torchvision.models import AlexNet_Weights, alexnet

    try:
        return _only(places, alexnet(weights=AlexNet_Weights.IMAGENET1K_V1).state_dict())
    except OSError as error:
        if alone:
            return imagenet_weights()
        raise RuntimeError(
            f"could not download torchvision's AlexNet ({error}): put its file as {WHOLE}, or the state_dict of its "
            f"features as {CONVS_ALONE}, into the folder that the variable XSTITCH_DATA names"
        ) from error


def load_imagenet(tower: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy ImageNet's weights into the five convolutions of an AlexNet, and into fc6 and fc7 if there are any.

    Args:
        tower: an `alexnet_fcn` or `alexnet_fast_rcnn`, changed in place; fc8 stays as it is.
        weights: "features.0.weight", "features.0.bias", … "features.10.bias" and perhaps "classifier.1.weight" … of
            ``torchvision.models.alexnet()``. A row of its first linear layer becomes a 6×6 filter of fc6.

    Raises:
        ValueError: for a key that is missing or too many, or a shape that is not the tower's; nothing is copied then.

    >>> from torchvision.models import alexnet
    >>> from xstitch_lib.networks.towers import alexnet_fcn
    >>> tower = alexnet_fcn(40, fc=64)
    >>> untrained = {name: x for name, x in alexnet().state_dict().items() if name.startswith("features.")}
    >>> load_imagenet(tower, untrained)  # those of `imagenet_weights` are trained
    """
    own = dict(tower.named_parameters())
    layers = CONVS | (FCS if any([key.startswith("classifier.") for key in weights]) else {})
    names = {
        f"{place}.{kind}": f"{layer}.{1 if layer == 'fc6' else 0}.{kind}"  # fc6 pads or flattens first
        for layer, place in layers.items()
        for kind in ("weight", "bias")
    }
    if wrong := sorted(names.keys() ^ weights.keys()):
        raise ValueError(
            f"weights must have exactly the keys {', '.join(names)}; these are missing or too many: "
            f"{', '.join(wrong[:4])}; give it what imagenet_weights() returns"
        )
    filters = {key: _shaped(x, own.get(names[key])) for key, x in weights.items()}
    for key, name in names.items():
        expected = tuple(own[name].shape) if name in own else "nothing"
        if tuple(filters[key].shape) != expected:
            found = tuple(weights[key].shape)
            raise ValueError(f"weights {key!r} is {found}, the tower's {name!r} {expected}: load them into alexnet_fcn")
    with torch.no_grad():
        for key, name in names.items():
            own[name].copy_(filters[key])


def _shaped(x: Tensor, like: Tensor | None) -> Tensor:
    """A linear layer on a flattened map, or on a vector, is a convolution of that size."""
    fits = like is not None and x.ndim == 2 and (len(x), x.numel()) == (len(like), like.numel())
    return x.view_as(like) if fits else x


def _file(name: str) -> Path | None:
    folder = os.environ.get("XSTITCH_DATA")
    return path if folder and (path := Path(folder, name)).is_file() else None


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is damaged or holds more than weights ({error}): fetch it again") from error


def _only(places: list[str], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: x for name, x in weights.items() if name.rpartition(".")[0] in places}
