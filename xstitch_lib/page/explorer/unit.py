"""Eq. 1 with a hand on it: four weights, two maps, and the networks that they make."""

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib import image as pictures
from matplotlib.figure import Figure
from torch import Tensor

from xstitch_lib.page import plots
from xstitch_lib.page.explorer.moving import Control, MovingFigure, State, svg

PRESETS = {
    "the paper's start": (0.9, 0.1, 0.1, 0.9),
    "two separate networks": (1.0, 0.0, 0.0, 1.0),
    "one shared map": (0.5, 0.5, 0.5, 0.5),
    "a split": (1.0, 0.0, 1.0, 0.0),
    "B borrows, A does not": (1.0, 0.0, 0.5, 0.5),
    "the towers trade places": (0.0, 1.0, 1.0, 0.0),
}
SAID = [
    "Each tower listens to itself, and a little to the other.",
    "No unit at all. A split network does this from its split on.",
    "Both next layers see the same map, the mean of both.",
    "Both go on with A's map: up to here they share A's layers.",
    "Forward, help flows one way; in training B's gradient goes back into A.",
    "Each tower goes on with the other's map.",
    "A mix of your own.",
]
NAMES = ("AA", "AB", "BA", "BB")
LEVELS = [f"{level / 20:.2f}" for level in range(-10, 31)]  # learned weights leave 0…1 too
OWN = len(PRESETS)  # the menu's last entry
ROWS, LEFT, RIGHT, SIZE = (76, 216), 76, 344, 104  # of the drawing: centres and side of the four maps


class UnitPlayground(MovingFigure):
    """Move alpha_AA … alpha_BB and see two maps mix (Eq. 1), from two separate networks to one shared.

    Args:
        maps: two (H, W) maps of one size, values ≥ 0. They are drawn from 0, dark, to their maximum, bright.
        picture: (3, H, W) in 0…1, what both towers look at, drawn above; None for none.

    Raises:
        ValueError: for anything but two maps of equal shape.

    Source: section 3.3; chapter "The cross-stitch unit".
    """

    script = "unit"

    def __init__(self, maps: Sequence[Tensor], picture: Tensor | None = None):
        shapes = [tuple(m.shape) for m in maps]
        if len(shapes) != 2 or shapes[0] != shapes[1] or len(shapes[0]) != 2:
            raise ValueError(f"a unit's playground needs two maps (H, W) of one size; got {shapes}")
        self.maps = [m.detach().float() for m in maps]
        self.input = None if picture is None else picture.detach().clamp(0, 1).mul(255).byte().numpy()
        top = max(float(m.max()) for m in self.maps) or 1.0
        self._bytes = [(m / top * 255).round().clamp(0, 255).to(torch.uint8).numpy() for m in self.maps]
        sliders = [
            Control(name, f"alpha_{name}", LEVELS, _level(value), "slider")
            for name, value in zip(NAMES, PRESETS["the paper's start"], strict=True)
        ]
        super().__init__([Control("preset", "start from", [*PRESETS, "your own"]), *sliders])

    @property
    def alpha(self) -> Tensor:
        """(2, 2), as the sliders stand."""
        return torch.tensor(_alpha(self.state)).view(2, 2)

    def react(self, state: State, changed: str) -> State:
        """A preset sets the four weights; four weights may be a preset."""
        presets = [[_level(value) for value in weights] for weights in PRESETS.values()]
        if changed != "preset":
            levels = [state[name] for name in NAMES]
            return {**state, "preset": presets.index(levels) if levels in presets else OWN}
        return {**state, **dict(zip(NAMES, presets[state["preset"]], strict=True))} if state["preset"] < OWN else state

    def mixed(self, state: State) -> np.ndarray:
        """(2, H, W) in 0…255, as drawn: what is brighter than the scale is cut."""
        alpha = np.array(_alpha(state)).reshape(2, 2)
        return np.einsum("ij,jhw->ihw", alpha, np.stack(self._bytes)).clip(0, 255).round().astype(np.uint8)

    def caption(self, state: State) -> str:
        aa, ab, ba, bb = [LEVELS[state[name]] for name in NAMES]
        seen = f"A's next layer sees {aa} of A and {ab} of B; B's sees {ba} of A and {bb} of B."
        sums = [float(aa) + float(ab), float(ba) + float(bb)]
        size = "maps grow" if max(sums) > 1.001 else "maps shrink" if min(sums) < 0.999 else "maps keep their size"
        return f"{seen} {SAID[state['preset']]} Rows sum to {_plain(sums[0])} and {_plain(sums[1])}: {size}."

    def svg(self, state: State) -> str:
        alpha, parts = _alpha(state), []
        height, width = self.maps[0].shape
        wide = SIZE * min(width / height, 1.35)
        for k, (to, source) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
            (x1, y1), (x2, y2) = (LEFT + wide / 2 + 4, ROWS[source]), (RIGHT - wide / 2 - 4, ROWS[to])
            wide_line = f"{8 * abs(alpha[k]):.2f}"
            line = f'<path class="flow c{source}" d="M{x1:.1f},{y1}L{x2:.1f},{y2}" stroke-width="{wide_line}"/>'
            at = 0.5 if to == source else 0.24
            x, y = x1 + at * (x2 - x1), y1 + at * (y2 - y1) - 8
            named = f"{NAMES[k]} {alpha[k]:.2f}"
            text = f'<text class="weight c{source}" x="{x:.0f}" y="{y:.0f}" text-anchor="middle">{named}</text>'
            parts += [line, text]
        maps = [*self._bytes, *self.mixed(state)]
        places = [(x, y) for x in (LEFT, RIGHT) for y in ROWS]
        for k, (values, (x, y)) in enumerate(zip(maps, places, strict=True)):
            frame = f'x="{x - wide / 2:.1f}" y="{y - SIZE / 2}" width="{wide:.1f}" height="{SIZE}"'
            kind = "mixed" if k > 1 else "map"
            parts.append(
                f'<image class="{kind}" {frame} href="{_png(values)}" preserveAspectRatio="none" '
                f'style="image-rendering: pixelated"/><rect class="c{k % 2}" {frame} fill="none" stroke-width="2.5"/>'
            )
            name = "AB"[k % 2]
            parts.append(
                f'<text x="{x}" y="{y + SIZE / 2 + 15}" text-anchor="middle">{name}{", mixed" * (k > 1)}</text>'
            )
        label = "Two maps on the left, their two mixes on the right; the text below says how"
        if self.input is None:
            return svg(420, 290, label, "".join(parts))
        width = SIZE * self.input.shape[2] / self.input.shape[1]
        frame = f'x="{210 - width / 2:.1f}" y="4" width="{width:.1f}" height="{SIZE}"'
        above = f'<image {frame} href="{_png(self.input.transpose(1, 2, 0))}"/>'
        above += f'<text x="210" y="{SIZE + 19}" text-anchor="middle">what both towers see</text>'
        return svg(
            420, 412, f"A picture above. {label}", f'{above}<g transform="translate(0 122)">{"".join(parts)}</g>'
        )

    def data(self) -> dict[str, Any]:
        colours = (colormaps["cividis"](np.arange(256))[:, :3] * 255).round().astype(np.uint8)
        return {
            "names": NAMES,
            "presets": [[_level(value) for value in weights] for weights in PRESETS.values()],
            "said": SAID,
            "shape": list(self.maps[0].shape),
            "maps": [base64.b64encode(values.tobytes()).decode() for values in self._bytes],
            "colours": base64.b64encode(colours.tobytes()).decode(),
        }

    def picture(self) -> Figure:
        mixed = torch.einsum("ij,jhw->ihw", self.alpha, torch.stack(self.maps))
        return plots.cross_stitch_figure(self.maps, mixed, self.alpha)


def _plain(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00")


def _level(value: float) -> int:
    return LEVELS.index(f"{value:.2f}")


def _alpha(state: State) -> list[float]:
    return [float(LEVELS[state[name]]) for name in NAMES]


def _png(values: np.ndarray) -> str:
    """(H, W), or (H, W, 3), in 0…255 → an address that holds the picture."""
    buffer = BytesIO()
    pictures.imsave(buffer, values, cmap="cividis", vmin=0, vmax=255, format="png", metadata={"Software": None})
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
