"""Labels that are class numbers: what they must be, and what the classes are called."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from xstitch_lib.data.tensors import IGNORE

INTEGERS = (torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.int8, torch.int16, torch.int32, torch.int64)
SHAPES = {1: "(B,), one a sample", 3: "(B, H, W), one a pixel"}


def class_names(target: str, classes: int, names: Sequence[str] | None) -> tuple[str, ...]:
    """One name a class; their numbers if there are none.

    Raises:
        ValueError: for fewer than two classes, or names that are not as many different ones.
    """
    if classes < 2:
        raise ValueError(f"classification of {target!r} needs at least 2 classes; got {classes}")
    names = tuple([str(number) for number in range(classes)] if names is None else names)
    if len(set(names)) != classes or len(names) != classes:
        raise ValueError(
            f"{target!r} has {classes} classes, so it needs as many different names; got {len(names)}, "
            f"{len(set(names))} of them different: name each class once, or give no names"
        )
    return names


def required(name: str, target: str, tensors: Mapping[str, Tensor]) -> Tensor:
    """The labels called ``target`` of the task called ``name``; a ValueError if a data set lacks them."""
    if target not in tensors:
        raise ValueError(
            f"task {name!r} needs the labels {target!r}; got a data set with {list(tensors)}: add them to it, "
            "or name one of these as the task's target"
        )
    return tensors[target]


def integers(target: str, labels: Tensor, dims: int, ignore: int = IGNORE) -> Tensor:
    """The labels as long, `IGNORE` where they are ``ignore``; a ValueError if not integers of ``dims`` dimensions."""
    if labels.ndim != dims or labels.dtype not in INTEGERS:
        found = f"{labels.dtype} of shape {tuple(labels.shape)}"
        fix = f": put {IGNORE} where a class is unknown, then .long()" if labels.is_floating_point() else ""
        raise ValueError(f"labels {target!r} must be integers of shape {SHAPES[dims]}; got {found}{fix}")
    labels = labels.long()
    return labels if ignore == IGNORE else labels.masked_fill(labels == ignore, IGNORE)


def class_weights(target: str, classes: int, weights: Sequence[float] | None) -> tuple[float, ...] | None:
    """One weight a class; a ValueError if they are not as many, or one is negative or not finite, or all are 0."""
    if weights is None:
        return None
    weights = tuple([float(weight) for weight in weights])
    if len(weights) != classes or not all([0 <= weight < math.inf for weight in weights]) or not any(weights):
        raise ValueError(
            f"{target!r} has {classes} classes, so weights are as many numbers from 0, not all 0; got {list(weights)}"
        )
    return weights


def weighted_cross_entropy(scores: Tensor, labels: Tensor, weights: Sequence[float] | None) -> tuple[Tensor, Tensor]:
    """Cross-entropy of scores (N, K), summed over the known labels (N,), and their number or their weights' sum."""
    if weights is None:
        return F.cross_entropy(scores, labels, ignore_index=IGNORE, reduction="sum"), (labels != IGNORE).sum()
    own = torch.tensor(weights, dtype=scores.dtype, device=scores.device)
    total = F.cross_entropy(scores, labels, own, ignore_index=IGNORE, reduction="sum")
    return total, (own[labels.clamp(min=0)] * (labels != IGNORE)).sum()


def check_range(name: str, target: str, labels: Tensor, classes: int, kind: torch.dtype = torch.long) -> None:
    """A ValueError if a label is neither a class nor `IGNORE`; ``kind`` is the dtype they were given in."""
    wrong = labels[(labels != IGNORE) & ((labels < 0) | (labels >= classes))]
    if not kind.is_signed and (wrong == (most := torch.iinfo(kind).max)).any():
        raise ValueError(
            f"task {name!r} needs labels {target!r} from 0 to {classes - 1}; got {int((wrong == most).sum())} that are "
            f"{most}, which "
            f"in {kind} is also what {IGNORE} becomes: if they stand for unknown say ignore_index={most}, or make them "
            f"signed first, labels = labels.long(); labels[labels == {most}] = {IGNORE}"
        )
    if len(wrong):
        raise ValueError(
            f"task {name!r} needs labels {target!r} from 0 to {classes - 1}, or {IGNORE} where unknown; "
            f"got {len(wrong)} others, the first {wrong[0].item()}: renumber them or give the task more classes"
        )
