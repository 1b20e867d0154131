"""book/_ext: the site's own Sphinx extension."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml

from xstitch_lib import record

ROOT = Path(__file__).parents[1]
EXTENSION = ROOT / "book" / "_ext"


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.syspath_prepend(str(EXTENSION))
    import xstitch_chapters
    import xstitch_execution
    import xstitch_figures

    yield SimpleNamespace(chapters=xstitch_chapters, execution=xstitch_execution, figures=xstitch_figures)
    for name in ("xstitch_chapters", "xstitch_execution", "xstitch_figures"):
        sys.modules.pop(name, None)


def environment():
    return SimpleNamespace(found_docs={"a", "b"}, doc2path=lambda name: {"a": "a.ipynb", "b": "b.md"}[name])


def test_a_changed_library_runs_the_notebooks_again(extension, monkeypatch, tmp_path):
    monkeypatch.setattr(extension.execution, "LIBRARY", tmp_path)
    (tmp_path / "unit.py").write_text("alpha = 1")
    env, first = environment(), extension.execution.library_hash()
    app = SimpleNamespace(config=SimpleNamespace(nb_execution_mode="off"))
    assert extension.execution.outdate_notebooks(app, env, [], [], []) == ["a"]
    assert extension.execution.outdate_notebooks(app, env, [], [], []) == []
    (tmp_path / "unit.py").write_text("alpha = 2")
    assert extension.execution.library_hash() != first
    assert extension.execution.outdate_notebooks(app, env, [], [], []) == ["a"]


def test_the_library_notes_the_records_that_are_asked_for(extension, monkeypatch, tmp_path):
    assert record.NOTE == extension.chapters.NOTE
    monkeypatch.setenv(record.NOTE, str(tmp_path / "note"))
    record.load("table5", "small")
    with pytest.raises(FileNotFoundError):
        record.load("table5", "huge")
    assert {*(tmp_path / "note").read_text().split()} == {"table5-small.json", "table5-huge.json"}


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
    assert 'aria-label="two &quot;maps&quot;"' in svg and "--xs-width:100pt" in svg
    other = extension.figures.page_svg(source.replace("50pt", "60pt"), "")
    ids = [part.split('id="')[1].split('"')[0] for part in (svg, other)]
    assert ids[0] != ids[1] and svg.count(ids[0]) == 3


def notebook(path, *cells):
    path.parent.mkdir(exist_ok=True, parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells]), path)
    return path


def test_chapters_whose_runs_others_read_come_first(extension):
    found = [path.stem for path in extension.chapters.in_order(sorted((ROOT / "book").glob("*.ipynb")))]
    first, others = found[: len(extension.chapters.FIRST)], found[len(extension.chapters.FIRST) :]
    assert first == list(extension.chapters.FIRST)
    assert others == sorted(others) and "index" in others and len(found) == len(set(found))


class TestRunning:
    def run(self, extension, *paths):
        chapters = [extension.chapters.Chapter(path) for path in paths]
        kept = []
        with ThreadPoolExecutor() as pool:  # in the tests' own thread a browser may hold the loop
            pool.submit(asyncio.run, extension.chapters.run_all(chapters, kept.append, 2, os.environ)).result()
        return chapters, [str(chapter) for chapter in kept]

    def test_two_run_at_a_time(self, extension, tmp_path):
        """Each waits until the other one has begun."""
        wait = (
            "import pathlib, time\npathlib.Path('{}').touch()\nwhile not pathlib.Path('{}').exists(): time.sleep(0.01)"
        )
        pair = [notebook(tmp_path / f"{a}.ipynb", wait.format(a, b)) for a, b in ("xy", "yx")]
        chapters, kept = self.run(extension, *pair)
        assert sorted(kept) == ["x", "y"] and not any([chapter.failure for chapter in chapters])

    def test_after_one_that_fails_no_other_begins_and_what_is_done_is_kept(self, extension, tmp_path):
        good = notebook(tmp_path / "good.ipynb", "print(1)")
        bad = notebook(tmp_path / "bad.ipynb", "x = 1", "# why\nraise ValueError('first line\\nand a second')")
        late = notebook(tmp_path / "late.ipynb", "import time; time.sleep(1)")
        never = notebook(tmp_path / "never.ipynb", "open('never', 'w')")
        chapters, kept = self.run(extension, bad, good, late, never)
        assert chapters[0].failure == "ValueError: first line and a second" and not (tmp_path / "never").exists()
        assert "good" in kept and "bad" not in kept
        told = extension.chapters.report(chapters[:1])
        assert "bad.ipynb, cell 2" in told and "# why" in told and len(told.splitlines()) < 10

    def test_a_kernel_that_dies_is_told(self, extension, tmp_path):
        (chapter,), kept = self.run(extension, notebook(tmp_path / "dies.ipynb", "import os; os._exit(1)"))
        assert "its kernel died" in chapter.failure and kept == []


@pytest.fixture
def book(tmp_path):
    """A book of two chapters, executed as the real one's are."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    (tmp_path / "xstitch_lib").mkdir()  # what is hashed
    (tmp_path / "book" / "_ext").mkdir(parents=True)
    for name in ("xstitch_chapters.py", "xstitch_execution.py"):
        (tmp_path / "book" / "_ext" / name).write_text((EXTENSION / name).read_text())
    sphinx = {"local_extensions": {"xstitch_execution": "book/_ext"}}
    (tmp_path / "_config.yml").write_text(yaml.dump({"execute": config["execute"], "sphinx": sphinx}))
    (tmp_path / "_toc.yml").write_text("{format: jb-book, root: book/one, chapters: [file: book/two]}")
    count = "open('runs', 'a').write('{0}')\nprint('{0} says', 6 * 7)"
    for name in ("one", "two"):
        cells = [nbformat.v4.new_markdown_cell(f"# {name}"), nbformat.v4.new_code_cell(count.format(name[0]))]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "book" / f"{name}.ipynb")
    return tmp_path


def build(book, **more):
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "."]
    return subprocess.run(command, cwd=book, env={**os.environ, **more}, capture_output=True, text=True)


def test_a_build_that_failed_was_cut_off_or_met_a_full_disk_is_followed_by_one_that_works(book):
    """One after the other, as they would befall one user."""
    runs, two = book / "book" / "runs", book / "book" / "two.ipynb"
    sound = two.read_text()
    two.write_text(sound.replace("6 * 7", "six * 7"))
    done = build(book)
    last = done.stderr.splitlines()[-10:]
    assert done.returncode != 0 and any(["two.ipynb, cell 2" in line for line in last])
    assert any(["NameError: name 'six' is not defined" in line for line in last]), last
    assert any(["What is done is kept" in line for line in last]) and "Traceback" not in "\n".join(last)

    two.write_text(sound)
    done = build(book)
    assert done.returncode == 0, done.stderr
    assert runs.read_text().count("o") == 1, "the chapter that was done is not run again"
    assert "t says 42" in (book / "_build" / "html" / "book" / "two.html").read_text()

    (kept,) = (book / "_build" / ".jupyter_cache").iterdir()
    page = book / "_build" / "html" / "book" / "one.html"
    half = next(path for path in kept.glob("executed/*/base.ipynb") if "o says" in path.read_text())
    half.write_text(half.read_text()[:200])  # what a full disk leaves
    page.write_text(page.read_text()[:200])
    (book / "_build" / ".unfinished").touch()  # what a killed build leaves
    two.write_text(sound.replace("6 * 7", "6 * 8"))
    done = build(book)
    assert done.returncode == 0, done.stderr
    assert "t says 48" in (book / "_build" / "html" / "book" / "two.html").read_text()
    assert "o says 42" in page.read_text()

    (kept / "global.db").write_bytes(b"")
    runs.unlink()
    for chapter in (book / "book").glob("*.ipynb"):
        chapter.touch()
    assert build(book).returncode == 0 and sorted(runs.read_text()) == ["o", "t"]
    assert build(book).returncode == 0 and sorted(runs.read_text()) == ["o", "t"], "all is there"


def test_a_new_record_runs_again_the_chapters_that_asked_for_it(book):
    """One that was there, or that was looked for and has come; the page is the one of the present record."""
    runs, recorded = book / "book" / "runs", book / "xstitch_lib" / "recorded"
    recorded.mkdir()
    (recorded / "a-small.json").write_text("3")
    ask = (
        "open('runs', 'a').write('o')\n"
        "import os, pathlib\nwith open(os.environ['XSTITCH_RECORDS_READ'], 'a') as note:\n"
        "    note.write('a-small.json\\nb-small.json\\n')\n"
        "print('one reads', *[path.read_text() for path in sorted(pathlib.Path('../xstitch_lib/recorded').glob('*'))])"
    )
    cells = [nbformat.v4.new_markdown_cell("# one"), nbformat.v4.new_code_cell(ask)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), book / "book" / "one.ipynb")
    for name, text, ran in [
        ("a-small.json", "3", "ot"),
        ("c-small.json", "4", "ot"),
        ("a-small.json", "5", "oot"),
        ("b-small.json", "6", "ooot"),
    ]:
        (recorded / name).write_text(text)
        done = build(book)
        assert done.returncode == 0 and "".join(sorted(runs.read_text())) == ran, done.stderr
    assert "one reads 5 6 4" in (book / "_build" / "html" / "book" / "one.html").read_text()


def test_ctrl_c_ends_a_build_and_its_kernels_and_a_second_build_is_refused(book):
    notebook(book / "book" / "two.ipynb", "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)")
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "."]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    heeds = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # what runs in the background may have to ignore it
    running = subprocess.Popen(command, cwd=book, preexec_fn=heeds, **quiet)
    while not (pid := book / "book" / "pid").exists() or not pid.read_text():
        assert running.poll() is None
        time.sleep(0.05)
    second = build(book)
    assert second.returncode != 0 and "another build is writing to" in second.stderr.splitlines()[-1]
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=30) != 0
    time.sleep(1)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_sources_link_back_only_to_anchors_that_are_there(monkeypatch):
    monkeypatch.syspath_prepend(str(EXTENSION))
    from xstitch_sources import without_dead_links

    links = [f'<a class="viewcode-back" href="../api.html#{name}">[docs]</a>' for name in ("there", "gone")]
    assert without_dead_links(f"a {links[0]} b {links[1]} c", {"there"}) == f"a {links[0]} b  c"
