"""A network's metrics over a whole data set."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from xstitch_lib.data.tensors import TensorData
from xstitch_lib.tasks import Task


@torch.no_grad()
def evaluate(
    net: nn.Module, tasks: Mapping[str, Task], data: TensorData, batch_size: int = 1000
) -> dict[str, dict[str, float]]:
    """Each task's metrics over all of ``data``: counted over the whole set, never averaged over batches.

    Args:
        net, tasks, data: as in `fit`; batches move to the network's device.
        batch_size: changes memory and speed, not the result.

    Returns:
        A dict ``{task: {metric: value}}``. The network runs in eval mode and is left in the mode it was in.

    Raises:
        ValueError: if the network gives no output for one of the tasks, or the data do not fit the tasks.

    In several processes each one evaluates everything.
    """
    check_data("evaluate", data, tasks)
    device = next(net.parameters()).device
    metrics = {name: task.metric() for name, task in tasks.items()}
    training = [module for module in net.modules() if module.training]
    net.eval()
    try:
        for start in range(0, len(data), batch_size):
            batch = {name: tensor.to(device) for name, tensor in data[start : start + batch_size].items()}
            outputs = forward(net, batch["image"], tasks)
            for name, metric in metrics.items():
                metric.update(outputs[name], batch)
    finally:
        for module in training:
            module.training = True
    return {name: metric.compute() for name, metric in metrics.items()}


def check_data(user: str, data: TensorData, tasks: Mapping[str, Task]) -> None:
    """Raise a ValueError if ``data`` are not samples with an "image" and what the tasks are trained for."""
    if not isinstance(data, TensorData):
        raise ValueError(
            f"{user} needs its samples as a TensorData; got a {type(data).__name__}: wrap it, TensorData(…)"
        )
    if "image" not in data.tensors or len(data) == 0:
        raise ValueError(f'{user} needs samples with an "image"; got {len(data)} samples with {list(data.tensors)}')
    for name, task in tasks.items():
        task.check(name, data.tensors)


def forward(net: nn.Module, image: Tensor, tasks: Mapping[str, Task]) -> Mapping[str, Any]:
    """{task: output} of a network, which for one task may return the output bare.

    Raises:
        ValueError: if there is no output for one of the tasks.
    """
    outputs = net(image)
    if isinstance(outputs, Tensor) and len(tasks) == 1:
        return dict.fromkeys(tasks, outputs)
    if not isinstance(outputs, Mapping) or not set(tasks) <= set(outputs):
        found = list(outputs) if isinstance(outputs, Mapping) else type(outputs).__name__
        raise ValueError(f"the network must return a dict with an output for each of {list(tasks)}; got {found}")
    return outputs
