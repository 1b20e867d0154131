"""The files around the library agree with each other."""

import ast
import json
import pkgutil
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
REMOVED = {"remove-cell", "remove-input"}
HIDDEN = REMOVED | {"hide-cell", "hide-input"}


def test_environment_yml_lists_what_pyproject_lists():
    listed = chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    ours = {p for p in listed if "[" not in p}
    python, _, pip = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    theirs = {p for p in pip["pip"] if not p.startswith("--")}
    assert theirs == ours
    assert python == "python" + PROJECT["requires-python"]


def test_constraints_name_versions_and_no_addresses():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+( ;.*)?", line) for line in lines), lines


def test_constraints_pin_every_direct_dependency():
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    wanted = [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())]
    names = {re.match(r"[A-Za-z0-9_-]+", w)[0] for w in wanted if "[" not in w}
    assert names <= pinned


def test_training_path_imports_without_the_books_packages():
    """All of it: ``import xstitch_lib`` imports data, networks, training and studies."""
    missing = [
        "IPython",
        "PIL",
        "cv2",
        "fastjsonschema",
        "h5py",
        "ipywidgets",
        "matplotlib",
        "pooch",
        "scipy",
        "seaborn",
        "skimage",
        "sklearn",
    ]
    code = f"import sys; sys.modules.update(dict.fromkeys({missing})); import xstitch_lib"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_api_page_names_what_exists():
    page = (ROOT / "book" / "api.md").read_text()
    documented = re.findall(r"^\.\. auto\w+:: (\S+)(?:\n   :members: (.+))?", page, flags=re.MULTILINE)
    assert documented
    for name, members in documented:
        thing = pkgutil.resolve_name(name)
        missing = [m for m in members.split(", ") if m and not hasattr(thing, m)]
        assert not missing, f"{name} has no {missing}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
class TestNotebook:
    def cells(self, path, kind):
        return [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == kind]

    def test_is_stored_without_outputs(self, path):
        assert not any(c["outputs"] or c["execution_count"] for c in self.cells(path, "code"))

    def test_every_figure_has_a_caption_and_alt_text(self, path):
        for cell in self.cells(path, "code"):
            code = "".join(cell["source"])
            if re.search(
                r"^(plots\.(?!use_style)\w+\(|UnitPlayground\(|Forest\(|AlphaExplorer\(|TrainingReplay\()",
                code,
                flags=re.M,
            ):
                shown = cell["metadata"].get("mystnb", {})
                assert shown.get("image", {}).get("alt") and shown.get("figure", {}).get("caption"), code

    def test_imports_the_library_first_and_installs_it_only_where_it_is_missing(self, path):
        first = "".join(self.cells(path, "code")[0]["source"])
        assert re.search(r"^try:\n    import xstitch_lib as xs\nexcept ModuleNotFoundError:\n    %pip", first, re.M)

    def test_no_clock_stops_a_cell_that_works(self, path):
        """nbmake gives a cell 300 seconds, unless the notebook says otherwise; -1 is no limit."""
        assert json.loads(path.read_text())["metadata"]["execution"]["timeout"] == -1

    def test_opens_with_a_question_and_ends_in_a_summary_and_exercises(self, path):
        if path.stem in ("index", "verdict", "errata"):
            return
        prose = "\n".join("".join(c["source"]) for c in self.cells(path, "markdown"))
        assert re.match(r"(\(.+\)=\n)?# .+\n\n\*\*.+\*\*", prose)
        assert "## Summary" in prose and "## Exercises" in prose.split("## Summary")[1]
        solutions = [c for c in self.cells(path, "code") if "solution" in str(c["metadata"])]
        assert len(solutions) >= 3 and all("hide-cell" in c["metadata"]["tags"] for c in solutions)

    def test_no_measured_number_is_typed_into_the_prose(self, path):
        for cell in self.cells(path, "markdown"):
            text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|\(https?://[^)]*\)", "", "".join(cell["source"]), flags=re.S)
            assert not re.search(r"\d ?%|\d\.\d{2,}", text.replace("95 %", "")), text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
class TestLeanNotebook:
    """What a chapter says of records is a function of `xstitch_lib.studies.reports`."""

    def cells(self, path):
        """(tags, source) of each code cell."""
        cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
        return [({*c["metadata"].get("tags", [])}, "".join(c["source"])) for c in cells]

    def test_no_hidden_cell_is_longer_than_thirty_lines(self, path):
        long = [code for tags, code in self.cells(path) if tags & HIDDEN and len(code.splitlines()) > 30]
        assert not long

    def test_the_code_shown_runs_as_a_reader_would_type_it(self, path):
        """No name in it comes from a cell whose code the page leaves out."""
        names = {ast.Store: set(), ast.Load: set()}, {ast.Store: set()}
        for tags, code in self.cells(path):
            left_out = bool(tags & REMOVED)
            for kind, name in _names(code):
                names[left_out].setdefault(kind, set()).add(name)
        shown, left_out = names
        assert not shown[ast.Load] & (left_out[ast.Store] - shown[ast.Store])


def test_what_pages_leave_out_is_little():
    """Lines that a reader of the built page cannot see: a third of what they once were."""
    lines = 0
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text())["cells"]:
            if REMOVED & {*cell["metadata"].get("tags", [])}:
                lines += sum([bool(line.strip()) for line in "".join(cell["source"]).splitlines()])
    assert lines <= 480


def _names(code):
    """Each name with `ast.Load` where it is read and `ast.Store` where it is made."""
    for node in ast.walk(ast.parse(re.sub(r"^(\s*)%.*", r"\1pass", code, flags=re.M))):
        if isinstance(node, ast.Name):
            yield type(node.ctx), node.id
        elif isinstance(node, ast.FunctionDef):
            yield ast.Store, node.name
        elif isinstance(node, ast.alias):
            yield ast.Store, node.asname or node.name
