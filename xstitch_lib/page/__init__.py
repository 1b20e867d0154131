"""What chapters import beside the library itself: plots, figures that move, tables, statistics, and what is shown."""

from xstitch_lib.page import plots
from xstitch_lib.page.explorer import AlphaExplorer, Forest, TrainingReplay, UnitPlayground
from xstitch_lib.page.notebook import (
    glue,
    glue_all,
    show_provenance,
    show_source,
    show_table,
    show_verdicts,
)
from xstitch_lib.results import classes, measures, settings
from xstitch_lib.results.alphas import moved, own_minus_other, sorted_weights
from xstitch_lib.results.classes import rarest_gain
from xstitch_lib.results.findings import contrasts, verdict_of
from xstitch_lib.results.measures import gains_more_than
from xstitch_lib.results.statistics import (
    class_gains,
    gain,
    gains,
    means,
    paired_difference,
    paper_gain,
    relative_gain,
    summary,
)
from xstitch_lib.results.tables import gains_beside, levels_beside_paper
from xstitch_lib.studies import claims
from xstitch_lib.studies.claims import verdicts
from xstitch_lib.studies.reports.wording import contrasts_shown

__all__ = [
    "AlphaExplorer",
    "Forest",
    "TrainingReplay",
    "UnitPlayground",
    "claims",
    "class_gains",
    "classes",
    "contrasts",
    "contrasts_shown",
    "gain",
    "gains",
    "gains_beside",
    "gains_more_than",
    "glue",
    "glue_all",
    "levels_beside_paper",
    "means",
    "measures",
    "moved",
    "own_minus_other",
    "paired_difference",
    "paper_gain",
    "plots",
    "rarest_gain",
    "relative_gain",
    "settings",
    "show_provenance",
    "show_source",
    "show_table",
    "show_verdicts",
    "sorted_weights",
    "summary",
    "verdict_of",
    "verdicts",
]
