"""Figures that answer to a hand: sliders where a kernel runs, a picture where none does."""

from collections.abc import Sequence
from io import BytesIO

import ipywidgets as widgets
import matplotlib.pyplot as plt
import torch
from torch import Tensor

from xstitch_lib import plots

PRESETS = {
    "the paper's start": (0.9, 0.1, 0.1, 0.9),
    "two separate networks": (1.0, 0.0, 0.0, 1.0),
    "one shared map": (0.5, 0.5, 0.5, 0.5),
    "B borrows, A does not": (1.0, 0.0, 0.5, 0.5),
    "the towers trade places": (0.0, 1.0, 1.0, 0.0),
}


class UnitPlayground:
    """Move alpha_AA … alpha_BB and see two maps (H, W) mix (Eq. 1).

    In a notebook with a kernel this shows sliders; in a built page, a picture of ``alpha`` as it stands.
    """

    def __init__(self, maps: Sequence[Tensor]):
        self.maps = [m.detach() for m in maps]
        self.picture = widgets.Image(format="png", layout={"max_width": "100%"})
        self.preset = widgets.Dropdown(options=PRESETS, description="start from")
        self.sliders = [
            widgets.FloatSlider(value=value, min=0, max=1, step=0.05, description=f"alpha_{name}")
            for name, value in zip(("AA", "AB", "BA", "BB"), PRESETS["the paper's start"], strict=True)
        ]
        for slider in self.sliders:
            slider.observe(self._draw, "value")
        self.preset.observe(self._use_preset, "value")
        self._draw()

    @property
    def alpha(self) -> Tensor:
        """(2, 2), as the sliders stand."""
        return torch.tensor([slider.value for slider in self.sliders]).view(2, 2)

    def figure(self) -> plt.Figure:
        """The maps and their mixes at the present alpha."""
        mixed = torch.einsum("ij,jhw->ihw", self.alpha, torch.stack(self.maps))
        return plots.cross_stitch_figure(self.maps, mixed, self.alpha)

    def _render(self, kind: str) -> bytes:
        buffer, figure = BytesIO(), self.figure()
        figure.savefig(buffer, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None)
        plt.close(figure)
        return buffer.getvalue()

    def _draw(self, change=None) -> None:
        self.picture.value = self._render("png")

    def _use_preset(self, change) -> None:
        for slider, value in zip(self.sliders, change["new"], strict=True):
            slider.value = value

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        controls = widgets.VBox([self.preset, *self.sliders])
        live = widgets.HBox([controls, self.picture], layout={"flex_flow": "row wrap"})
        return {
            **live._repr_mimebundle_(),
            "image/svg+xml": self._render("svg").decode(),
            "text/plain": repr(self),
        }
