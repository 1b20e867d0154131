"""Detection and attributes: what its worlds have in common, whatever the pictures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from xstitch_lib.data import Ragged, TensorData
from xstitch_lib.networks.towers import FastRCNN
from xstitch_lib.studies.worlds.world import World
from xstitch_lib.tasks import Attributes, Detection
from xstitch_lib.training.augment import colour, compose, mirror
from xstitch_lib.training.sampling import sample_regions


@dataclass(frozen=True, kw_only=True)
class OfObjects:
    """What the scales of these worlds have beside all others.

    Attributes:
        proposals: at most so many a picture, in training and in the table.
        regions: of a picture that a step looks at.
        foreground: at most so large a share of them stands for objects.
        attribute_loss: the attributes' loss is multiplied by it.
        labelled: share of the training pictures whose objects keep their attributes.
    """

    proposals: int
    regions: int = 64
    foreground: float = 0.25
    attribute_loss: float
    labelled: float = 1.0


def objects_world(
    scale: OfObjects,
    splits: Mapping[str, TensorData],
    classes: Sequence[str],
    attributes: Sequence[str],
    tower: Callable[..., FastRCNN],
    told: Sequence[str] | None = None,
    at_once: int = 32,
) -> World:
    """The world of pictures with regions.

    Args:
        scale: see `OfObjects`.
        splits: "train", "validation" and "table".
        classes, attributes: their names, in the order of labels and columns.
        tower: of the number of outputs and, ``scores=``, how many of these are scores.
        told: the classes whose mean is the table's; None, all that have boxes.
        at_once: see `World`.
    """
    tasks = {
        "detection": Detection(len(classes), classes, told=told),
        "attributes": Attributes(len(attributes), attributes, loss_scale=scale.attribute_loss),
    }
    return World(
        train=_partly_labelled(splits["train"], scale.labelled),
        validation=splits["validation"],
        table=splits["table"],
        tasks=tasks,
        tower=lambda task: tower(tasks[task].outputs, scores=getattr(tasks[task], "scores", None)),
        augment=compose(mirror, colour, sample_regions(scale.regions, scale.foreground)),
        at_once=at_once,
    )


def _partly_labelled(data: TensorData, share: float) -> TensorData:
    attributes = data.tensors["attributes"]
    unknown = (attributes.sample >= round(share * len(data)))[:, None]
    kept = attributes.values.masked_fill(unknown, torch.nan)
    return data.with_tensors({**data.tensors, "attributes": Ragged(kept, attributes.counts)})
