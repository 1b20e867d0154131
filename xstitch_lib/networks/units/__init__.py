"""Units besides the paper's own (`xstitch_lib.unit`): a file each, a subclass of `xstitch_lib.unit_base.Unit`."""

from xstitch_lib.networks.units.dense import DenseLayer, DenseUnit
from xstitch_lib.networks.units.nddr import NDDRUnit, nddr
from xstitch_lib.networks.units.sluice import SluiceUnit, sluice
from xstitch_lib.networks.units.variants import OneRowUnit, all_ones, one_row

__all__ = [
    "DenseLayer",
    "DenseUnit",
    "NDDRUnit",
    "OneRowUnit",
    "SluiceUnit",
    "all_ones",
    "nddr",
    "one_row",
    "sluice",
]
