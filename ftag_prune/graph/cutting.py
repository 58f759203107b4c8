"""Nodes cut out of a network, by the groups of its dependency graph."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch_pruning as tp
from torch import Tensor, nn

from ftag_prune.graph.tracing import group_of, traced
from ftag_prune.networks.attention import Attention
from ftag_prune.networks.layer import Layer

__all__ = ["REFUSED", "Kept", "cut", "gone_of"]

Kept = Sequence[Sequence[int]]

# What a network raises whose forward does not follow the cut, and torch-pruning when it is lost.
REFUSED = (
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    AssertionError,
)


def cut(
    module: nn.Module, example: tuple[Tensor, ...], layers: Sequence[Layer], kept: Kept
) -> nn.Module:
    """Copy with the kept nodes; in eval mode, and all that it has gets a gradient."""
    small = deepcopy(module)
    graph = traced(small, example)
    for layer, one in zip(layers, kept, strict=True):
        gone = gone_of(layer, one)
        attention, root = small.get_submodule(root_of(layer, up=2)), root_of(layer)
        if not gone:
            continue
        if isinstance(attention, Attention):
            _cut_heads(attention, layer, gone)
        else:
            group_of(graph, small.get_submodule(root), gone).prune()
    return small


def _cut_heads(attention: Attention, layer: Layer, gone: Sequence[int]) -> None:
    rows = layer.made[0].entries(layer.nodes, gone)
    columns = layer.used[0].entries(layer.nodes, gone)
    tp.prune_linear_out_channels(attention.projection, rows.tolist())
    tp.prune_linear_in_channels(attention.output, columns.tolist())
    attention.heads -= len(gone)


def root_of(layer: Layer, *, up: int = 1) -> str:
    """Name of the module that makes the nodes of a layer, or of one further up."""
    return ".".join(layer.made[0].tensor.split(".")[:-up])


def gone_of(layer: Layer, kept: Sequence[int]) -> list[int]:
    """Nodes of a layer that are not kept."""
    return sorted(set(range(layer.nodes)) - set(kept))
