"""Networks for several tasks: towers, and the ways the paper joins them."""

from xstitch_lib.networks import towers
from xstitch_lib.networks.align import align, channel_correlation
from xstitch_lib.networks.cost import Cost, cost
from xstitch_lib.networks.ensemble import Ensemble, ensemble
from xstitch_lib.networks.roofline import intensity
from xstitch_lib.networks.shared import MTLShared, mtl_shared
from xstitch_lib.networks.sharing import correlation, sharing
from xstitch_lib.networks.split import Split, split
from xstitch_lib.networks.stitched import Stitched, stitch
from xstitch_lib.networks.timing import layer_times, machine_roof, step_times
from xstitch_lib.networks.units import DenseUnit

__all__ = [
    "Cost",
    "DenseUnit",
    "Ensemble",
    "MTLShared",
    "Split",
    "Stitched",
    "align",
    "channel_correlation",
    "correlation",
    "cost",
    "ensemble",
    "intensity",
    "layer_times",
    "machine_roof",
    "mtl_shared",
    "sharing",
    "split",
    "step_times",
    "stitch",
    "towers",
]
