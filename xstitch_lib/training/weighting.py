"""What `Recipe.objective` takes besides constant weights: ways to weigh tasks while training, and a penalty."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from xstitch_lib.training.objective import Losses, Objective


class Uncertainty(Objective):
    """Learned weights, the smaller the less sure a task is: ``sum over tasks of exp(-s) * loss + s``.

    Args:
        tasks: their names.

    For every task s is one number, the logarithm of its noise's variance, 0 at the start, trained at ``lr``.

    >>> from torch import ones
    >>> Uncertainty(["seg"])({"seg": {"loss": 3 * ones(())}}).item()
    3.0

    Source: Kendall, Gal and Cipolla, "Multi-task learning using uncertainty to weigh losses", CVPR 2018, section 3.2.
    In place of ``loss / (2 σ²) + log σ`` of a regression stands twice that, with ``s = log σ²``; for classification
    the paper's own approximation has the same form.
    """

    def __init__(self, tasks: Sequence[str]):
        super().__init__()
        self.logs = nn.ParameterList([nn.Parameter(torch.zeros(())) for _ in tasks])
        self.tasks = list(tasks)

    def forward(self, losses: Losses) -> Tensor:
        logs = dict(zip(self.tasks, self.logs, strict=True))
        return sum([(-logs[task]).exp() * of_task(losses, task) + logs[task] for task in losses])


class DynamicWeightAverage(Objective):
    """A task whose loss falls slowly gets more weight: ``w = T * softmax(r / temperature)``, r the loss's last ratio.

    Args:
        tasks: T names.
        period: steps of which losses are averaged, such as an epoch's; r is one average over the one before it. All
            weights are 1 in the first two periods.
        temperature: the larger, the more equal the weights; the paper's is 2.

    ``objective=functools.partial(DynamicWeightAverage, period=100)``. A step without a task's labels is left out.

    Source: Liu, Johns and Davison, "End-to-end multi-task learning with attention", CVPR 2019, section 3.3.
    """

    def __init__(self, tasks: Sequence[str], period: int, temperature: float = 2.0):
        super().__init__()
        if period < 1 or not temperature > 0:
            raise ValueError(f"period is at least 1 step, temperature above 0; got {period} and {temperature}")
        self.tasks, self.period, self.temperature = list(tasks), period, temperature
        self.register_buffer("sums", torch.zeros(2, len(tasks), dtype=torch.float64))  # of losses, of steps
        self.register_buffer("means", torch.full((2, len(tasks)), torch.nan, dtype=torch.float64))  # before last, last
        self.register_buffer("done", torch.zeros(()))

    @property
    def current(self) -> dict[str, float]:
        """Each task's weight now."""
        ratios = (self.means[1] / self.means[0]).nan_to_num(nan=1.0, posinf=1.0)
        weights = len(self.tasks) * (ratios / self.temperature).softmax(0)
        return dict(zip(self.tasks, weights.tolist(), strict=True))

    def forward(self, losses: Losses) -> Tensor:
        weights = self.current
        return sum([weights[task] * of_task(losses, task) for task in losses])

    def backward(self, losses: Losses, net: nn.Module, share: float) -> None:
        super().backward(losses, net, share)
        for task in losses:
            own = self.sums[:, self.tasks.index(task)]
            own += share * torch.stack([of_task(losses, task).detach(), self.done.new_ones(())]).to(own)
        self.done += share
        if round(self.done.item(), 3) >= self.period:
            self.means.copy_(torch.stack([self.means[1], self.sums[0] / self.sums[1]]))
            self.sums.zero_()
            self.done.zero_()


class GradNorm(Objective):
    """Weights under which every task's gradient is as long as its pace asks for.

    Args:
        tasks: T names.
        at: the module whose parameters' gradients are compared, by its name in the network; all losses must depend on
            them. In a split network that is the last shared layer; in a stitched one every layer before the last unit
            is read by all tasks.
        alpha: how strongly tasks that are behind are pulled; the paper's is 1.5 for tasks that differ much.

    ``|G_i - mean(G) * pace_i ** alpha|`` is what the weights follow at ``lr``, where G_i is the norm of the gradient
    of w_i times the loss i, and pace_i the loss over its first value, over the mean of these; then the weights are
    brought to a sum of T. A task without labels in a batch keeps its weight, and is in none of the means.

    Source: Chen, Badrinarayanan, Lee and Rabinovich, "GradNorm", ICML 2018, equations 1 and 2, algorithm 1.
    """

    def __init__(self, tasks: Sequence[str], at: str, alpha: float = 1.5):
        super().__init__()
        self.tasks, self.at, self.alpha = list(tasks), at, alpha
        self.shares = nn.Parameter(torch.ones(len(tasks)))
        self.register_buffer("first", torch.full((len(tasks),), torch.nan))

    @property
    def current(self) -> dict[str, float]:
        """Each task's weight now."""
        return dict(zip(self.tasks, self._normed().tolist(), strict=True))

    def _normed(self) -> Tensor:
        shares = self.shares.detach().clamp(min=1e-3)
        return shares * len(self.tasks) / shares.sum()

    def forward(self, losses: Losses) -> Tensor:
        shares = self._normed()
        return sum([shares[self.tasks.index(task)] * of_task(losses, task) for task in losses])

    def backward(self, losses: Losses, net: nn.Module, share: float) -> None:
        norms = torch.stack([self._norm(of_task(losses, task), task, net) for task in losses])
        there = torch.tensor([self.tasks.index(task) for task in losses], device=self.first.device)
        with torch.no_grad():
            self.shares.copy_(self._normed())
            own = torch.stack([of_task(losses, task) for task in losses])
            self.first[there] = self.first[there].where(~self.first[there].isnan(), own)
            pace = own / self.first[there]
            weighted = self.shares[there] * norms
            target = weighted.mean() * (pace / pace.mean()).nan_to_num(1.0) ** self.alpha
            step = torch.zeros_like(self.shares)
            step[there] = share * torch.sign(weighted - target) * norms
            self.shares.grad = step if self.shares.grad is None else self.shares.grad + step
        super().backward(losses, net, share)

    def _norm(self, loss: Tensor, task: str, net: nn.Module) -> Tensor:
        shared = [p for p in net.get_submodule(self.at).parameters() if p.requires_grad]
        found = torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True) if shared else []
        if not [g for g in found if g is not None]:
            raise ValueError(
                f"GradNorm compares gradients at {self.at!r}, on which the loss of {task!r} does not depend: name a "
                "module that all tasks read"
            )
        return nn.utils.get_total_norm([g for g in found if g is not None])


class Aggregated(Objective):
    """The tasks' gradients, one a task, made one by an aggregator of TorchJD: MGDA, CAGrad, PCGrad, …

    Args:
        tasks: their names.
        aggregator: an object of ``torchjd.aggregation``.

    ``objective=lambda tasks: Aggregated(tasks, MGDA())``. With parts of a batch (``accumulate``) each part's
    gradients are aggregated by themselves, and a task without labels is not among them. One that draws random numbers
    makes no run that resumes bit for bit. Some aggregators, as CAGrad, need a package more, which TorchJD names.

    Raises:
        ImportError: without TorchJD, ``pip install "xstitch_lib[jd]"``.

    Source: Quinton and Rey, "Jacobian descent for multi-objective optimization", 2024, and the library's own pages.
    """

    def __init__(self, tasks: Sequence[str], aggregator: Any):
        super().__init__()
        try:
            import torchjd  # noqa: F401, an optional package
        except ImportError as error:
            raise ImportError('Aggregated needs TorchJD: pip install "xstitch_lib[jd]"') from error
        self.tasks, self.aggregator = list(tasks), aggregator

    def described(self) -> str:
        return f"{super().described()} {self.aggregator!r}"

    def backward(self, losses: Losses, net: nn.Module, share: float) -> None:
        from torchjd.autojac import backward, jac_to_grad

        own = [share * of_task(losses, task) for task in losses]
        own = [loss for loss in own if loss.requires_grad]
        inputs = [p for p in net.parameters() if p.requires_grad]
        backward(own, inputs=inputs, parallel_chunk_size=1)
        jac_to_grad([p for p in inputs if getattr(p, "jac", None) is not None], self.aggregator)


class Orthogonality(Objective):
    """The sum of all losses, and a penalty that keeps the subspaces of sluice networks apart.

    Args:
        tasks: their names.
        layers: of the towers, names of convolutions or linear layers whose outputs a sluice unit cuts into subspaces.
        scale: what the penalty is multiplied by.
        subspaces: G, as the unit's.

    The penalty is the sum over towers, layers and pairs of subspaces a and b of ``||W_a W_bᵀ||²``; the rows of W_a are
    the weights of the layer's outputs in subspace a.

    ``objective=functools.partial(Orthogonality, layers=["conv5.0"], scale=0.01)``.

    Source: Ruder, Bingel, Augenstein and Søgaard, "Latent multi-task architecture learning", AAAI 2019, equation 3.
    """

    def __init__(self, tasks: Sequence[str], layers: Sequence[str], scale: float, subspaces: int = 2):
        super().__init__()
        self.tasks, self.layers, self.scale, self.subspaces = list(tasks), list(layers), scale, subspaces

    def backward(self, losses: Losses, net: nn.Module, share: float) -> None:
        layers = [net.towers[task].get_submodule(name) for task in self.tasks for name in self.layers]
        (share * (self(losses) + self.scale * sum([self._overlap(layer.weight) for layer in layers]))).backward()

    def _overlap(self, weight: Tensor) -> Tensor:
        parts = weight.flatten(1).chunk(self.subspaces)
        return sum([(a @ b.T).square().sum() for a, b in combinations(parts, 2)])


def of_task(losses: Losses, task: str) -> Tensor:
    """The sum of a task's losses."""
    return sum(losses[task].values())
