"""Networks for several tasks: towers, and the ways the paper joins them."""

from xstitch_lib.networks import towers
from xstitch_lib.networks.ensemble import Ensemble, ensemble
from xstitch_lib.networks.fold import fold
from xstitch_lib.networks.mtan import MTAN, mtan
from xstitch_lib.networks.shared import MTLShared, mtl_shared
from xstitch_lib.networks.split import Split, split
from xstitch_lib.networks.stitched import Stitched, stitch
from xstitch_lib.networks.units import DenseUnit

__all__ = [
    "MTAN",
    "DenseUnit",
    "Ensemble",
    "MTLShared",
    "Split",
    "Stitched",
    "ensemble",
    "fold",
    "mtan",
    "mtl_shared",
    "split",
    "stitch",
    "towers",
]
