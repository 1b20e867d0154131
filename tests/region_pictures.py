"""Small pictures with boxes, for tests of tasks on regions."""

import torch

from xstitch_lib.data import Ragged, TensorData

SIZE = (24, 32)


def random_boxes(n, generator, size=SIZE, smallest=3.0):
    height, width = size
    sides = torch.tensor([width, height, width, height], dtype=torch.float)
    ends = torch.rand(n, 2, 2, generator=generator).sort(1).values.flatten(1) * sides
    ends[:, 2:] = torch.maximum(ends[:, 2:], ends[:, :2] + smallest).minimum(sides[2:])
    ends[:, :2] = torch.minimum(ends[:, :2], ends[:, 2:] - smallest)
    return ends


def region_pictures(objects=(2, 0, 3, 1), proposals=(6, 4, 0, 9), classes=3, attributes=4, seed=0, unknown=0.0):
    """Pictures with so many objects and proposals each, as they are stored: the true boxes behind the proposals."""
    g = torch.Generator().manual_seed(seed)
    boxes = [random_boxes(n, g) for n in objects]
    regions = [torch.cat([random_boxes(n, g), true]) for n, true in zip(proposals, boxes, strict=True)]
    own = [torch.cat([torch.full((n,), -1), torch.arange(k)]) for n, k in zip(proposals, objects, strict=True)]
    answers = torch.randint(0, 2, (sum(objects), attributes), generator=g).float()
    answers[torch.rand(answers.shape, generator=g) < unknown] = torch.nan
    counts = torch.tensor(objects)
    return TensorData(
        {
            "image": torch.rand(len(objects), 3, *SIZE, generator=g),
            "regions": Ragged.of(regions),
            "object": Ragged.of(own),
            "boxes": Ragged.of(boxes),
            "labels": Ragged(torch.randint(0, classes, (sum(objects),), generator=g), counts),
            "attributes": Ragged(answers, counts),
        },
        inputs=("image", "regions"),
    )


def whole(data):
    """All samples as one batch."""
    return data[:]
