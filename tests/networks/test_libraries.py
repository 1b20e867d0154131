"""Networks of timm, segmentation-models, transformers and loralib, with random weights: stitched as they are."""

import copy
import pickle

import pytest
import torch
from torch import nn

from xstitch_lib.data import TensorData
from xstitch_lib.networks import split, stitch
from xstitch_lib.tasks import Classification
from xstitch_lib.training.fit import fit

timm = pytest.importorskip("timm")
smp = pytest.importorskip("segmentation_models_pytorch")
transformers = pytest.importorskip("transformers")
lora = pytest.importorskip("loralib")

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
PICTURES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
WORDS = torch.randint(50, (2, 7), generator=torch.Generator().manual_seed(0))
MASK = (WORDS > 5).long()


def seg(kind):
    few = {"encoder_depth": 3, "decoder_channels": (16, 16, 16)} if kind == "Unet" else {}
    return getattr(smp, kind)("resnet18", encoder_weights=None, **few)


def timm_vit():
    options = {"img_size": 64, "depth": 2, "embed_dim": 32, "num_heads": 2, "num_classes": 5}
    return timm.create_model("vit_tiny_patch16_224", dynamic_img_size=True, **options)


def hugging_vit():
    return transformers.ViTForImageClassification(transformers.ViTConfig(image_size=64, patch_size=16, **SMALL))


def bert():
    config = transformers.BertConfig(vocab_size=50, max_position_embeddings=16, **SMALL)
    return transformers.BertForSequenceClassification(config)


ASKING = {  # their own code asks for sizes and kinds
    "smp.FPN": (lambda: seg("FPN"), ["decoder.p4", "decoder.seg_blocks.0"], (PICTURES,)),
    "smp.Unet": (lambda: seg("Unet"), ["decoder.blocks.1"], (PICTURES,)),
    "timm ViT": (timm_vit, ["patch_embed.proj", "blocks.0"], (PICTURES,)),
    "Hugging Face ViT": (hugging_vit, ["vit.layers.0"], (PICTURES,)),
    "BERT": (bert, ["bert.encoder.layer.0"], (WORDS, MASK)),
}


def leaves(output):
    return torch.utils._pytree.tree_leaves(output)


@pytest.mark.parametrize("name", ASKING)
@torch.no_grad()
def test_what_asks_for_sizes_and_kinds_is_stitched_and_agrees_at_identity(name):
    make, after, inputs = ASKING[name]
    towers = {"a": make(), "b": make()}
    net = stitch(towers, after, tuple([x[:1] for x in inputs]), per="layer", alpha_same=1.0).eval()
    for used in (net, pickle.loads(pickle.dumps(copy.deepcopy(net)))):
        for task, output in used(*inputs).items():
            expected = towers[task](*inputs)
            assert type(output) is type(expected)
            torch.testing.assert_close(leaves(output), leaves(expected))


@torch.no_grad()
def test_an_input_that_breaks_an_answer_is_refused_with_the_question():
    net = stitch({"a": seg("FPN"), "b": seg("FPN")}, ["decoder.p4"], PICTURES[:1]).eval()
    net(torch.zeros(3, 3, 32, 96))
    with pytest.raises(
        ValueError, match=r"a tower, FPN, asks .* at model.py:\d+: if h % output_stride .* False .* True"
    ):
        net(torch.zeros(1, 3, 48, 64))


@torch.no_grad()
def test_a_split_of_such_a_network_is_given_an_example():
    net = split(lambda task: timm_vit(), ["a", "b"], at="blocks.1", example=PICTURES[:1]).eval()
    torch.testing.assert_close(net(PICTURES)["b"], net.towers["b"](PICTURES))


@pytest.mark.parametrize("watched", [False, True])
def test_low_rank_layers_go_on_learning_after_they_were_merged_to_be_evaluated(watched):
    def tower(outputs):
        net = nn.Sequential(nn.Sequential(lora.Linear(4, 8, r=2), nn.ReLU()), nn.Linear(8, outputs))
        lora.mark_only_lora_as_trainable(net)
        return net

    data = TensorData({"image": torch.randn(32, 4), "a": torch.arange(32) % 4, "b": torch.arange(32) % 3})
    tasks = {"a": Classification("a", 4), "b": Classification("b", 3)}
    net = stitch({"a": tower(4), "b": tower(3)}, ["0"], (1, 4))
    before = net.towers["a"][0][0].lora_B.clone()
    fit(net, tasks, data, steps=5, lr=0.05, batch_size=16, validation=data if watched else None, snapshots=5)
    assert (net.towers["a"][0][0].lora_B - before).abs().max() > 1e-3
