"""What a metric's numbers are: their title, their unit, and which way is better. Tables, plots and tests ask here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Quantity:
    """What one metric's numbers are.

    Attributes:
        title: what a reader is told.
        unit: written behind a value: "%", "°", "years", or "" for none.
        higher_is_better: False for errors and losses.
        digits: behind the point, in tables.

    >>> error = Quantity("mean angular error", "°", higher_is_better=False)
    >>> error.arrow, error.gain(first=30.0, second=31.5), Quantity("accuracy", "%").difference_unit
    ('↓', 1.5, 'points')
    """

    title: str
    unit: str = ""
    higher_is_better: bool = True
    digits: int = 2

    @property
    def arrow(self) -> str:
        return "↑" if self.higher_is_better else "↓"

    @property
    def difference_unit(self) -> str:
        """Of percentages points, else the unit itself."""
        return "points" if self.unit == "%" else self.unit

    def gain(self, first: Any, second: Any) -> Any:
        """How much better the first value, array or column is; positive is better."""
        return first - second if self.higher_is_better else second - first


class Quantities(dict[str, Mapping[str, Quantity]]):
    """task → metric → `Quantity`, a task's main metric first; a table carries it in ``attrs``.

    >>> found = Quantities({"seg": {"mIU": Quantity("mean IU", "%")}})
    >>> table = found.attach(pd.DataFrame({"task": ["seg"], "metric": ["mIU"], "value": [30.0]}))
    >>> Quantities.of(table[table.value > 20])["seg"]["mIU"].title
    'mean IU'
    """

    def attach(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table, which from now on tells what its metrics are; so do its parts."""
        table.attrs["quantities"] = self
        return table

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Quantities":
        """What is attached to a table; nothing if nothing is."""
        return table.attrs.get("quantities", cls())

    def find(self, task: str, metric: str) -> Quantity:
        """One of them.

        Raises:
            ValueError: if it is not there.
        """
        try:
            return self[task][metric]
        except KeyError as error:
            known = [f"{task} {metric}" for task, metrics in self.items() for metric in metrics]
            raise ValueError(
                f"it is not known which way {metric!r} of {task!r} is better; known are {', '.join(known) or 'none'}: "
                "add it to the task's quantities, or attach them to the table, Quantities({task: {metric: …}}).attach"
            ) from error

    def plain(self) -> dict[str, dict[str, dict[str, Any]]]:
        """As JSON wants it; `read` is the way back."""
        return {task: {name: asdict(quantity) for name, quantity in own.items()} for task, own in self.items()}

    @classmethod
    def read(cls, plain: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> "Quantities":
        """From what `plain` made."""
        return cls({task: {name: Quantity(**given) for name, given in own.items()} for task, own in plain.items()})

    def __deepcopy__(self, memo: dict) -> "Quantities":
        return self  # pandas copies attrs at every step; none of this changes
