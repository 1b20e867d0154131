"""A row of a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xstitch_lib.studies.methods import Method


@dataclass(frozen=True)
class Arm:
    """One row of a table.

    Attributes:
        name: what the row is called.
        method: how its network is built and trained.
        changes: what differs from the scale's settings, such as ``{"train": 150}``.
    """

    name: str
    method: Method
    changes: Mapping[str, Any] = field(default_factory=dict)
