"""What a step minimises: the tasks' losses as one."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

Losses = Mapping[str, Mapping[str, Tensor]]  # labelled task → name → mean over what is labelled in the batch, 0-d


class Objective(nn.Module):
    """The sum of all losses, each task's times a weight; a subclass combines them in another way.

    Args:
        weights: task → factor; 1 where not given.

    `forward` makes one loss of many. Parameters of a subclass are trained along, at ``lr``, and stand in checkpoints;
    one that needs more than the gradient of a single loss overrides `backward`. A `Recipe` takes the function that
    makes it, ``objective=Uncertainty``: it is called with the names of the tasks.

    >>> from torch import ones, zeros
    >>> class Uncertainty(Objective):
    ...     '''Kendall, Gal and Cipolla (CVPR 2018): learned weights, the less sure a task the smaller.'''
    ...     def __init__(self, tasks):
    ...         super().__init__()
    ...         self.logs = nn.ParameterDict({task: nn.Parameter(zeros(())) for task in tasks})
    ...     def forward(self, losses):
    ...         logs = {task: self.logs[task] for task in losses}
    ...         return sum([(-s).exp() * sum(losses[task].values()) + s for task, s in logs.items()])
    >>> Uncertainty(["seg"])({"seg": {"loss": 3 * ones(())}}).item()
    3.0
    """

    def __init__(self, weights: Mapping[str, float] | None = None):
        super().__init__()
        self.weights = dict(weights or {})

    def forward(self, losses: Losses) -> Tensor:
        """The loss whose gradient a step follows, 0-d.

        Args:
            losses: of one batch, or of one part of it where gradients are accumulated. In several processes they are
                this process's, and a step follows the mean over processes. A subclass is not given tasks without a
                label there, of which this class's sum makes nothing, and is not called where no task has one.
        """
        return sum([self.weights.get(task, 1) * loss for task, own in losses.items() for loss in own.values()])

    def backward(self, losses: Losses, net: nn.Module, share: float) -> None:
        """Add the step's gradient to that of the parameters of ``net``, and of this objective.

        Args:
            share: what part of the step these losses are; below 1 where gradients are accumulated.
        """
        (share * self(losses)).backward()

    def described(self) -> str:
        """What it is, as text, from the numbers and words that it has at the start; a resumed run must have the same.

        A subclass with settings of another kind says them here.
        """
        own = {
            name: value
            for name, value in vars(self).items()
            if not name.startswith("_") and _plain(value) and name != "training"
        }
        shapes = {name: tuple(x.shape) for name, x in self.state_dict().items()}
        return f"{type(self).__qualname__} {own} {shapes}"

    @property
    def adds_up(self) -> bool:
        """Whether it is the weighted sum, which a loss of 0 does not change."""
        return type(self).forward is Objective.forward and not self.owns_backward

    @property
    def owns_backward(self) -> bool:
        """Whether a subclass has a backward pass of its own; that is for one process."""
        return type(self).backward is not Objective.backward


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all([_plain(one) for pair in value.items() for one in pair])
    if isinstance(value, tuple | list):
        return all(map(_plain, value))
    return isinstance(value, int | float | str) or value is None
