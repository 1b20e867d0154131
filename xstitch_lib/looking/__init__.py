"""Instruments that look at a network: what it shares, what it costs, how its channels match."""

from xstitch_lib.looking.align import align, channel_correlation
from xstitch_lib.looking.cost import Cost, cost
from xstitch_lib.looking.roofline import intensity
from xstitch_lib.looking.sharing import correlation, sharing
from xstitch_lib.looking.timing import layer_times, machine_roof, step_times

__all__ = [
    "Cost",
    "align",
    "channel_correlation",
    "correlation",
    "cost",
    "intensity",
    "layer_times",
    "machine_roof",
    "sharing",
    "step_times",
]
