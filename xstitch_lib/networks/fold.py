"""A stitched network for use alone: its units folded into the layers that read them."""

import copy
from collections import Counter
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp, TensorMetadata
from torch.utils._pytree import tree_leaves

from xstitch_lib.networks.answers import same_answer
from xstitch_lib.networks.joined import Joined, chosen
from xstitch_lib.networks.probe import inputs_for, untouched
from xstitch_lib.unit import CrossStitchUnit
from xstitch_lib.unit_base import Unit

READERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
PASSING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.Flatten)  # in eval mode


def fold(net: Joined, example: Any) -> fx.GraphModule:
    """A network of ordinary layers with the answers of ``net`` in eval mode, to be exported.

    Where a unit's maps go to convolutions and linear layers alone (dropout and flatten may stand between), each such
    layer gets the weights ``W_i * alpha_ij`` for all tasks' maps side by side, and the unit is gone:
    ``W_i (sum over j of alpha_ij x_j) = sum over j of (W_i alpha_ij) x_j``. Units that something else reads, as the sum
    of a residual block, stay as they are. A folded layer multiplies T times as much as before, T tasks; what is gained
    is a file in which no unit has to be known. What a tower's own code asked of the example's sizes is not asked again:
    the folded network is for inputs of such sizes.

    Args:
        net: a stitched network; nothing of it changes, and the folded one has copies of its parameters.
        example: one batch, or its shape, as for `stitch`; on it the two are compared.

    Raises:
        ValueError: if the layers cannot be followed by torch.fx, or the answers differ.

    >>> from xstitch_lib.networks import stitch
    >>> from xstitch_lib.networks.towers import small_alexnet_fcn
    >>> net = stitch({"a": small_alexnet_fcn(5), "b": small_alexnet_fcn(3)}, ["pool1"], (1, 3, 32, 32))
    >>> fold(net, (1, 3, 32, 32)).get_submodule("towers.a.conv2.0")
    Conv2d(32, 32, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))
    """
    inputs = tuple([torch.rand_like(x) if _is_real(x) else x for x in inputs_for(net, example)])
    with torch.no_grad(), untouched(net):
        expected = net(*inputs)
        folded = _opened(net)
        ShapeProp(folded).propagate(*inputs)
        _choose(folded.graph, net.out)
        for node in [node for node in folded.graph.nodes if node.op == "call_module"]:
            unit = folded.get_submodule(node.target)
            if isinstance(unit, CrossStitchUnit) and unit.channel_dim == 1 and (readers := _readers(folded, node)):
                _fold(folded, node, unit.alpha.detach(), readers)
        folded.graph.eliminate_dead_code()
        folded.delete_all_unused_submodules()
        folded.recompile()
        found = folded.eval()(*inputs)
    for task, y in expected.items():
        parts, wanted = tree_leaves(found[task]), tree_leaves(y)
        if len(parts) != len(wanted) or not all(map(_alike, parts, wanted)):
            raise ValueError(
                f"folded, the network answers {task!r} otherwise than {type(net).__name__} does: keep that"
            )
    return folded


class _Tracer(fx.Tracer):
    """Opens all but units and torch's own layers."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Unit) or super().is_leaf_module(m, module_qualified_name)


def _opened(net: Joined) -> fx.GraphModule:
    """A copy of ``net`` as one program of torch's layers and units."""
    graph = net._graph(training=False)
    for node in [node for node in reversed(graph.nodes) if node.target is same_answer]:
        asked = node.args[0]  # what a tower asked of its example; the folded net is for inputs like it
        graph.erase_node(node)
        graph.erase_node(asked) if not asked.users else None
    program = fx.GraphModule(copy.deepcopy(net), graph).eval()
    try:
        graph = _Tracer().trace(program)
    except Exception as error:
        raise ValueError(
            f"{type(net).__name__} cannot be folded, for torch.fx cannot follow all of its layers: {error}; "
            "torch.export takes it as it is"
        ) from error
    return fx.GraphModule(program, graph).eval()


def _choose(graph: fx.Graph, out: str | int | None) -> None:
    """Let the program return only the part called ``out`` of what towers return."""
    *_, end = graph.nodes

    def part(y: Any) -> Any:
        if out is None or (isinstance(y, fx.Node) and isinstance(y.meta.get("tensor_meta"), TensorMetadata)):
            return y
        if not isinstance(y, fx.Node):
            return chosen(y, out)
        with graph.inserting_before(end):
            return graph.call_function(chosen, (y, out))

    end.args = ({task: part(y) for task, y in end.args[0].items()},)


def _readers(folded: fx.GraphModule, unit: fx.Node) -> list[tuple[int, fx.Node]] | None:
    """Each layer that reads one of the unit's maps, with whose map it is; None if something else reads one."""
    called = Counter([node.target for node in folded.graph.nodes if node.op == "call_module"])
    found = []
    for one in unit.users:
        waiting = list(one.users)
        while waiting:
            node = waiting.pop()
            layer = folded.get_submodule(node.target) if node.op == "call_module" else None
            if type(layer) in PASSING:
                waiting += node.users
            elif type(layer) in READERS and called[node.target] == 1 and _reads_channels(layer, node):
                found.append((one.args[1], node))
            else:
                return None
    return found


def _reads_channels(layer: nn.Module, node: fx.Node) -> bool:
    dims = len(node.args[0].meta["tensor_meta"].shape)
    return dims == 2 if isinstance(layer, nn.Linear) else layer.groups == 1


def _fold(folded: fx.GraphModule, unit: fx.Node, alpha: Tensor, readers: list[tuple[int, fx.Node]]) -> None:
    for task, node in readers:
        owner, _, name = node.target.rpartition(".")
        setattr(folded.get_submodule(owner), name, _reading_all(folded.get_submodule(node.target), alpha[:, task]))
    with folded.graph.inserting_after(unit):
        together = folded.graph.call_function(torch.cat, (unit.args[0], 1))
    for one in [user for user in unit.users if user is not together]:
        one.replace_all_uses_with(together)
        folded.graph.erase_node(one)
    folded.graph.erase_node(unit)


def _reading_all(layer: nn.Module, alpha: Tensor) -> nn.Module:
    """A convolution or linear layer of all tasks' maps side by side; alpha (C or 1, T) weighs them."""
    weight, wide = layer.weight.detach(), copy.deepcopy(layer)
    by_channel = weight.reshape(len(weight), len(alpha), -1)  # of a flattened map several weights a channel
    parts = [(by_channel * column[:, None]).view_as(weight) for column in alpha.unbind(1)]
    wide.weight = nn.Parameter(torch.cat(parts, 1))
    setattr(wide, "in_features" if isinstance(wide, nn.Linear) else "in_channels", wide.weight.shape[1])
    return wide


def _alike(found: Any, y: Any) -> bool:
    if not isinstance(y, Tensor):
        return found == y
    if not y.is_floating_point():
        return torch.equal(found, y)
    return torch.allclose(found, y, rtol=1e-3, atol=1e-4 * max(1.0, y.abs().max().item()))


def _is_real(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()
