"""Nodes of any network that can be switched off, found by tracing it, and their cutting out.

torch-pruning's dependency graph (Fang et al., arXiv:2301.12900) tells which tensors belong to a
node, and cuts them. It takes every operation that it does not know for one that acts on each node
alone; so a set of nodes is believed only after a trial: the network without some of them must give
the same outputs as the whole network that does not look at them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrize import is_parametrized

from ftag_prune.errors import FtagPruneError, nearest
from ftag_prune.networks.attention import Attention
from ftag_prune.networks.layer import Axis, Layer

__all__ = ["compacted", "layers_of"]

_log = logging.getLogger(__name__)

_Kept = Sequence[Sequence[int]]
_Type = tp.ops.OPTYPE

_PRODUCERS = {_Type.LINEAR, _Type.CONV, _Type.DEPTHWISE_CONV, _Type.CUSTOMIZED}

# Operations that may stand between a node and a batch norm that makes it: all others count as the
# node's activation (names of autograd).
_BEFORE = ("Adaptive", "Add", "AvgPool", "MaxPool", "Mean", "Neg", "Squeeze", "Sub", "Sum", "Unsq")

# What a network raises whose forward does not follow the cut, and torch-pruning when it is lost.
_REFUSED = (
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    AssertionError,
)


def layers_of(module: nn.Module, example: tuple[Tensor, ...]) -> tuple[Layer, ...]:
    """Every set of nodes that can be switched off, in the order of the network's modules.

    Nodes are outputs of linear layers and convolutions, and heads of `Attention`. Those that an
    addition couples are one layer. Nodes are left out, with the reason in the log, if they are
    outputs of the network, if a normalisation mixes them or follows their activation (their gate,
    folded into the weights that use them, would not multiply their output), and if the trial fails.

    Parameters
    ----------
    module : stays as it is
    example : tuple of Tensor
        Arguments of its forward: a few jets, all of one kind or random, but not all zero.

    Raises
    ------
    FtagPruneError
        If there is no such node, or the network does not run on the example in double precision.
    """
    _tell_of_multihead(module)
    trial, jets = _trial(module), tuple(_precise(one) for one in example)
    try:
        graph = _traced(trial, jets)
    except _REFUSED as error:
        raise FtagPruneError(_not_run(module, jets, error)) from error
    found, reasons = [], {}
    for name, layer in _candidates(trial, graph):
        if isinstance(layer, Layer):
            found.append(layer)
        else:
            reasons[name] = layer
    believed = _believed(trial, jets, found)
    for layer in found:
        if layer not in believed:
            reasons[layer.name] = "the outputs without some of its nodes are not those expected"
    for name, reason in reasons.items():
        _log.info("%s is kept whole: %s", name, reason)
    if not believed:
        raise FtagPruneError(_nothing(module, reasons))
    return believed


def compacted(
    module: nn.Module, example: tuple[Tensor, ...], layers: Sequence[Layer], kept: _Kept
) -> nn.Module:
    """Copy of a network in which only the kept nodes are left, their weights as they are.

    Parameters
    ----------
    module : with the gates folded in; stays as it is
    example : arguments of its forward
    layers : of `layers_of`; the network may have others that are not given and are kept whole
    kept : indices of the nodes to keep, layer by layer

    Raises
    ------
    FtagPruneError
        If a layer is none of this network, or no node or one that is not there should be kept.
    """
    if len(layers) != len(kept):
        raise FtagPruneError(f"kept nodes of {len(kept)} layers were given for {len(layers)}")
    for layer, one in zip(layers, kept, strict=True):
        _check(module, layer, one)
    small = _cut(module, example, layers, kept)
    for before, after in zip(module.modules(), small.modules(), strict=True):
        after.training = before.training
    wanted = dict(module.named_parameters(remove_duplicate=False))
    for name, parameter in small.named_parameters(remove_duplicate=False):
        parameter.requires_grad_(wanted[name].requires_grad)
    return small


# -- tracing -------------------------------------------------------------------------------------


class _Step(torch.autograd.Function):
    """An attention block as one step of the trace, from its input to its output."""

    @staticmethod
    def forward(_ctx: Any, _x: Tensor, _weight: Tensor, value: Tensor) -> Tensor:
        return value.clone()


class _AttentionPruner:
    """How torch-pruning cuts features of the embedding out of an attention block."""

    pruning_dim = -1

    def prune_out_channels(self, attention: Attention, gone: list[int]) -> Attention:
        tp.prune_linear_out_channels(attention.output, gone)
        return attention

    def prune_in_channels(self, attention: Attention, gone: list[int]) -> Attention:
        tp.prune_linear_in_channels(attention.projection, gone)
        return attention

    def get_out_channels(self, attention: Attention) -> int:
        return attention.output.out_features

    def get_in_channels(self, attention: Attention) -> int:
        return attention.projection.in_features


def _traced(network: nn.Module, example: tuple[Tensor, ...]) -> Any:
    """Dependency graph of a network, which is ours to change: all that it has gets a gradient.

    The clones make an own last step of every output: one that a module gives directly would not
    be seen as an output.
    """
    network.requires_grad_()
    attentions = [one for one in network.modules() if isinstance(one, Attention)]
    for one in attentions:
        _hide(one)
    pruner = _AttentionPruner()
    try:
        with torch.enable_grad():
            return tp.DependencyGraph().build_dependency(
                network,
                example,
                forward_fn=lambda whole, jets: whole(*jets),
                output_transform=lambda out: [one.clone() for one in _tensors(out, grad=True)],
                customized_pruners={type(one): pruner for one in attentions},
                verbose=False,  # it warns of each operation and parameter that it does not know
            )
    finally:
        for one in attentions:
            del one.forward


def _hide(attention: Attention) -> None:
    """Let the trace see one step instead of the inner life of an attention block."""

    def forward(x: Tensor, valid: Tensor | None = None) -> Any:
        with torch.no_grad():
            value = type(attention).forward(attention, x, valid)
        return _Step.apply(x, attention.output.weight, value)  # type: ignore[no-untyped-call]

    attention.forward = forward  # type: ignore[method-assign]


def _tensors(out: Any, *, grad: bool = False) -> list[Tensor]:
    """Tensors in what a network gives, however they are packed; with `grad` those that have one."""
    flat = tp.utils.flatten_as_list(out)
    return [one for one in flat if isinstance(one, Tensor) and (one.requires_grad or not grad)]


# -- finding -------------------------------------------------------------------------------------


def _candidates(network: nn.Module, graph: Any) -> Iterator[tuple[str, Layer | str]]:
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


def _group(graph: Any, module: nn.Module, gone: list[int]) -> Any:
    """All that must be cut with outputs of a module."""
    pruner = graph.get_pruner_of_module(module)
    return graph.get_pruning_group(module, pruner.prune_out_channels, gone)


def _makes(graph: Any, item: Any) -> bool:
    """Whether a module of a group makes the nodes; otherwise it uses them."""
    return bool(graph.is_out_channel_pruning_fn(item.dep.handler))


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
    items = _group(graph, root, list(range(nodes))).items
    names = {module: name for name, module in network.named_modules()}
    tensors = network.state_dict()
    order = {module: place for place, module in enumerate(names)}
    known = [item for item in items if item.dep.target.module in order]
    made: list[Axis] = []
    used: list[Axis] = []
    # The root stands first: `compacted` finds it there.
    for item in sorted(known, key=lambda one: order[one.dep.target.module]):
        module, makes = item.dep.target.module, _makes(graph, item)
        for tensor, dim in _dims(module, makes=makes):
            name = f"{names[module]}.{tensor}".removeprefix(".")
            if name not in tensors:
                continue
            axis = _axis(name, dim, tensors[name].shape[dim], item, nodes)
            if axis is None:
                return f"its nodes and others share {name}"
            (made if makes else used).append(axis)
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


# -- trial ---------------------------------------------------------------------------------------


def _trial(module: nn.Module) -> nn.Module:
    """Copy in double precision, in which no weight is zero: a silent branch would hide a fault."""
    copy = deepcopy(module).to("cpu", torch.float64).eval()
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for one in copy.parameters():
            zero = one == 0
            one[zero] = 0.1 * torch.randn(int(zero.sum()), generator=rng, dtype=one.dtype)
    return copy


def _precise(one: Tensor) -> Tensor:
    return one.to("cpu", torch.float64) if one.is_floating_point() else one.cpu()


def _believed(
    trial: nn.Module, example: tuple[Tensor, ...], layers: Sequence[Layer]
) -> tuple[Layer, ...]:
    """The layers that stand the trial together; one by one if all of them do not."""
    if _proven(trial, example, layers):
        return tuple(layers)
    good: tuple[Layer, ...] = ()
    for layer in layers:
        good = (*good, layer) if _proven(trial, example, (*good, layer)) else good
    return good


def _proven(trial: nn.Module, example: tuple[Tensor, ...], layers: Sequence[Layer]) -> bool:
    """Whether a network without some nodes gives what it gives with them at zero.

    Each node has a random number, and three of its bits decide: kept are all nodes in which a bit
    is set, and then all others. That tells any two of up to eight nodes apart, and of more nodes
    seven pairs in eight. What the example does not show (the largest node is always the same one,
    say) is not seen.
    """
    rng = torch.Generator().manual_seed(0)
    numbers = [torch.randperm(one.nodes, generator=rng) for one in layers]
    return all(
        _equal(trial, example, layers, [_with(one, bit, value) for one in numbers])
        for bit in range(3)
        for value in range(2)
    )


def _with(numbers: Tensor, bit: int, value: int) -> list[int]:
    """Nodes in whose number a bit has a value; one node alone is always there."""
    nodes = len(numbers)
    bits = (nodes - 1).bit_length()
    if not bits:
        return [0]
    found: list[int] = ((numbers >> bit % bits) % 2 == value).nonzero().flatten().tolist()
    return found


@torch.no_grad()
def _equal(
    trial: nn.Module, example: tuple[Tensor, ...], layers: Sequence[Layer], kept: _Kept
) -> bool:
    masked = functional_call(trial, _closed(trial, layers, kept), example)
    try:
        small = _cut(trial, example, layers, kept)(*example)
    except _REFUSED:
        return False
    return all(map(_same, _tensors(masked), _tensors(small)))


def _same(one: Tensor, two: Tensor) -> bool:
    """Whether two outputs differ by no more than the rounding of double precision."""
    if one.shape != two.shape:
        return False
    largest = float(one.double().abs().nan_to_num().max()) if one.numel() else 0.0
    return torch.allclose(one, two, rtol=0, atol=1e-11 * largest, equal_nan=True)


def _closed(network: nn.Module, layers: Sequence[Layer], kept: _Kept) -> dict[str, Tensor]:
    """Tensors that use nodes, with zero for those that are not kept."""
    tensors: Mapping[str, Tensor] = network.state_dict()
    closed: dict[str, Tensor] = {}
    for layer, one in zip(layers, kept, strict=True):
        for axis in layer.used:
            where = torch.tensor(_entries(axis, layer.nodes, _gone(layer, one)), dtype=torch.long)
            tensor = closed.get(axis.tensor, tensors[axis.tensor])
            closed[axis.tensor] = tensor.index_fill(axis.dim, where, 0.0)
    return closed


# -- cutting -------------------------------------------------------------------------------------


def _cut(
    module: nn.Module, example: tuple[Tensor, ...], layers: Sequence[Layer], kept: _Kept
) -> nn.Module:
    """Copy with the kept nodes; in eval mode, and all that it has gets a gradient."""
    small = deepcopy(module)
    graph = _traced(small, example)
    for layer, one in zip(layers, kept, strict=True):
        gone = _gone(layer, one)
        attention, root = small.get_submodule(_root(layer, up=2)), _root(layer)
        if not gone:
            continue
        if isinstance(attention, Attention):
            _cut_heads(attention, layer, gone)
        else:
            _group(graph, small.get_submodule(root), gone).prune()
    return small


def _cut_heads(attention: Attention, layer: Layer, gone: Sequence[int]) -> None:
    rows = _entries(layer.made[0], layer.nodes, gone)
    columns = _entries(layer.used[0], layer.nodes, gone)
    tp.prune_linear_out_channels(attention.projection, rows)
    tp.prune_linear_in_channels(attention.output, columns)
    attention.heads -= len(gone)


def _root(layer: Layer, *, up: int = 1) -> str:
    """Name of the module that makes the nodes of a layer, or of one further up."""
    return ".".join(layer.made[0].tensor.split(".")[:-up])


def _gone(layer: Layer, kept: Sequence[int]) -> list[int]:
    return sorted(set(range(layer.nodes)) - set(kept))


def _entries(axis: Axis, nodes: int, chosen: Sequence[int]) -> list[int]:
    """Indices along an axis that belong to the chosen nodes."""
    place = torch.arange(axis.outer * nodes * axis.inner).view(axis.outer, nodes, axis.inner)
    entries: list[int] = place[:, list(chosen)].flatten().tolist()
    return entries


# -- words ---------------------------------------------------------------------------------------


def _tell_of_multihead(module: nn.Module) -> None:
    for name, one in module.named_modules():
        if isinstance(one, nn.MultiheadAttention):
            _log.warning(
                "%s: torch.nn.MultiheadAttention is kept whole; of "
                "ftag_prune.networks.attention.Attention heads can be cut out",
                name or "the network",
            )


def _nothing(module: nn.Module, reasons: Mapping[str, str]) -> str:
    start = f"{type(module).__name__} has no nodes that can be switched off"
    if not reasons:
        return f"{start}: no linear layer, convolution or Attention leads to its outputs"
    return f"{start}: " + "; ".join(f"{name or 'itself'}, {one}" for name, one in reasons.items())


def _not_run(module: nn.Module, jets: tuple[Tensor, ...], error: Exception) -> str:
    shapes = ", ".join(f"{tuple(one.shape)} {one.dtype}" for one in jets)
    first = f"{type(error).__name__}: {error}".splitlines()[0]
    return f"{type(module).__name__} cannot be traced with an example of {shapes}: {first}"


def _check(module: nn.Module, layer: Layer, kept: Sequence[int]) -> None:
    """Raise if the kept nodes cannot be those of a layer of this network."""
    tensors = module.state_dict()
    for axis in (*layer.made, *layer.used):
        if axis.tensor not in tensors:
            wrong = f"layer {layer.name!r}: the network has no tensor {axis.tensor!r}"
            raise FtagPruneError(wrong + nearest(axis.tensor, tensors))
        size = tensors[axis.tensor].shape[axis.dim]
        if size != axis.outer * layer.nodes * axis.inner:
            raise FtagPruneError(
                f"layer {layer.name!r}: {axis.tensor!r} has {size} entries along dimension "
                f"{axis.dim}, not {axis.outer * layer.nodes * axis.inner}"
            )
    if not kept or not set(kept) <= set(range(layer.nodes)):
        raise FtagPruneError(
            f"layer {layer.name!r}: cannot keep nodes {list(kept)}; at least one of its "
            f"{layer.nodes}, counted from 0, must be kept"
        )
