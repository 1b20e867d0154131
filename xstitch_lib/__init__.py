"""Cross-stitch networks (Misra et al., CVPR 2016): the unit, stitching, and the studies of the book."""

from xstitch_lib import data
from xstitch_lib.unit import CrossStitchUnit, cross_stitch

__all__ = ["CrossStitchUnit", "cross_stitch", "data"]
