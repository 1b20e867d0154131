"""Every static figure of the book; one style, colour-blind-safe, light and dark."""

from xstitch_lib.page.plots.boxes import looked_at, marked, precision_recall, region_budget
from xstitch_lib.page.plots.comparisons import (
    curves_with_bands,
    gain_bars,
    gains_by_class,
    gains_by_setting,
    levels_by_setting,
    paired_differences,
    settings_dots,
)
from xstitch_lib.page.plots.cost import roofline
from xstitch_lib.page.plots.curves import (
    curves_by_seed,
    finite_difference_errors,
    learned_alphas,
    magnitudes,
    shares,
    sorted_alphas,
    training_paths,
    weights_by_start,
)
from xstitch_lib.page.plots.drawings import (
    cross_stitch_figure,
    map_grid,
    one_image_two_tasks,
    split_networks,
    stitched_network,
)
from xstitch_lib.page.plots.forest import forest
from xstitch_lib.page.plots.pictures import class_frequencies, codebook, gallery
from xstitch_lib.page.plots.style import COLOURS, TASK_COLOURS, use_style

__all__ = [
    "COLOURS",
    "TASK_COLOURS",
    "class_frequencies",
    "codebook",
    "cross_stitch_figure",
    "curves_by_seed",
    "curves_with_bands",
    "finite_difference_errors",
    "forest",
    "gain_bars",
    "gains_by_class",
    "gains_by_setting",
    "gallery",
    "learned_alphas",
    "levels_by_setting",
    "looked_at",
    "magnitudes",
    "map_grid",
    "marked",
    "one_image_two_tasks",
    "paired_differences",
    "precision_recall",
    "region_budget",
    "roofline",
    "settings_dots",
    "shares",
    "sorted_alphas",
    "split_networks",
    "stitched_network",
    "training_paths",
    "use_style",
    "weights_by_start",
]
