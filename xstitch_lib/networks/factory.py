"""One tower for each task, from the function that makes them."""

from collections.abc import Callable, Iterable

from torch import nn

from xstitch_lib.networks.probe import check_open, required_inputs

TowerFactory = Callable[[str], nn.Module]


def make_towers(tower_factory: TowerFactory, tasks: Iterable[str], kind: str) -> tuple[dict[str, nn.Module], int]:
    """Call ``tower_factory`` once a task, in order; ``kind`` is the network they are for, for messages.

    Returns:
        task → tower, and how many inputs each takes: the parameters without a default of its forward.

    Raises:
        ValueError: for fewer than two tasks, a name given twice, one tower for two tasks, no nn.Module, or towers that
            take different numbers of inputs.
    """
    tasks = list(tasks)
    if len(tasks) < 2 or len(set(tasks)) < len(tasks):
        raise ValueError(f"a {kind} network needs at least 2 different tasks; got {tasks}")
    towers = {task: tower_factory(task) for task in tasks}
    for task, tower in towers.items():
        if not isinstance(tower, nn.Module):
            raise ValueError(f"tower_factory({task!r}) must give a network; it gave a {type(tower).__name__}")
        check_open(task, tower, [""])
    if len(set(towers.values())) < len(towers):
        raise ValueError("tower_factory gave one module for two tasks: make a new tower at each call")
    inputs = {task: required_inputs(tower) for task, tower in towers.items()}
    if len(set(inputs.values())) > 1:
        raise ValueError(f"the towers of a {kind} network take equally many inputs; got {inputs}")
    return towers, inputs[tasks[0]]
