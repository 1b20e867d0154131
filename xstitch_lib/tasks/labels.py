"""Labels that are class numbers: what they must be, and what the classes are called."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

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


def integers(target: str, labels: Tensor, dims: int) -> Tensor:
    """The labels as long; a ValueError if they are not integers of ``dims`` dimensions."""
    if labels.ndim != dims or labels.dtype not in INTEGERS:
        found = f"{labels.dtype} of shape {tuple(labels.shape)}"
        raise ValueError(f"labels {target!r} must be integers of shape {SHAPES[dims]}; got {found}")
    return labels.long()


def check_range(name: str, target: str, labels: Tensor, classes: int) -> None:
    """A ValueError if a label is neither a class nor `IGNORE`."""
    wrong = labels[(labels != IGNORE) & ((labels < 0) | (labels >= classes))]
    if len(wrong):
        raise ValueError(
            f"task {name!r} needs labels {target!r} from 0 to {classes - 1}, or {IGNORE} where unknown; "
            f"got {len(wrong)} others, the first {wrong[0].item()}: renumber them or give the task more classes"
        )
