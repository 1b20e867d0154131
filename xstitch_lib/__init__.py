"""Cross-stitch networks (Misra et al., CVPR 2016): the unit, stitching, and the studies of the book."""

from xstitch_lib import augment, data, paper, record, studies, tasks
from xstitch_lib.evaluation import evaluate
from xstitch_lib.networks import Cost, align, cost, ensemble, mtl_shared, sharing, split, stitch, towers
from xstitch_lib.objective import Objective
from xstitch_lib.recipe import Recipe
from xstitch_lib.training import fit
from xstitch_lib.unit import CrossStitchUnit, cross_stitch

__all__ = [
    "Cost",
    "CrossStitchUnit",
    "Objective",
    "Recipe",
    "align",
    "augment",
    "cost",
    "cross_stitch",
    "data",
    "ensemble",
    "evaluate",
    "fit",
    "mtl_shared",
    "paper",
    "record",
    "sharing",
    "split",
    "stitch",
    "studies",
    "tasks",
    "towers",
]
