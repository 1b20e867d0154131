"""Sources link back to the reference page only where it has the anchor."""

import re
from pathlib import Path

# viewcode knows objects by other names too
BACK = re.compile(r'<a class="viewcode-back" href="([^"#]*)#([^"]*)">.*?</a>')


def without_dead_links(page: str, anchors: set[str]) -> str:
    """A page of ``_modules`` without links to anchors that are not there."""
    return BACK.sub(lambda link: link[0] if link[2] in anchors else "", page)


def mend(app, exception):
    folder, reference = Path(app.outdir, "_modules"), Path(app.outdir, "book/api.html")
    if exception is not None or app.builder.format != "html" or not reference.exists():
        return
    anchors = {*re.findall(r'id="([^"]+)"', reference.read_text())}
    for path in folder.rglob("*.html"):
        path.write_text(without_dead_links(path.read_text(), anchors))


def setup(app):
    app.connect("build-finished", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
