"""Imports walk one way: a file imports only from its own layer and those before it."""

import ast
from pathlib import Path

LIBRARY = Path(__file__).parents[1] / "xstitch_lib"
LAYERS = ["files", "kernels", "unit_base", "unit", "data", "tasks", "networks", "looking", "training"]
LAYERS += ["results", "studies", "page", "cli"]


def imported(path):
    """Layers that a file imports from, also within functions; not those for type checkers."""
    tree = ast.parse(path.read_text())
    typing = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]
    left_out = {id(inner) for node in typing for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in left_out:
            package, _, rest = f"{node.module}.".partition(".")
            if package == LIBRARY.name:
                yield from [rest.split(".")[0]] if rest else [alias.name for alias in node.names]


def layer(path):
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


def test_a_file_imports_only_from_its_left():
    found = [
        f"{path.relative_to(LIBRARY)} imports from {other}"
        for path in sorted(LIBRARY.rglob("*.py"))
        if layer(path) != "__init__"
        for other in imported(path)
        if LAYERS.index(other) > LAYERS.index(layer(path))
    ]
    assert not found, "\n".join(found)


def test_imports_say_from_which_file_of_the_library_they_take():
    """What `xstitch_lib.results.identity` follows: no `import xstitch_lib.x`, nothing relative."""
    for path in sorted(LIBRARY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            whole = isinstance(node, ast.Import) and any([one.name.startswith(LIBRARY.name) for one in node.names])
            assert not whole and not (isinstance(node, ast.ImportFrom) and node.level), f"{path}:{node.lineno}"
