"""Uncertainty weighting of the tasks' losses, on stitched networks and on a shared one."""

from dataclasses import dataclass
from typing import ClassVar

from xstitch_lib.studies.methods.cross_stitch import CrossStitch
from xstitch_lib.studies.methods.split import Split
from xstitch_lib.training.weighting import Uncertainty


@dataclass(frozen=True, kw_only=True)
class UncertainCrossStitch(CrossStitch):
    """Cross-stitch whose losses are weighed as `Uncertainty` learns to, from the units' first step on."""

    name: ClassVar[str] = "uncertainty cross-stitch"
    objective: ClassVar = Uncertainty


@dataclass(frozen=True, kw_only=True)
class UncertainSplit(Split):
    """A split whose losses are weighed as `Uncertainty` learns to; each phase begins with equal weights."""

    name: ClassVar[str] = "uncertainty split"
    objective: ClassVar = Uncertainty
