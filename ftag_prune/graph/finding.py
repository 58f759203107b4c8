"""Which nodes of a traced network could be switched off, and why others must stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch_pruning as tp
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from ftag_prune.graph.tracing import group_of, makes
from ftag_prune.networks.attention import Attention
from ftag_prune.networks.layer import Axis, Layer

__all__ = ["candidates"]

_Type = tp.ops.OPTYPE

_PRODUCERS = {_Type.LINEAR, _Type.CONV, _Type.DEPTHWISE_CONV, _Type.CUSTOMIZED}

# Operations that may stand between a node and a batch norm that makes it: all others count as the
# node's activation (names of autograd).
_BEFORE = ("Adaptive", "Add", "AvgPool", "MaxPool", "Mean", "Neg", "Squeeze", "Sub", "Sum", "Unsq")


def candidates(network: nn.Module, graph: Any) -> Iterator[tuple[str, Layer | str]]:
    """Each layer, or the reason why its nodes must stay, by the name of its first module."""
    seen: set[nn.Module] = set()
    for name, module in network.named_modules():
        if module not in graph.module2node:
            continue
        if isinstance(module, Attention):
            yield name, module.layer(name)
        elif isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)) and module not in seen:
            reached = _reached(graph, module)
            makers = [
                node
                for node, cut in reached
                if node.type in _PRODUCERS and graph.is_out_channel_pruning_fn(cut)
            ]
            seen.update(one.module for one in makers)
            inside = [node for node, _ in reached]
            yield name, _obstacle(inside, makers) or _layer(network, graph, module)


def _reached(graph: Any, module: nn.Module) -> list[tuple[Any, Any]]:
    """What must be cut with outputs of a module, and how, whatever their indices.

    The indices come later: torch-pruning 1.6.1 follows them for ever through a split whose pieces
    are added to the whole.
    """
    ways = [(graph.module2node[module], graph.get_pruner_of_module(module).prune_out_channels)]
    reached: dict[tuple[Any, Any], None] = {}  # in the order of the way
    while ways:
        node, cut = way = ways.pop()
        if way not in reached:
            reached[way] = None
            ways.extend(
                (one.target, one.handler) for one in node.dependencies if one.is_triggered_by(cut)
            )
    return list(reached)


def _obstacle(inside: Sequence[Any], makers: Sequence[Any]) -> str:
    """Why nodes must stay, from the kinds of what they meet; empty if they need not.

    Concatenations are among the kinds that are left out: an `Axis` knows no offset.
    """
    kinds = {*_PRODUCERS, _Type.BN, _Type.PRELU, _Type.ELEMENTWISE, _Type.RESHAPE}
    for node in inside:
        if node.type == _Type.OUTPUT:
            return "its nodes are outputs of the network"
        if node.type not in kinds:
            return f"its nodes meet {type(node.module).__name__.strip('_')}"
        if is_parametrized(node.module):
            return f"its nodes meet {node.name}, whose weights are computed"
        if node.type == _Type.CONV and node.module.groups > 1:
            return f"its nodes meet {node.name}, a convolution in groups"
    if _late_norm(makers, set(inside)):
        return "a batch norm follows the activation of its nodes"
    return ""


def _late_norm(makers: Sequence[Any], inside: set[Any]) -> bool:
    """Whether a way from what makes nodes to what uses them has a batch norm after an activation.

    A convolution in depth makes its nodes anew.
    """
    ways, walked = [(one, False) for one in makers], set()
    while ways:
        way = ways.pop()
        if way in walked:
            continue
        walked.add(way)
        node, active = way
        for after in set(node.outputs) & inside:
            if after.type == _Type.BN and active:
                return True
            if after.type not in _PRODUCERS:
                ways.append((after, active or _activates(after)))
    return False


def _activates(node: Any) -> bool:
    if node.type == _Type.PRELU:
        return True
    return node.type == _Type.ELEMENTWISE and not node.grad_fn.name().startswith(_BEFORE)


def _layer(network: nn.Module, graph: Any, root: nn.Module) -> Layer | str:
    """The layer that a module makes, or the reason why there is none."""
    nodes = graph.get_pruner_of_module(root).get_out_channels(root)
    items = group_of(graph, root, list(range(nodes))).items
    names = {module: name for name, module in network.named_modules()}
    tensors = network.state_dict()
    order = {module: place for place, module in enumerate(names)}
    known = [item for item in items if item.dep.target.module in order]
    made: list[Axis] = []
    used: list[Axis] = []
    # The root stands first: `compacted` finds it there.
    for item in sorted(known, key=lambda one: order[one.dep.target.module]):
        module, maker = item.dep.target.module, makes(graph, item)
        for tensor, dim in _dims(module, makes=maker):
            name = f"{names[module]}.{tensor}".removeprefix(".")
            if name not in tensors:
                continue
            axis = _axis(name, dim, tensors[name].shape[dim], item, nodes)
            if axis is None:
                return f"its nodes and others share {name}"
            (made if maker else used).append(axis)
    made.sort(key=lambda axis: axis.tensor.rpartition(".")[0] != names[root])
    return Layer(names[root], nodes, tuple(made), tuple(used)) if used else "nothing uses its nodes"


def _dims(module: nn.Module, *, makes: bool) -> tuple[tuple[str, int], ...]:
    """Tensors of a module and their dimension along which the nodes lie."""
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return (("weight", 0), ("bias", 0), ("running_mean", 0), ("running_var", 0))
    if isinstance(module, nn.PReLU):
        return (("weight", 0),) if module.num_parameters > 1 else ()
    if isinstance(module, Attention):
        return (("output.weight", 0), ("output.bias", 0)) if makes else (("projection.weight", 1),)
    turned = isinstance(module, nn.modules.conv._ConvTransposeNd) and module.groups == 1
    return (("weight", int(turned)), ("bias", 0)) if makes else (("weight", 1 - int(turned)),)


def _axis(tensor: str, dim: int, size: int, item: Any, nodes: int) -> Axis | None:
    """The nodes along a dimension of `size` entries; None if they lie there in no such order."""
    owner = dict(zip(item.idxs, item.root_idxs, strict=True))
    owners = [owner.get(place) for place in range(size)]
    inner = next((place for place, one in enumerate(owners) if one != owners[0]), size)
    axis = Axis(tensor, dim, outer=max(1, size // (nodes * inner)), inner=inner)
    regular = [node for _ in range(axis.outer) for node in range(nodes) for _ in range(inner)]
    return axis if owners == regular else None
