"""Pickles read as data: a small machine for lists, dicts, strings, numbers and arrays, which calls nothing.

Python's own reader calls whatever function a pickle names. This one follows the list of opcodes by itself and knows six
names, all numpy's, for which it has its own plain code; anything else is refused by name.
"""

import pickletools
import re
from typing import Any

import numpy as np

MARK, NDARRAY = object(), object()
DATA = (list, dict, tuple, str, bytes, bool, int, float, type(None), np.ndarray, np.generic)
ARRAYS = {f"numpy.{core}.multiarray" for core in ("core", "_core")}
NUMBER = re.compile(r"(b1|[iu][1248]|f[248])")
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
# opcodes whose argument is the value itself
VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
FROM_MARK = {"LIST": list, "TUPLE": tuple, "DICT": lambda found: dict(_pairs(found))}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_pickle(content: bytes, name: str = "the pickle") -> Any:
    """What a pickle holds, if that is lists, dicts, tuples, strings, bytes, numbers, None and arrays of numbers.

    Args:
        content: the bytes of the file.
        name: what it is called in messages.

    Raises:
        ValueError: for anything else, and before any of it is called; for a damaged file.

    >>> import pickle
    >>> read_pickle(pickle.dumps([{"gender": "f", "age_young": True, "embedding": np.arange(2.0)}]))
    [{'gender': 'f', 'age_young': True, 'embedding': array([0., 1.])}]
    """
    try:
        return _only_data(_Machine().run(content))
    except _Refused as error:
        raise ValueError(f"{name} is refused, it is not data alone: {error}; download the original again") from None
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{name} is damaged and cannot be read ({error}): download the original again") from error


class _Refused(Exception):
    pass


class _Type:
    """A number's type, of which a pickle tells the byte order later."""

    def __init__(self, code: str):
        if not isinstance(code, str) or not NUMBER.fullmatch(code):
            raise _Refused(f"it has an array of type {code!r}")
        self.code, self.order = code, "="

    def build(self, state: tuple) -> "_Type":
        if state[1] not in ("<", ">", "|", "="):
            raise _Refused(f"it has an array of byte order {state[1]!r}")
        self.order = state[1]
        return self

    def values(self, content: bytes) -> np.ndarray:
        return np.frombuffer(content, self.order + self.code).copy()


class _Array:
    """An array, of which a pickle tells the values later; ``places`` are those that it has in the memory until then."""

    def __init__(self):
        self.places: list[int] = []

    def build(self, state: tuple) -> np.ndarray:
        _, shape, kind, by_columns, content = state
        return _a(_Type, kind).values(_a(bytes, content)).reshape(shape, order="F" if by_columns else "C")


def _known(module: str, name: str) -> Any:
    """Our own code for the few names that a pickled array has."""
    if (module, name) == ("numpy", "ndarray"):
        return NDARRAY
    if (module, name) == ("numpy", "dtype"):
        return lambda code, *_: _Type(code)
    if module in ARRAYS and name == "_reconstruct":
        return lambda *_: _Array()
    if module in ARRAYS and name == "scalar":
        return lambda kind, content: _a(_Type, kind).values(_a(bytes, content))[0]
    if (module, name) == ("_codecs", "encode"):  # how old protocols write bytes
        return lambda text, coding: _a(str, text).encode("latin1" if coding == "latin1" else "ascii")
    raise _Refused(f"it asks for {module}.{name}")


class _Machine:
    def __init__(self):
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, content: bytes) -> Any:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name == "STOP":
                return self.stack.pop()
            self.step(opcode.name, argument)
        raise ValueError("it ends too early")

    def step(self, opcode: str, argument: Any) -> None:
        stack = self.stack
        if opcode in CONSTANTS:
            stack.append(CONSTANTS[opcode])
        elif opcode in VALUES:
            stack.append(argument)
        elif opcode in EMPTY:
            stack.append(EMPTY[opcode]())
        elif opcode == "MARK":
            stack.append(MARK)
        elif opcode in FROM_MARK:
            stack.append(FROM_MARK[opcode](self.from_mark()))
        elif opcode in TUPLES:
            stack.append(tuple(self.popped(TUPLES[opcode])))
        elif opcode in ("APPEND", "APPENDS"):
            values = self.from_mark() if opcode == "APPENDS" else self.popped(1)
            _a(list, stack[-1]).extend(values)
        elif opcode in ("SETITEM", "SETITEMS"):
            values = self.from_mark() if opcode == "SETITEMS" else self.popped(2)
            _a(dict, stack[-1]).update(_pairs(values))
        elif opcode in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.remember(len(self.memo) if opcode == "MEMOIZE" else argument, stack[-1])
        elif opcode in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif opcode in ("GLOBAL", "STACK_GLOBAL"):
            stack.append(_known(*(argument.split(" ", 1) if opcode == "GLOBAL" else self.popped(2))))
        elif opcode == "REDUCE":
            function, arguments = self.popped(2)
            if not callable(function):
                raise _Refused(f"it calls {function!r}")
            stack.append(function(*arguments))
        elif opcode == "BUILD":
            made, state = self.popped(2)
            stack.append(_a((_Type, _Array), made).build(state))
            self.memo.update(dict.fromkeys(getattr(made, "places", ()), stack[-1]))
        elif opcode not in ("PROTO", "FRAME"):
            raise _Refused(f"it has the opcode {opcode}")

    def popped(self, count: int) -> list[Any]:
        values = self.stack[-count:]
        if len(values) < count:
            raise ValueError("it takes more than it has put there")
        del self.stack[-count:]
        return values

    def from_mark(self) -> list[Any]:
        place = len(self.stack) - 1 - [value is MARK for value in reversed(self.stack)].index(True)
        return self.popped(len(self.stack) - place)[1:]

    def remember(self, place: int, value: Any) -> None:
        self.memo[place] = value
        if isinstance(value, _Array):
            value.places.append(place)


def _only_data(value: Any) -> Any:
    waiting, seen = [value], set()
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            waiting += _a(DATA, one) if isinstance(one, list | tuple) else ()
            waiting += [*one.keys(), *one.values()] if isinstance(_a(DATA, one), dict) else []
    return value


def _a(kind: type | tuple[type, ...], value: Any) -> Any:
    if not isinstance(value, kind):
        raise _Refused(f"it has a {type(value).__name__} where that cannot be")
    return value


def _pairs(values: list[Any]) -> Any:
    return zip(values[::2], values[1::2], strict=True)
