"""Cross-stitch networks (Misra et al., CVPR 2016): the unit, stitching, and the studies of the book."""

from xstitch_lib import data, studies, tasks
from xstitch_lib.looking import Cost, align, cost, sharing
from xstitch_lib.networks import ensemble, fold, mtl_shared, split, stitch, towers
from xstitch_lib.results import paper, record
from xstitch_lib.training import augment, weighting
from xstitch_lib.training.best import Best
from xstitch_lib.training.evaluation import evaluate, predict
from xstitch_lib.training.fit import fit
from xstitch_lib.training.objective import Objective
from xstitch_lib.training.optim import parameter_groups
from xstitch_lib.training.recipe import Recipe
from xstitch_lib.training.sampling import sample_regions
from xstitch_lib.unit import CrossStitchUnit, cross_stitch
from xstitch_lib.unit_base import Unit

__all__ = [
    "Best",
    "Cost",
    "CrossStitchUnit",
    "Objective",
    "Recipe",
    "Unit",
    "align",
    "augment",
    "cost",
    "cross_stitch",
    "data",
    "ensemble",
    "evaluate",
    "fit",
    "fold",
    "mtl_shared",
    "paper",
    "parameter_groups",
    "predict",
    "record",
    "sample_regions",
    "sharing",
    "split",
    "stitch",
    "studies",
    "tasks",
    "towers",
    "weighting",
]
