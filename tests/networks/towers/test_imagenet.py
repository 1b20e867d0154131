"""Where ImageNet's weights come from."""

from urllib.error import URLError

import pytest
import torch

from xstitch_lib.networks.towers import imagenet_weights
from xstitch_lib.networks.towers.imagenet import CONVS_ALONE, WHOLE

torchvision = pytest.importorskip("torchvision")
WHOLE_NETWORK = {f"{place}.bias": torch.rand(2) for place in ("features.0", "classifier.1", "classifier.6")}
CONVOLUTIONS = {"0.weight": torch.rand(2, 3)}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for data; there is no network."""

    def offline(weights):
        raise URLError("no network")

    (tmp_path / WHOLE).parent.mkdir()
    monkeypatch.setenv("XSTITCH_DATA", str(tmp_path))
    monkeypatch.setattr(torchvision.models, "alexnet", offline)
    return tmp_path


class Downloaded:
    def __init__(self, weights):
        self.weights = weights

    def state_dict(self):
        return WHOLE_NETWORK


def test_convolutions_of_ones_own_come_before_a_download(folder):
    torch.save(CONVOLUTIONS, folder / CONVS_ALONE)
    assert torch.equal(imagenet_weights()["features.0.weight"], CONVOLUTIONS["0.weight"])


def test_torchvisions_file_of_ones_own_has_the_fc_layers_too(folder):
    torch.save(WHOLE_NETWORK, folder / WHOLE)
    assert list(imagenet_weights()) == ["features.0.bias"]
    assert list(imagenet_weights(fc=True)) == ["features.0.bias", "classifier.1.bias"]  # not ImageNet's scores


def test_fc_layers_are_downloaded_where_only_convolutions_are_there(folder, monkeypatch):
    torch.save(CONVOLUTIONS, folder / CONVS_ALONE)
    assert list(imagenet_weights(fc=True)) == ["features.0.weight"]  # without a network they cannot be had
    monkeypatch.setattr(torchvision.models, "alexnet", Downloaded)
    assert list(imagenet_weights(fc=True)) == ["features.0.bias", "classifier.1.bias"]


def test_a_failed_download_tells_where_to_put_the_file(folder):
    with pytest.raises(RuntimeError, match=r"no network.*put its file as weights/alexnet-owt.*, or the state_dict"):
        imagenet_weights()


@pytest.mark.parametrize("name", [WHOLE, CONVS_ALONE])
@pytest.mark.parametrize("content", ["code", "cut off", "empty"])
def test_a_file_with_code_in_it_or_a_damaged_one_is_refused(folder, name, content):
    torch.save({"0.weight": print} if content == "code" else CONVOLUTIONS, folder / name)
    if content != "code":
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2] if content == "cut off" else b"")
    with pytest.raises(ValueError, match=rf"{name} is damaged or holds more than weights"):
        imagenet_weights()
