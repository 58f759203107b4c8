"""Nodes of any network that can be switched off, found by tracing it, and their cutting out.

torch-pruning's dependency graph (Fang et al., arXiv:2301.12900) tells which tensors belong to a
node, and cuts them. It takes every operation that it does not know for one that acts on each node
alone; so a set of nodes is believed only after a trial: the network without some of them must give
the same outputs as the whole network that does not look at them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from ftag_prune.errors import FtagPruneError, nearest
from ftag_prune.graph.cutting import REFUSED, Kept, cut
from ftag_prune.graph.finding import candidates
from ftag_prune.graph.tracing import traced
from ftag_prune.graph.trial import believed, in_double, precise
from ftag_prune.networks.layer import Layer

__all__ = ["compacted", "layers_of"]

_log = logging.getLogger(__name__)


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
    trial, jets = in_double(module), tuple(precise(one) for one in example)
    try:
        graph = traced(trial, jets)
    except REFUSED as error:
        raise FtagPruneError(_not_run(module, jets, error)) from error
    found, reasons = [], {}
    for name, layer in candidates(trial, graph):
        if isinstance(layer, Layer):
            found.append(layer)
        else:
            reasons[name] = layer
    good = believed(trial, jets, found)
    for layer in found:
        if layer not in good:
            reasons[layer.name] = "the outputs without some of its nodes are not those expected"
    for name, reason in reasons.items():
        _log.info("%s is kept whole: %s", name, reason)
    if not good:
        raise FtagPruneError(_nothing(module, reasons))
    return good


def compacted(
    module: nn.Module, example: tuple[Tensor, ...], layers: Sequence[Layer], kept: Kept
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
        check(module, layer, one)
    small = cut(module, example, layers, kept)
    for before, after in zip(module.modules(), small.modules(), strict=True):
        after.training = before.training
    wanted = dict(module.named_parameters(remove_duplicate=False))
    for name, parameter in small.named_parameters(remove_duplicate=False):
        parameter.requires_grad_(wanted[name].requires_grad)
    return small


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


def check(module: nn.Module, layer: Layer, kept: Sequence[int]) -> None:
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
