"""What a run is: when two are the same.

A record's cell is told by its settings: the scale's, the arm's changes, its method and all of that method's options,
as plain data with every default written out. Code does not enter: a record stays what it is when the library goes on,
and says from which commit it comes. A checkpoint, and with it a live run, is told by the same and by the code that
trains, the library's and that of classes from outside: changed code trains anew.
"""

import ast
import hashlib
import inspect
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, asdict, fields
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

LIBRARY = Path(__file__).parents[1]
NOT_OF_A_CELL = ("seeds", "arms")  # of a scale: what else is run changes no cell
IMPORTED = time.time()


def call(known: dict[str, type], name: str, kind: type) -> None:
    """Enter a class into ``known`` under the name that records have for it.

    Raises:
        ValueError: if another class has that name; defined once more, as a cell of a notebook that is run again does,
            a class takes its own place.
    """
    there = known.setdefault(name, kind)
    if (there.__module__, there.__qualname__) != (kind.__module__, kind.__qualname__):
        raise ValueError(
            f"records call {there.__module__}.{there.__qualname__} {name!r}: give {kind.__qualname__} another name"
        )
    known[name] = kind


def plain(value: Any) -> Any:
    """As it comes back from JSON: tuples are lists."""
    return json.loads(json.dumps(value))


def settings(scale: Any, method: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """All that a cell depends on, besides its seed and the code.

    Args:
        scale: a `Scale`.
        method: a `Method`.
        changes: the arm's, which take the place of the scale's own.
    """
    of_scale = {**asdict(scale), **changes}
    return plain(
        {
            "scale": _of_a_cell(of_scale),
            "method": method.name,
            "options": asdict(method),
        }
    )


def differences(stored: Mapping[str, Any], scale: Any, method: Any, changes: Mapping[str, Any]) -> list[str]:
    """Where the settings of a cell that was kept are not those that its arm has now: "lr was 0.05, is 0.04".

    A field that has come to be since the cell was made is no difference where it has its default.
    """
    now = settings(scale, method, changes)
    if stored["method"] != now["method"]:
        return [f"method was {stored['method']}, is {now['method']}"]
    return [
        *_differences(_of_a_cell(stored["scale"]), now["scale"], _defaults(scale)),
        *_differences(stored["options"], now["options"], _defaults(method)),
    ]


def _of_a_cell(scale: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in scale.items() if name not in NOT_OF_A_CELL}


def _differences(then: Mapping[str, Any], now: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys([*then, *now]):
        was = then.get(name, defaults.get(name, "not there"))
        found = now.get(name, "not there any more")
        if was != found:
            yield f"{name} was {was}, is {found}"


def _defaults(of: Any) -> dict[str, Any]:
    return {f.name: plain(f.default) for f in fields(of) if f.default is not MISSING}


OURS = (LIBRARY.name, "builtins", "abc", "typing", "torch")


def code_of(*things: type | Callable[..., Any] | None) -> str:
    """A digest of classes and functions from outside the library; "" for the library's own, None and torch's.

    `training_code` knows nothing of these: a task, a method, a layer or a world of a notebook. It is of their methods
    with their defaults, properties and constants; what they call elsewhere is not seen.
    """
    told = {_described(one) for thing in things for one in getattr(thing, "__mro__", (thing,)) if _is_outside(one)}
    return hashlib.sha256("".join(sorted(told)).encode()).hexdigest()[:16] if told else ""


def _is_outside(thing: Any) -> bool:
    module = getattr(thing, "__module__", None)
    return module is not None and module.partition(".")[0] not in OURS


def _described(thing: Any) -> str:
    if not isinstance(thing, type):
        return _told(thing)
    own = {name: found for name, found in vars(thing).items() if name not in ("__module__", "__doc__")}
    return f"{thing.__qualname__} {[(name, _told(found)) for name, found in sorted(own.items())]}"


def _told(value: Any) -> str:
    """Code and plain data as text that is the same in every process; of all else its kind."""
    value = getattr(value, "fget", None) or getattr(value, "__func__", value)
    value = inspect.unwrap(value) if callable(value) else value
    if inspect.isfunction(value):
        defaults = [value.__defaults__, tuple(sorted((value.__kwdefaults__ or {}).items()))]
        constants = [_told(one) for one in value.__code__.co_consts if one != value.__doc__]
        return f"{value.__code__.co_code.hex()} {value.__code__.co_names} {constants} {_told(tuple(defaults))}"
    if isinstance(value, CodeType):
        return f"{value.co_code.hex()} {value.co_names} {[_told(one) for one in value.co_consts]}"
    if isinstance(value, frozenset | set):
        return f"{sorted(map(_told, value))}"
    if isinstance(value, tuple | list):
        return f"{[_told(one) for one in value]}"
    return repr(value) if isinstance(value, str | bytes | int | float | complex | None) else type(value).__qualname__


@cache
def training_code() -> str:
    """A digest of the code that trains: of all modules that `TRAINING` reaches by import, as syntax trees.

    Docstrings and comments are no part of it, nor are modules that read results. It is read when it is first asked for;
    where a file has changed since this process began, the process's own code lies on no disk, and the digest is nobody
    else's.
    """
    digest, reached = hashlib.sha256(), _reached(TRAINING)
    for name in sorted(reached):
        digest.update(f"{name} {ast.dump(_without_docstrings(reached[name]))}".encode())
    if any([_file(name).stat().st_mtime > IMPORTED for name in reached]):
        digest.update(os.urandom(16))
    return digest.hexdigest()[:16]


# where training begins; a folder is all files in it
TRAINING = ("studies.bench", "studies.methods", "studies.worlds")


def _reached(roots: Iterable[str], library: Path = LIBRARY) -> dict[str, ast.Module]:
    """Module → tree, of the roots and all that they import, names dotted from the library's folder on.

    A package counts by its ``__init__`` where something is imported from it itself, not from a module in it.
    """
    waiting = [name for root in roots for name in (root, *_inside(root, library))]
    trees: dict[str, ast.Module] = {}
    while waiting:
        name = waiting.pop()
        if name not in trees and _file(name, library).is_file():
            trees[name] = ast.parse(_file(name, library).read_bytes())
            waiting += _imported(trees[name], library)
    return trees


def _inside(package: str, library: Path) -> list[str]:
    folder = library.joinpath(*package.split("."))
    return [f"{package}.{path.stem}" for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]


def _imported(tree: ast.Module, library: Path) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{LIBRARY.name}."):
            package = f"{node.module}."[len(LIBRARY.name) + 1 :]
            modules = [package + alias.name for alias in node.names]
            found = [name for name in modules if _file(name, library).is_file()]
            yield from found
            if package and len(found) < len(modules):
                yield package[:-1]


def _file(name: str, library: Path = LIBRARY) -> Path:
    path = library.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _without_docstrings(tree: ast.Module) -> ast.Module:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return tree
