"""One tower for each task, from the function that makes them."""

from collections.abc import Callable, Iterable

from torch import nn

TowerFactory = Callable[[str], nn.Sequential]


def make_towers(tower_factory: TowerFactory, tasks: Iterable[str], kind: str) -> dict[str, nn.Sequential]:
    """Call ``tower_factory`` once a task, in order; ``kind`` is the network they are for, for messages.

    Raises:
        ValueError: for fewer than two tasks, a name given twice, one tower for two tasks, or no nn.Sequential.
    """
    tasks = list(tasks)
    if len(tasks) < 2 or len(set(tasks)) < len(tasks):
        raise ValueError(f"a {kind} network needs at least 2 different tasks; got {tasks}")
    towers = {task: tower_factory(task) for task in tasks}
    if len(set(towers.values())) < len(towers):
        raise ValueError("tower_factory gave one module for two tasks: make a new tower at each call")
    for task, tower in towers.items():
        if not isinstance(tower, nn.Sequential):
            raise ValueError(
                f"a {kind} network needs nn.Sequential towers; tower_factory({task!r}) gave a {type(tower).__name__}"
            )
    return towers
