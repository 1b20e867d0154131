"""The table "which towers stitch as they are" of the chapter on networks of one's own is what happens."""

import json
import re
from pathlib import Path

import pytest
import torch
from test_libraries import bert, hugging_vit, seg, timm_vit
from torch import nn

from xstitch_lib.networks import stitch

models = pytest.importorskip("torchvision.models")
CHAPTER = Path(__file__).parents[2] / "book" / "17_stitch_your_own_networks.ipynb"
PICTURE = (1, 3, 64, 64)
NONE = {"weights": None, "weights_backbone": None, "num_classes": 3}
TOWERS = {
    "torchvision ResNet": models.resnet18,
    "torchvision MobileNetV3": models.mobilenet_v3_small,
    "torchvision Swin": lambda: models.SwinTransformer([4, 4], 24, [2, 2], [2, 2], [4, 4]),
    "torchvision LRASPP": lambda: models.segmentation.lraspp_mobilenet_v3_large(**NONE),
    "torchvision detection": lambda: models.detection.ssdlite320_mobilenet_v3_large(**NONE),
    "timm ViT": timm_vit,
    "segmentation-models FPN": lambda: seg("FPN"),
    "segmentation-models Unet": lambda: seg("Unet"),
    "Hugging Face ViT": hugging_vit,
    "Hugging Face BERT": bert,
    "compiled, scripted": lambda: torch.jit.trace(nn.Conv2d(3, 3, 1), torch.zeros(PICTURE)),
}
EXAMPLES = {"Hugging Face BERT": (torch.ones(1, 7, dtype=torch.long), torch.ones(1, 7, dtype=torch.long))}


def table():
    """tower → (layer, yes or no, with which options), as the page tells."""
    cells = [c for c in json.loads(CHAPTER.read_text())["cells"] if c["cell_type"] == "markdown"]
    rows = re.findall(r"^\| ([^|]+) \| `?([^`|]*?)`? \| (yes|no) \| ([^|]*)\|$", "\n".join(
        ["".join(c["source"]) for c in cells]), flags=re.M)  # fmt: skip
    return {tower: (layer.strip(), how, do) for tower, layer, how, do in rows}


def test_the_table_has_a_row_for_each_tower():
    assert set(table()) == set(TOWERS)


@pytest.mark.parametrize("name", TOWERS)
def test_a_row_says_what_happens(name):
    layer, how, do = table()[name]
    options = {"out": re.search(r'`out="(\w+)"`', do), "channel_dim": re.search(r"`channel_dim=(-\d)`", do)}
    options = {key: found[1] if key == "out" else int(found[1]) for key, found in options.items() if found}
    towers, example = {task: TOWERS[name]() for task in "ab"}, EXAMPLES.get(name, PICTURE)
    if how == "no":
        with pytest.raises(ValueError):
            stitch(towers, [layer], example)
        return
    inputs = example if name in EXAMPLES else (torch.randn(PICTURE),)
    net = stitch(towers, [layer], example, **options).eval()
    assert all([isinstance(y, torch.Tensor) for y in net(*inputs).values()])
    if "channel_dim" in options:  # without it the row's advice is given
        with pytest.raises(ValueError, match="channel_dim=-1"):
            stitch(towers, [layer], example)
