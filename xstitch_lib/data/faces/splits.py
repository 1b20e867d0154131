"""Who is in training and who in test: by picture, as the re-implementation's script cuts, or by person."""

import numpy as np
import torch
from torch import Tensor

FOLDS = 5
HELD_OUT = 10  # people for validation


def by_picture(pictures: int, seed: int = 1, test: int = 200) -> dict[str, Tensor]:
    """The script's split: a permutation of the pictures, of which the first are the test.

    Args:
        pictures: how many there are.
        seed: of NumPy's old generator; 1 is the script's.
        test: how many are for the test.

    Returns:
        A dict of "train" and "test", numbers of pictures. People are on both sides.

    >>> split = by_picture(2000)
    >>> len(split["train"]), split["test"][:3].tolist()
    (1800, [674, 1699, 1282])
    """
    order = torch.from_numpy(np.random.RandomState(seed).permutation(pictures))
    return {"train": order[test:], "test": order[:test]}


def by_person(people: int, partition: int = 0, fold: int = 0) -> dict[str, Tensor]:
    """One fold of a cross-validation in which nobody is on two sides.

    Args:
        people: how many there are.
        partition: another one puts other people together, in 0, 1, ….
        fold: 0…4; each person is in the test of one fold of a partition.

    Returns:
        A dict of "train", "validation" and "test", numbers of people; of 100 these are 70, 10 and 20.

    Raises:
        ValueError: for a fold that there is not.

    >>> {part: len(who) for part, who in by_person(100).items()}
    {'train': 70, 'validation': 10, 'test': 20}
    """
    if not 0 <= fold < FOLDS:
        raise ValueError(f"fold must be 0 to {FOLDS - 1}; got {fold}")
    order = torch.from_numpy(np.random.RandomState(partition).permutation(people))
    rest = torch.cat([order[(people * (fold + 1)) // FOLDS :], order[: (people * fold) // FOLDS]])
    test = order[(people * fold) // FOLDS : (people * (fold + 1)) // FOLDS]
    return {"train": rest[HELD_OUT:], "validation": rest[:HELD_OUT], "test": test}
