"""Where ImageNet's weights come from."""

import pickle
from urllib.error import URLError

import pytest
import torch

from xstitch_lib.networks.towers import imagenet_features
from xstitch_lib.networks.towers.imagenet import FILE

torchvision = pytest.importorskip("torchvision")


def test_a_file_of_ones_own_comes_before_a_download(tmp_path, monkeypatch):
    weights = {"0.weight": torch.randn(2, 3)}
    (tmp_path / FILE).parent.mkdir()
    torch.save(weights, tmp_path / FILE)
    monkeypatch.setenv("XSTITCH_DATA", str(tmp_path))
    assert torch.equal(imagenet_features()["0.weight"], weights["0.weight"])


def test_a_failed_download_tells_where_to_put_the_file(tmp_path, monkeypatch):
    def offline(weights):
        raise URLError("no network")

    monkeypatch.setenv("XSTITCH_DATA", str(tmp_path))
    monkeypatch.setattr(torchvision.models, "alexnet", offline)
    with pytest.raises(RuntimeError, match=r"no network.*put the state_dict of its features into weights/"):
        imagenet_features()


def test_a_file_with_code_in_it_is_refused(tmp_path, monkeypatch):
    (tmp_path / FILE).parent.mkdir()
    torch.save({"0.weight": print}, tmp_path / FILE)
    monkeypatch.setenv("XSTITCH_DATA", str(tmp_path))
    with pytest.raises(pickle.UnpicklingError, match=r"Weights only load failed"):
        imagenet_features()
