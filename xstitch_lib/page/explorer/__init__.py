"""Figures that move: sliders where a kernel runs, the same without one in a page, a picture in print."""

from xstitch_lib.page.explorer.alphas import AlphaExplorer
from xstitch_lib.page.explorer.forest import Forest
from xstitch_lib.page.explorer.replay import TrainingReplay
from xstitch_lib.page.explorer.unit import PRESETS, UnitPlayground

__all__ = ["PRESETS", "AlphaExplorer", "Forest", "TrainingReplay", "UnitPlayground"]
