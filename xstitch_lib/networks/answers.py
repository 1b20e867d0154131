"""What a tower asks of its inputs while it is traced: sizes and kinds, which an example of them tells."""

import contextlib
import random
import traceback
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_map

from xstitch_lib.data.ragged import Ragged

OF_GRADIENTS = ("requires_grad", "grad_fn", "is_leaf", "grad")


class Unknown(Exception):
    """A question that no example can answer: its answer depends on a tensor's values."""

    def __init__(self) -> None:
        super().__init__("it asks for a number or a choice that depends on a tensor's values")


class Answers:
    """An example on its way through a graph, as far as somebody asks, in tensors that have sizes and no values.

    Args:
        root: the module that is traced.
        example: what it is called with, as `outline` keeps it; None, and nothing is known.

    Nothing is computed before the first question. What modules leave on themselves on the way is taken off again.
    """

    def __init__(self, root: nn.Module, example: Sequence[Any] | None):
        self.root, self.example, self.known, self.busy = root, example, {}, False
        self.mode = FakeTensorMode(allow_non_fake_inputs=True)

    def of(self, node: fx.Node) -> Any:
        """What stands at ``node``: a size, a dtype, a list, …, of tensors all but their values.

        Raises:
            Unknown: where that depends on values, or there is no example.
        """
        needed = _ancestors(node, self.known)
        self.busy = True
        try:
            with _undone(self.root), torch.no_grad(), self.mode:
                for one in [n for n in node.graph.nodes if n in needed]:
                    self.known[one] = self._run(one)
        except Exception as error:
            raise Unknown from error
        finally:
            self.busy = False
        return self.known[node]

    def _run(self, node: fx.Node) -> Any:
        if node.op == "placeholder":
            if self.example is None:
                raise Unknown
            return _like(self.example, self.root)
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), self.known.__getitem__)
        if node.op == "call_function":
            return node.target(*args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], node.target)(*args[1:], **kwargs)
        owner, _, name = node.target.rpartition(".")
        part = getattr(self.root.get_submodule(owner), name)
        return part(*args, **kwargs) if node.op == "call_module" else part


class Asking(fx.Proxy):
    """A traced value that answers what its example can: whether, how many, and which number."""

    def __getattr__(self, name: str) -> "Asking":
        return _Attribute(self, name)

    def __len__(self) -> int:
        return self.tracer.ask(self, len)

    def __int__(self) -> int:
        return self.tracer.ask(self, int)

    def __index__(self) -> int:
        return self.tracer.ask(self, int)

    def __float__(self) -> float:
        return self.tracer.ask(self, float)

    def __round__(self, digits: int | None = None) -> "Asking":
        return self.tracer.create_proxy("call_function", round, (self, digits), {})

    def __divmod__(self, other: Any) -> tuple["Asking", "Asking"]:
        return self // other, self % other


class _Attribute(Asking, fx.proxy.Attribute):
    pass


class AskingTracer(fx.Tracer):
    """Answers questions about sizes and kinds from an example, and writes each into the program as a check.

    Args:
        kind: the tower's class, for messages.
        answers: what is known.
    """

    def __init__(self, kind: str, answers: Answers):
        super().__init__()
        self.kind, self.answers = kind, answers

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return Asking(node, self)

    def create_arg(self, a: Any) -> Any:
        """Dicts of a kind of their own, as libraries return them, stay of that kind where it says how they are made."""
        if not isinstance(a, OrderedDict) and (
            type(a) is dict or getattr(type(a), "__init__", None) is not dict.__init__
        ):
            return super().create_arg(a)
        plain = super().create_arg(dict(a))
        args, kwargs = ((), plain) if is_dataclass(a) else ((plain,), {})
        return self.create_node("call_function", type(a), args, kwargs)

    def to_bool(self, obj: fx.Proxy) -> bool:
        try:
            return self.ask(obj, bool)
        except Unknown:
            return super().to_bool(obj)

    def keys(self, obj: fx.Proxy) -> Any:
        found = self._known(obj)
        return list(found) if isinstance(found, Mapping) and len(obj) else super().keys(obj)

    def iter(self, obj: fx.Proxy) -> Iterator[Any]:
        found = self._known(obj)
        if not hasattr(found, "__len__"):
            return super().iter(obj)
        if isinstance(found, Mapping):
            return iter(list(found) if len(obj) else [])
        if not isinstance(found, tuple | list | Tensor):
            obj, found = self.create_proxy("call_function", list, (obj,), {}), list(found)
        return iter([one if isinstance(one, str) else obj[i] for i, one in zip(range(len(obj)), found, strict=True)])

    def ask(self, obj: fx.Proxy, question: Callable[[Any], Any]) -> Any:
        """The answer, which every later input must give as well.

        Raises:
            Unknown: if the example does not tell.
        """
        if any([node.target is getattr and node.args[1] in OF_GRADIENTS for node in _ancestors(obj.node, {})]):
            raise ValueError(
                "it asks whether a gradient is wanted, which differs from run to run: switch off what asks, as "
                "memory_efficient=True of torchvision's DenseNet"
            )
        try:
            found = self.answers.of(obj.node)
        except Unknown as error:
            if "more than 1 value per channel" in str(error.__cause__):
                raise ValueError(
                    "it asks for a size behind a batch norm, which an example of one sample does not run through in "
                    "training mode: take an example of two"
                ) from error
            raise
        if isinstance(found, Tensor) and question is not len:
            raise Unknown
        answer = question(found)
        asked = self.create_proxy("call_function", question, (obj,), {})
        at = line(traceback.extract_stack())
        said = f"a tower, {self.kind}, asks its input for a size or kind{at}"
        if isinstance(found, Tensor):
            said = f"a tower, {self.kind}, asks a tensor for its length, which x.shape[0] would leave open{at}"
        self.create_proxy("call_function", same_answer, (asked, answer, said), {})
        return answer

    def _known(self, obj: fx.Proxy) -> Any:
        try:
            return self.answers.of(obj.node)
        except Unknown:
            return None


def same_answer(found: Any, answer: Any, question: str) -> None:
    """A ValueError if an input is otherwise than the example in what the towers' own code asked of it."""
    if found != answer:
        fix = "give inputs like the example, or join the towers with an example like this input"
        if torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"):
            fix = f'{fix}; if it is autocast that changes the answer, train with precision="no"'
        raise ValueError(
            f"{question}; the answer {answer} of the example is part of this net, and this input's is {found}: {fix}"
        )


def outline(example: Sequence[Any]) -> tuple[Any, ...]:
    """Of inputs all but the tensors' values, which need no memory."""
    return tuple(tree_map(lambda x: x.detach().to("meta") if _is_plain(x) else x, list(example)))


def line(stack: traceback.StackSummary) -> str:
    """Where in the user's own code something happened: the last line that is neither torch's nor this library's."""
    others = tuple([f"{Path(place).parent}/" for place in (torch.__file__, __file__)])
    others = (*others, *[place.replace("/", "\\") for place in others], "<frozen", "<string", "<eval_with_key")
    frames = [f for f in stack if not f.filename.startswith(others) and "contextlib" not in f.filename]
    return f", at {Path(frames[-1].filename).name}:{frames[-1].lineno}: {frames[-1].line}" if frames else ""


def _is_plain(x: Any) -> bool:
    return isinstance(x, Tensor) and x.layout == torch.strided


def _like(example: Sequence[Any], root: nn.Module) -> tuple[Any, ...]:
    """Fake inputs where the weights lie, of their precision."""
    weights = next((p for p in root.parameters() if p.is_floating_point()), torch.empty(0))

    def fake(x: Any) -> Any:
        if isinstance(x, Ragged) or (isinstance(x, Tensor) and not _is_plain(x)):
            raise Unknown
        if not isinstance(x, Tensor):
            return x
        return torch.empty(x.shape, dtype=weights.dtype if x.is_floating_point() else x.dtype, device=weights.device)

    return tuple(tree_map(fake, list(example)))


def _ancestors(node: fx.Node, known: Mapping[fx.Node, Any]) -> set[fx.Node]:
    needed, waiting = set(), [node]
    while waiting:
        one = waiting.pop()
        if one not in known and one not in needed:
            needed.add(one)
            waiting += one.all_input_nodes
    return needed


@contextlib.contextmanager
def _undone(module: nn.Module) -> Iterator[None]:
    """Take back what a block sets on modules, and its draws of random numbers."""
    own = [one for m in module.modules() for one in (vars(m), *vars(m).values())]
    kept = [(one, copy(one)) for one in own if type(one) in (dict, OrderedDict, defaultdict, list, set)]
    # fake tensors do write into real ones of a single value, such as batch norm's count of batches
    single = [x for x in [*module.parameters(), *module.buffers(), *own] if isinstance(x, Tensor) and x.numel() == 1]
    values = [(x, x._version, x.detach().clone()) for x in single]
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        for now, then in kept:
            now.clear()
            now.extend(then) if isinstance(now, list) else now.update(then)
        with torch.no_grad():
            for x, version, value in values:
                if x._version != version:
                    x.copy_(value)
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
