"""Which class was taken for which."""

import torch
from torch import Tensor

from xstitch_lib.data.tensors import IGNORE


class Confusion:
    """How often each class was predicted for each label; `IGNORE` labels do not count.

    Attributes:
        counts: (K, K) whole numbers; ``counts[i, j]`` labels i were predicted as j.

    >>> confusion = Confusion(classes=2)
    >>> confusion.add(labels=torch.tensor([0, 0, 1, -1]), predicted=torch.tensor([0, 1, 1, 1]))
    >>> confusion.counts
    tensor([[1, 1],
            [0, 1]])
    >>> confusion.labels, confusion.right, confusion.union
    (tensor([2, 1]), tensor([1, 1]), tensor([2, 2]))
    """

    def __init__(self, classes: int):
        self.counts = torch.zeros(classes, classes, dtype=torch.long)

    def add(self, labels: Tensor, predicted: Tensor) -> None:
        """Count labels and predictions of one shape, classes 0…K-1."""
        classes, known = len(self.counts), labels != IGNORE
        pairs = labels[known] * classes + predicted[known]
        self.counts += torch.bincount(pairs, minlength=classes**2).view(classes, classes).cpu()

    @property
    def labels(self) -> Tensor:
        """(K,) how many there are of each class."""
        return self.counts.sum(1)

    @property
    def right(self) -> Tensor:
        """(K,) how many of each class were predicted as it."""
        return self.counts.diagonal()

    @property
    def union(self) -> Tensor:
        """(K,) how many are of a class, or were predicted as it, or both."""
        return self.labels + self.counts.sum(0) - self.right


def percent(part: Tensor, whole: Tensor) -> Tensor:
    """``100 * part / whole`` in double precision; NaN for 0 of 0."""
    return 100 * part.double() / whole
