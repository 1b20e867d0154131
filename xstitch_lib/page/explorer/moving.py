"""Figures that answer to a hand, with a kernel and without one: what they have in common.

One object shows itself in three ways. Where a kernel runs, as ipywidgets: Python draws each state. In a built page, as
an SVG and a few lines of script: Python draws the first state and the script the others. In print, as a picture.
"""

import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import ipywidgets as widgets
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

FOLDER = Path(__file__).parent
State = Mapping[str, int]  # control → the number of its option


@dataclass(frozen=True)
class Control:
    """One of several options.

    Attributes:
        name, label: what code and what readers call it.
        options: their texts.
        start: the number of the first one shown.
        kind: a menu, or a slider along the options.
    """

    name: str
    label: str
    options: Sequence[str]
    start: int = 0
    kind: Literal["menu", "slider"] = "menu"


class MovingFigure:
    """Subclasses draw a state; ``<script>.js`` does the same in a page.

    Attributes:
        script: the file's name, without .js; it defines ``draw(root, data, state)``, which returns the caption.
        controls: those with a choice; what has one option only is not shown.
        plays: the slider that a play button moves, if there is one.
    """

    script: str
    plays: str | None = None

    def __init__(self, controls: Sequence[Control]):
        self.controls = list(controls)
        self.state = {control.name: control.start for control in controls}

    def svg(self, state: State) -> str:
        """The drawing, as one ``<svg>``."""
        raise NotImplementedError

    def caption(self, state: State) -> str:
        """What the state shows, in words; screen readers are told it when it changes."""
        raise NotImplementedError

    def data(self) -> dict[str, Any]:
        """What the script needs to draw every state."""
        raise NotImplementedError

    def picture(self) -> Figure:
        """For print."""
        raise NotImplementedError

    def react(self, state: State, changed: str) -> State:
        """The state after ``changed`` was moved; a control may move others."""
        return state

    def html(self) -> str:
        """The figure for a page without a kernel: no file besides, and nothing is asked of the network."""
        options = {control.name: list(control.options) for control in self.controls}
        content = json.dumps({"options": options, **self.data()}, separators=(",", ":")).replace("</", "<\\/")
        key = f"xs-{hashlib.sha256(content.encode()).hexdigest()[:8]}"
        shown = [c for c in self.controls if len(c.options) > 1]
        fields = "".join([_field(c, f"{key}-{c.name}", self.state[c.name]) for c in shown])
        button = f'<button type="button" data-plays="{self.plays}">play</button>' if self.plays else ""
        script = (FOLDER / f"{self.script}.js").read_text() + (FOLDER / "moving.js").read_text()
        return (
            f'<div class="xs-moving" id="{key}">{_style()}<div class="xs-controls">{fields}{button}</div>'
            f'{self._drawing()}<script type="application/json">{content}</script>'
            f"<script>(() => {{\n{script}}})();</script></div>"
        )

    def _drawing(self) -> str:
        words = html.escape(self.caption(self.state))
        return f'{self.svg(self.state)}<p class="xs-caption" aria-live="polite">{words}</p>'

    def widget(self) -> widgets.Widget:
        """The figure for a kernel."""
        inputs = {c.name: _input(c, self.state[c.name]) for c in self.controls}
        drawing = widgets.HTML(layout={"max_width": "36em", "width": "100%"})

        def show() -> None:
            drawing.value = f'<div class="xs-moving">{_style()}{self._drawing()}</div>'

        def move(change, name: str) -> None:
            if change["new"] != self.state[name]:
                self.state = dict(self.react({**self.state, name: change["new"]}, name))
                for other, widget in inputs.items():
                    widget.value = self.state[other]
                show()

        for name, widget in inputs.items():
            widget.observe(lambda change, name=name: move(change, name), "value")
        show()
        shown = [inputs[c.name] for c in self.controls if len(c.options) > 1]
        if self.plays:
            last = len(inputs[self.plays].options) - 1
            play = widgets.Play(value=self.state[self.plays], min=0, max=last, interval=400)
            widgets.link((play, "value"), (inputs[self.plays], "index"))
            shown.append(play)
        self.inputs = inputs
        return widgets.VBox([widgets.HBox(shown, layout={"flex_flow": "row wrap"}), drawing])

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        buffer, figure = BytesIO(), self.picture()
        figure.savefig(buffer, format="png", dpi=110)
        plt.close(figure)
        return {
            # the widgets' protocol, the same in ipywidgets 7, which Colab has, and 8
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.widget().model_id,
            },
            "text/html": self.html(),
            "image/png": buffer.getvalue(),
            "text/plain": repr(self),
        }


@dataclass(frozen=True)
class Plot:
    """Axes in an SVG: where values lie on the page.

    Attributes:
        box: left, top, width, height.
        x, y: (lowest, highest) value.
    """

    box: tuple[float, float, float, float]
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        left, top, width, height = self.box
        across, up = (x - self.x[0]) / (self.x[1] - self.x[0]), (y - self.y[0]) / (self.y[1] - self.y[0])
        return left + width * across, top + height * (1 - up)

    def points(self, xs: Sequence[float], ys: Sequence[float]) -> str:
        """Of a polyline; one decimal is a tenth of a pixel."""
        return " ".join(["{:.1f},{:.1f}".format(*self.at(x, y)) for x, y in zip(xs, ys, strict=True)])

    def axes(self, xlabel: str, ylabel: str, xticks: Sequence[float], yticks: Sequence[float]) -> str:
        """Lines, ticks and labels."""
        left, top, width, height = self.box
        parts = [f'<path class="xs-axis" d="M{left},{top}v{height}h{width}"/>']
        for tick in xticks:
            x, _ = self.at(tick, self.y[0])
            parts.append(f'<text x="{x:.1f}" y="{top + height + 16}" text-anchor="middle">{tick:g}</text>')
        for tick in yticks:
            _, y = self.at(self.x[0], tick)
            parts.append(f'<path class="xs-grid" d="M{left},{y:.1f}h{width}"/>')
            parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
        if xlabel:
            x, y = left + width / 2, top + height + 33
            parts.append(f'<text x="{x}" y="{y}" text-anchor="middle">{xlabel}</text>')
        parts.append(f'<text x="{left}" y="{top - 8}">{ylabel}</text>')
        return "".join(parts)


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers in an interval."""
    from matplotlib.ticker import MaxNLocator

    found = MaxNLocator(count, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [round(float(tick), 6) + 0.0 for tick in found if low <= tick <= high]


def svg(width: int, height: int, label: str, content: str) -> str:
    """The outermost element; ``label`` says what it shows to those who cannot see it."""
    opening = f'<svg class="xs-drawing" viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(label)}">'
    return f"{opening}{content}</svg>"


def _style() -> str:
    return f"<style>{(FOLDER / 'moving.css').read_text()}</style>"


def _field(control: Control, key: str, chosen: int) -> str:
    label = f'<label for="{key}">{html.escape(control.label)}</label>'
    text = html.escape(control.options[chosen])
    if control.kind == "slider":
        last = len(control.options) - 1
        inputs = (
            f'<input type="range" id="{key}" name="{control.name}" min="0" max="{last}" value="{chosen}" '
            f'aria-valuetext="{text}" autocomplete="off"><output for="{key}">{text}</output>'
        )
    else:
        options = [
            f'<option value="{i}"{" selected" if i == chosen else ""}>{html.escape(option)}</option>'
            for i, option in enumerate(control.options)
        ]
        inputs = f'<select id="{key}" name="{control.name}" autocomplete="off">{"".join(options)}</select>'
    return f'<span class="xs-field">{label}{inputs}</span>'


def _input(control: Control, chosen: int) -> widgets.Widget:
    kind = widgets.SelectionSlider if control.kind == "slider" else widgets.Dropdown
    options = [(text, number) for number, text in enumerate(control.options)]
    return kind(options=options, value=chosen, description=control.label)
