"""A site that asks the network for nothing: a local MathJax, no thebe, no widgets."""

import importlib.util
from pathlib import Path

from sphinx.util.fileutil import copy_asset

# the combined file draws TeX without fetching anything but these fonts
FONTS = "output/chtml/fonts/woff-v2"
MATHJAX = {"tex-mml-chtml.js": ".", FONTS: FONTS}  # what to copy, and into which folder


def copy_mathjax(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    package = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent
    for name, folder in MATHJAX.items():
        target = Path(app.outdir, "_static/mathjax", folder)
        copy_asset(package / "static/mathjax" / name, target)


def drop_scripts(app, pagename, templatename, context, doctree):
    """Jupyter Book 1 puts thebe's address on every page, and live widgets' state."""

    def unwanted(script) -> bool:
        attributes = str(getattr(script, "attributes", ""))
        return (
            "thebe" in f"{script} {attributes}".lower() or "widget-state" in attributes
        )

    context["script_files"] = [s for s in context["script_files"] if not unwanted(s)]


def setup(app):
    app.connect("html-page-context", drop_scripts, priority=900)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
