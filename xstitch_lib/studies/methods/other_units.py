"""Cross-stitch networks with units of later papers, or of other people's code, in the place of the paper's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from xstitch_lib.networks import stitch
from xstitch_lib.networks.units import all_ones, nddr, one_row, sluice
from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.methods.cross_stitch import CrossStitch
from xstitch_lib.studies.methods.self_stitch import SelfStitch
from xstitch_lib.studies.worlds.world import inputs_of

UNITS = {"nddr": nddr, "sluice": sluice, "one-row": one_row, "all-ones": all_ones}


@dataclass(frozen=True, kw_only=True)
class OtherUnits(CrossStitch):
    """All that cross-stitch is, but for the units.

    Attributes:
        unit: "nddr" or "sluice", of later papers; "one-row" or "all-ones", of other people's code.
    """

    name: ClassVar[str] = "other-units"
    unit: str = "nddr"

    def stitched(self, bench: Bench, towers: Mapping[str, nn.Module]) -> nn.Module:
        net = stitch(towers, self.after, inputs_of(bench.world.train, 1), UNITS[self.unit])
        net.units.requires_grad_(self.learned)
        return net


@dataclass(frozen=True, kw_only=True)
class SelfOtherUnits(SelfStitch, OtherUnits):
    """The control of `OtherUnits`: for each task two towers of it, joined by such units."""

    name: ClassVar[str] = "self-other-units"
