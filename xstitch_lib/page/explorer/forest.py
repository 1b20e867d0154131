"""All verdicts in one picture: a line a claim, the paper's gain and ours with its interval."""

import html
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from xstitch_lib.page import plots
from xstitch_lib.page.explorer.moving import Control, MovingFigure, State, svg, ticks
from xstitch_lib.studies.reports.verdict import NOT_RUN, Line

ANYTHING = "anything"
# verdict → its colour's class
KINDS = {
    "supported": "c2",
    "contradicted": "c1",
    "no effect of note": "c0",
    "undecided": "c4",
    NOT_RUN: "c4",
}
LEFT, WIDTH = 14, 392


class Forest(MovingFigure):
    """A forest plot with a hand on it: choose a quantity, the data, and what a gain is over.

    Args:
        lines: as `xstitch_lib.studies.reports.verdict.lines` gives them.
        start: the quantity and the data that are shown first.

    Raises:
        ValueError: if there is no line.

    Source: page "Verdict".
    """

    script = "forest"

    def __init__(self, lines: Sequence[Line], start: tuple[str, str] = ("normals, mean (°)", "NYU-v2")):
        if not lines:
            raise ValueError("a forest plot needs a line at least; got none")
        self.lines = list(lines)
        self.quantities = list(dict.fromkeys([line.quantity for line in lines]))
        self.data_sets = list(dict.fromkeys([line.data for line in lines]))
        self.overs = [ANYTHING, *dict.fromkeys([line.over for line in lines if line.over])]
        first = [names.index(name) if name in names else 0
                 for names, name in zip((self.quantities, self.data_sets), start, strict=True)]  # fmt: skip
        super().__init__(
            [
                Control("quantity", "gain in", self.quantities, first[0]),
                Control("data", "on", self.data_sets, first[1]),
                Control("over", "over", self.overs),
            ]
        )

    def shown(self, state: State) -> list[Line]:
        """The lines of a state."""
        quantity, data = self.quantities[state["quantity"]], self.data_sets[state["data"]]
        over = self.overs[state["over"]]
        chosen = [line for line in self.lines if (line.quantity, line.data) == (quantity, data)]
        return [line for line in chosen if over in (ANYTHING, line.over)]

    def caption(self, state: State) -> str:
        quantity, data, over = [c.options[state[c.name]] for c in self.controls]
        found = self.shown(state)
        if not found:
            return f"{quantity}: see {self._where(quantity)}, not {data}, or over anything else than {over}."
        counts = Counter([line.verdict for line in found])
        told = ", ".join([f"{counts[kind]} {kind}" for kind in KINDS if counts[kind]])
        return (
            f"{quantity} on {data}, gains over {over}: {told}. "
            "Right of the line is better; dots are ours with 95 % intervals, diamonds the paper's."
        )

    def _where(self, quantity: str) -> str:
        return ", ".join(dict.fromkeys([line.data for line in self.lines if line.quantity == quantity]))

    def svg(self, state: State) -> str:
        found = self.shown(state)
        label = "Claims, each with the paper's gain and ours with its interval; the text below counts the verdicts"
        if not found:
            said = "Nothing of this kind is claimed in this quantity on these data."
            return svg(420, 40, label, f'<text x="4" y="24">{said}</text>')
        low, high = _range(found)
        y, parts = 14, []
        for line in found:
            kind = KINDS[line.verdict]
            parts.append(f'<text class="verdict {kind}" x="4" y="{y}">{line.verdict}</text>')
            for part in _wrapped(line.label):
                y += 15
                parts.append(f'<text class="claim" x="4" y="{y}">{html.escape(part, quote=False)}</text>')
            y += 14
            parts.append(_mark(line, kind, low, high, y))
            y += 26
        for tick in ticks(low, high):
            x = _place(tick, low, high)
            parts.append(f'<text x="{x}" y="{y + 6}" text-anchor="middle">{tick:g}</text>')
        axes = f'<path class="xs-axis" d="M{_place(0, low, high)},2V{y - 8}"/>'
        axes += f'<path class="xs-axis" d="M{LEFT},{y - 8}H{LEFT + WIDTH}"/>'
        return svg(420, y + 12, label, axes + "".join(parts))

    def data(self) -> dict[str, Any]:
        labels, verdicts = list(dict.fromkeys([line.label for line in self.lines])), list(KINDS)
        rows = [
            [labels.index(line.label), verdicts.index(line.verdict), line.gain, line.low, line.high, line.paper]
            for line in map(_rounded, self.lines)
        ]
        numbers, states = {id(line): k for k, line in enumerate(self.lines)}, {}
        for q in range(len(self.quantities)):
            for d in range(len(self.data_sets)):
                for o in range(len(self.overs)):
                    state = {"quantity": q, "data": d, "over": o}
                    if found := self.shown(state):
                        span = _range(found)
                        states[f"{q}-{d}-{o}"] = {
                            "rows": [numbers[id(line)] for line in found],
                            "range": span,
                            "ticks": ticks(*span),
                            "caption": self.caption(state),
                        }
        return {
            "rows": rows,
            "labels": [_wrapped(label) for label in labels],
            "verdicts": [[kind, colour] for kind, colour in KINDS.items()],
            "where": [self._where(quantity) for quantity in self.quantities],
            "states": states,
        }

    def picture(self) -> Figure:
        return plots.forest({self.quantities[self.state["quantity"]]: self.shown(self.state)})


def _rounded(line: Line) -> Line:
    values = {name: getattr(line, name) for name in ("gain", "low", "high", "paper")}
    return line._replace(**{name: None if value is None else round(value, 3) for name, value in values.items()})


def _wrapped(label: str) -> list[str]:
    return textwrap.wrap(label, 62)


def _range(lines: Sequence[Line]) -> tuple[float, float]:
    """Of the axis: all that is drawn, and zero."""
    values = [v for line in lines for v in (line.low, line.high, line.paper, line.gain) if v is not None]
    low, high = min([0.0, *values]), max([0.0, *values])
    margin = 0.05 * (high - low) or 1.0
    return round(low - margin, 3), round(high + margin, 3)


def _place(value: float, low: float, high: float) -> str:
    return f"{LEFT + WIDTH * (value - low) / (high - low):.1f}"


def _mark(line: Line, kind: str, low: float, high: float, y: int) -> str:
    drawn, line = "", _rounded(line)
    if line.gain is not None:
        start, end, at = [_place(value, low, high) for value in (line.low, line.high, line.gain)]
        drawn = f'<path class="bar {kind}" d="M{start},{y}H{end}"/>'
        drawn += f'<circle class="point {kind}" cx="{at}" cy="{y}" r="4.5"/>'
    if line.paper is None:
        return drawn
    return f'{drawn}<path class="theirs" d="M{_place(line.paper, low, high)},{y - 6}l6,6l-6,6l-6,-6z"/>'
