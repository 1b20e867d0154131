"""Matplotlib's SVG figures become part of the page and follow its light and dark theme.

`xstitch_lib.page.plots` draws with the exact colours of `COLOURS`; here each becomes a
CSS variable that `_static/xstitch.css` sets for both themes. LaTeX and EPUB keep the
files.
"""

import hashlib
import html
import re
from pathlib import Path

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from xstitch_lib.page.plots import COLOURS

THEMED = {colour.lower(): f"var(--xs-{name})" for name, colour in COLOURS.items()}


def page_svg(source: str, alt: str) -> str:
    """The SVG with themed colours, ids unique in a page, a fluid width and alt text."""
    svg = re.sub(
        r"<metadata>.*?</metadata>", "", source[source.index("<svg") :], flags=re.S
    )
    svg = re.sub(
        "|".join(THEMED), lambda found: THEMED[found[0].lower()], svg, flags=re.I
    )
    prefix = "f" + hashlib.sha256(source.encode()).hexdigest()[:8] + "-"
    svg = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{prefix}", svg)
    opening, rest = svg.split(">", 1)
    width = re.search(r'\bwidth="([\d.]+)pt"', opening)[1]
    opening = re.sub(r'\s(width|height)="[\d.]+pt"', "", opening)
    label = f'role="img" aria-label="{html.escape(alt)}"'
    return f'{opening} class="xs-figure" style="--xs-width:{width}pt" {label}>{rest}'


class InlineFigures(SphinxPostTransform):
    default_priority = 500  # after myst-nb has chosen an output's format
    formats = ("html",)

    def run(self, **kwargs):
        for image in list(self.document.findall(nodes.image)):
            path = Path(self.app.srcdir) / image["uri"]
            if path.suffix == ".svg" and "jupyter_execute" in path.parts:
                svg = page_svg(path.read_text(encoding="utf-8"), image.get("alt", ""))
                image.replace_self(nodes.raw("", svg, format="html"))


def setup(app):
    app.add_post_transform(InlineFigures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
