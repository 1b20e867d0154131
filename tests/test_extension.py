"""book/_ext: the site's own Sphinx extension."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

EXTENSION = Path(__file__).parents[1] / "book" / "_ext"


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.syspath_prepend(str(EXTENSION))
    import xstitch_execution
    import xstitch_figures

    yield SimpleNamespace(execution=xstitch_execution, figures=xstitch_figures)
    for name in ("xstitch_execution", "xstitch_figures"):
        sys.modules.pop(name, None)


def environment():
    return SimpleNamespace(found_docs={"a", "b"}, doc2path=lambda name: {"a": "a.ipynb", "b": "b.md"}[name])


def test_a_changed_library_runs_the_notebooks_again(extension, monkeypatch, tmp_path):
    monkeypatch.setattr(extension.execution, "LIBRARY", tmp_path)
    (tmp_path / "unit.py").write_text("alpha = 1")
    env, first = environment(), extension.execution.library_hash()
    assert extension.execution.outdate_notebooks(None, env, [], [], []) == ["a"]
    assert extension.execution.outdate_notebooks(None, env, [], [], []) == []
    (tmp_path / "unit.py").write_text("alpha = 2")
    assert extension.execution.library_hash() != first
    assert extension.execution.outdate_notebooks(None, env, [], [], []) == ["a"]


def test_each_library_has_its_own_cache(extension, monkeypatch, tmp_path):
    monkeypatch.setattr(extension.execution, "LIBRARY", tmp_path / "library")
    monkeypatch.delenv("XSTITCH_EXECUTE", raising=False)
    caches = set()
    for text in ("alpha = 1", "alpha = 2", "alpha = 1"):
        (tmp_path / "library").mkdir(exist_ok=True)
        (tmp_path / "library" / "unit.py").write_text(text)
        config = SimpleNamespace()
        extension.execution.choose_cache(SimpleNamespace(outdir=tmp_path / "site" / "html"), config)
        assert Path(config.nb_execution_cache_path).is_dir()
        caches.add(config.nb_execution_cache_path)
    assert len(caches) == 2


def test_saved_outputs_are_built_without_execution(extension, monkeypatch):
    monkeypatch.setenv("XSTITCH_EXECUTE", "off")
    config = SimpleNamespace(nb_execution_mode="cache")
    extension.execution.choose_cache(None, config)
    assert config.nb_execution_mode == "off"


def test_a_figure_gets_the_themes_colours_unique_ids_and_its_alt_text(extension):
    source = (
        '<?xml version="1.0"?><svg width="100pt" height="50pt" viewBox="0 0 100 50"><metadata>x</metadata>'
        '<path id="m1" style="stroke: #0072b2; fill: #FEFEFE"/><use xlink:href="#m1"/><g clip-path="url(#m1)"/></svg>'
    )
    svg = extension.figures.page_svg(source, 'two "maps"')
    assert svg.startswith("<svg") and "metadata" not in svg and 'height="' not in svg
    assert "stroke: var(--xs-a); fill: var(--xs-paper)" in svg
    assert 'aria-label="two &quot;maps&quot;"' in svg and "max-width:100pt" in svg
    other = extension.figures.page_svg(source.replace("50pt", "60pt"), "")
    ids = [part.split('id="')[1].split('"')[0] for part in (svg, other)]
    assert ids[0] != ids[1] and svg.count(ids[0]) == 3
