"""Colab: the copies (tools/), the buttons (book/_ext/xstitch_launch.py) and the workflow that publishes both."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from check_colab import faults
from colab_copies import CHAPTERS, INSTALL, colab_copy, write_copies

ROOT = Path(__file__).parents[1]
SOURCE = "git+https://github.com/reader/book@0123abc"
REAL = f'%pip install -q "xstitch_lib[notebooks] @ {SOURCE}"'
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text())
JOBS = WORKFLOW["jobs"]


def notebook(path, *cells):
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[getattr(nbformat.v4, f"new_{k}_cell")(s) for k, s in cells]), path)
    return path


class TestCopies:
    @pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda p: p.stem)
    def test_only_the_install_line_changes(self, chapter):
        before, after = chapter.read_bytes().splitlines(), colab_copy(chapter, SOURCE).splitlines()
        changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
        assert [tuple(json.loads(line.rstrip(b",")) for line in pair) for pair in changed] == [
            (f"    {INSTALL}\n", f"    {REAL}\n")
        ]

    def test_the_copies_install_line_is_in_the_first_code_cell(self):
        cells = json.loads(colab_copy(CHAPTERS[0], SOURCE))["cells"]
        first = next("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        assert f"except ModuleNotFoundError:\n    {REAL}\n    import xstitch_lib as xs\n" in first

    @pytest.mark.parametrize(
        "cells",
        [
            [("code", "import torch")],
            [("markdown", INSTALL)],
            [("code", "import torch"), ("code", INSTALL)],
            [("markdown", INSTALL), ("code", INSTALL)],
            [("code", '%pip install -q -e "..[book]"')],
        ],
        ids=["without", "in prose", "in a later cell", "twice", "another line"],
    )
    def test_a_chapter_without_the_line_is_refused_by_name(self, tmp_path, cells):
        chapter = notebook(tmp_path / "09_lost.ipynb", *cells)
        with pytest.raises(ValueError, match=r"09_lost\.ipynb needs the line %pip install"):
            write_copies(tmp_path / "copies", SOURCE, [CHAPTERS[0], chapter])
        assert not (tmp_path / "copies").exists()

    def test_a_copys_install_may_add_packages_and_no_more(self):
        held, ours = ["numpy==2.0.2", "torch==2.9.0"], "xstitch-lib @ file:///checkout"
        assert faults(held, [*held, ours, "pandas==3.1.1"]) == []
        assert faults(held, ["numpy==2.4.6", "torch==2.9.0", ours]) == ["numpy==2.0.2 was changed or removed"]
        assert faults(held, held) == ["xstitch_lib was not installed"]


class TestDependencies:
    PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    def test_what_a_copy_installs_has_lower_bounds_only(self):
        wanted = self.PROJECT["dependencies"] + self.PROJECT["optional-dependencies"]["notebooks"]
        assert {"torch", "numpy", "torchvision", "matplotlib"} <= {re.split("[^a-z]", w)[0] for w in wanted}
        assert [w for w in wanted if not re.fullmatch(r"[a-z-]+(>=[\d.]+)?", w)] == []

    def test_a_copy_installs_nothing_that_builds_the_site(self):
        extras = self.PROJECT["optional-dependencies"]
        assert "xstitch_lib[notebooks]" in extras["book"]
        assert not any(re.match("jupyter-book|sphinx|xstitch_lib", w) for w in extras["notebooks"])


@pytest.fixture
def book(tmp_path):
    """The folder of a book of two pages, with the real one's buttons."""
    real = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]
    sphinx = {
        "local_extensions": {"xstitch_launch": str(ROOT / real["local_extensions"]["xstitch_launch"])},
        "config": {key: real["config"][key] for key in ("html_theme_options", "html_context")},
    }
    config = {"execute": {"execute_notebooks": "off"}, "sphinx": sphinx}
    (tmp_path / "_config.yml").write_text(yaml.dump(config))
    (tmp_path / "_toc.yml").write_text("{format: jb-book, root: start, chapters: [file: book/page]}")
    (tmp_path / "start.md").write_text("# Start")
    notebook(tmp_path / "book" / "page.ipynb", ("markdown", "# Page"))
    return tmp_path


def build(book, repository=None):
    """Build it with or without GITHUB_REPOSITORY."""
    others = {key: value for key, value in os.environ.items() if key != "GITHUB_REPOSITORY"}
    environment = others | ({"GITHUB_REPOSITORY": repository} if repository else {})
    command = [Path(sys.executable).with_name("jupyter-book"), "build", book, "-W", "-n", "--keep-going"]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def links(book, page):
    return re.findall(r'href="(https://[^"]+)"', (book / "_build" / "html" / page).read_text())


class TestButtons:
    def test_edit_leads_to_mains_source_and_colab_to_the_copy(self, book):
        here, colab = "https://github.com/reader/the.book", "https://colab.research.google.com/github/reader/the.book"
        done = build(book, "reader/the.book")
        assert done.returncode == 0, done.stderr
        chapter, start = (set(links(book, page)) for page in ("book/page.html", "start.html"))
        assert {here, f"{here}/edit/main/book/page.ipynb", f"{colab}/blob/colab/book/page.ipynb"} <= chapter
        assert {here, f"{here}/edit/main/start.md"} <= start
        assert not any("colab" in link for link in start)  # no notebook
        assert build(book).returncode == 0  # a build without a repository leaves none behind
        for page in ("book/page.html", "start.html"):
            assert not any(re.search("github|colab", link) for link in links(book, page))

    def test_a_malformed_repository_stops_the_build(self, book):
        done = build(book, "the.book")
        assert done.returncode != 0
        assert "GITHUB_REPOSITORY must be owner/name; got 'the.book'" in done.stderr


class TestWorkflow:
    def test_publishes_main_with_no_more_rights_than_each_job_needs(self):
        assert WORKFLOW[True] == {"push": {"branches": ["main"]}}  # YAML 1.1 reads `on` as true
        assert WORKFLOW["permissions"] == {"contents": "read"} and WORKFLOW["concurrency"]["group"]
        rights = {name: job.get("permissions") for name, job in JOBS.items()}
        assert rights == {
            "book": None,
            "copies": {"contents": "write"},
            "site": {"pages": "write", "id-token": "write"},
        }

    def test_builds_the_book_and_publishes_what_was_built(self):
        steps = {step.get("uses", step.get("run")).split("@")[0]: step for step in JOBS["book"]["steps"]}
        assert steps["actions/setup-python"]["with"] == {"python-version": "3.11"}
        assert steps["actions/upload-pages-artifact"]["with"] == {"path": "_build/html"}
        assert "make book" in steps and re.search("^book:", (ROOT / "Makefile").read_text(), re.M)
        assert [step["uses"].split("@")[0] for step in JOBS["site"]["steps"]] == [
            "actions/configure-pages",
            "actions/deploy-pages",
        ]
        assert JOBS["site"]["needs"] == "copies" and JOBS["copies"]["needs"] == "book"

    def test_pushes_the_copies_where_the_buttons_lead_as_one_commit(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
        from xstitch_launch import COPIES

        def git(folder, *words):
            call = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", *words]
            return subprocess.run(call, check=True, capture_output=True, text=True).stdout

        origin = tmp_path / "origin"
        for name in ("LICENSE", "README.md", "tools/colab_copies.py", f"book/{CHAPTERS[0].name}"):
            (origin / name).parent.mkdir(parents=True, exist_ok=True)
            (origin / name).write_bytes((ROOT / name).read_bytes())
        git(origin, "init", "--quiet", "--initial-branch", "main")
        git(origin, "add", ".")
        git(origin, "commit", "--quiet", "--message", "a book")
        script = next(step["run"] for step in JOBS["copies"]["steps"] if "run" in step)
        for commit in ("4567def", "0123abc"):  # the second push replaces the first
            runner = tmp_path / commit
            git(tmp_path, "clone", "--quiet", origin, runner / "clone")
            names = {"GITHUB_REPOSITORY": "reader/book", "GITHUB_SHA": commit, "RUNNER_TEMP": str(runner)}
            call = ["bash", "-e", "-o", "pipefail", "-c", script]
            subprocess.run(call, cwd=runner / "clone", env=os.environ | names, check=True)
        assert git(origin, "log", "--format=%s", COPIES) == "Colab copies of 0123abc\n"
        pushed = f"book/{CHAPTERS[0].name}"
        assert git(origin, "ls-tree", "-r", "--name-only", COPIES).split() == ["LICENSE", pushed]
        assert git(origin, "show", f"{COPIES}:{pushed}").encode() == colab_copy(CHAPTERS[0], SOURCE)
