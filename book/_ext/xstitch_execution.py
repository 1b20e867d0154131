"""Which notebooks run: all of them again when the library changed.

myst-nb's cache keys on a notebook's cells alone. Here each version of the library has
its own cache folder. XSTITCH_EXECUTE=off builds from saved outputs, as `make test` does
after pytest --nbmake.
"""

import hashlib
import os
from pathlib import Path

LIBRARY = Path(__file__).parents[2] / "xstitch_lib"


def library_hash() -> str:
    """SHA-256 of every file of the library, names included."""
    digest = hashlib.sha256()
    for path in sorted(
        p
        for p in LIBRARY.rglob("*")
        if p.is_file()
        and "__pycache__" not in p.parts
        and not p.name.startswith("unfinished.")  # a file that is being written
    ):
        digest.update(f"{path.relative_to(LIBRARY)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def choose_cache(app, config):
    if os.environ.get("XSTITCH_EXECUTE") == "off":
        config.nb_execution_mode = "off"
        return
    cache = Path(app.outdir).parent / ".jupyter_cache" / library_hash()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    config.nb_execution_cache_path = str(cache)


def outdate_notebooks(app, env, added, changed, removed):
    """Read every notebook again when the library changed since the last build."""
    before = getattr(env, "xstitch_library", None)
    env.xstitch_library = library_hash()
    if before == env.xstitch_library:
        return []
    return [name for name in env.found_docs if env.doc2path(name).endswith(".ipynb")]


def setup(app):
    app.connect("config-inited", choose_cache, priority=100)
    app.connect("env-get-outdated", outdate_notebooks)
    return {"parallel_read_safe": True}
