"""Cut the closed nodes out of a network, and measure that nothing else changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy

import torch
from torch import Tensor

from ftag_prune.networks import Layer, Network, scoring
from ftag_prune.selection import Kept
from ftag_prune.shadow import by_layer, folded, gated
from ftag_prune.tensors import Jets

__all__ = ["closed", "compact", "cut", "difference", "rounding"]


def closed(gates: Tensor, layers: Sequence[Layer], kept: Kept) -> Tensor:
    """The gates (nodes,) with every node that is not kept at exactly zero."""
    hard = [
        part.new_zeros(layer.nodes).index_copy(0, index, part[index])
        for layer, part, index in zip(
            layers, by_layer(gates, layers), _indices(kept, gates.device), strict=True
        )
    ]
    return torch.cat(hard)


def cut(tensors: Mapping[str, Tensor], layers: Sequence[Layer], kept: Kept) -> dict[str, Tensor]:
    """Take the kept nodes out of tensors named and shaped as the network's own.

    Works for weights and for what an optimiser remembers of them alike.
    """
    taken = dict(tensors)
    for layer, chosen in zip(layers, kept, strict=True):
        for axis in (*layer.made, *layer.used):
            if axis.tensor in taken:
                where = axis.entries(layer.nodes, chosen).to(taken[axis.tensor].device)
                taken[axis.tensor] = taken[axis.tensor].index_select(axis.dim, where)
    return taken


def compact(network: Network, layers: Sequence[Layer], gates: Tensor, kept: Kept) -> Network:
    """A smaller network of the kept nodes alone, their gates folded into the next weights."""
    with torch.no_grad():
        tensors = {
            **network.state_dict(),
            **folded(dict(network.named_parameters()), layers, gates),
        }
        sizes = {layer.name: len(one) for layer, one in zip(layers, kept, strict=True)}
        small = network.resized(sizes).to(gates.device).train(network.training)
        small.load_state_dict(cut(tensors, layers, kept))
    return small.taking(network, dict(zip(sizes, kept, strict=True)).get("inputs"))


@torch.no_grad()
def difference(
    network: Network, layers: Sequence[Layer], gates: Tensor, kept: Kept, small: Network, jets: Jets
) -> float:
    """Largest |difference| between the logits of the gated and of the compacted network on jets.

    Both are looked at as they score: batch norms with what they remember, not with the batch.
    """
    with scoring(network, small):
        masked = gated(network, layers, closed(gates, layers, kept), network.arguments(jets))
        return float((masked - small(*small.arguments(jets))).abs().max())


@torch.no_grad()
def rounding(
    network: Network, layers: Sequence[Layer], gates: Tensor, kept: Kept, jets: Jets
) -> float:
    """Largest |difference| of a logit between float32 and float64 in the gated network itself.

    Large logits of wide networks round by more than small ones, in whatever order one sums.
    """
    exact = deepcopy(network).double().eval()
    hard = closed(gates, layers, kept)
    arguments = network.arguments(jets)
    doubles = tuple(one.double() if one.is_floating_point() else one for one in arguments)
    precise = gated(exact, layers, hard.double(), doubles)
    with scoring(network):
        plain = gated(network, layers, hard, arguments)
    return float((plain - precise).abs().max())


def _indices(kept: Kept, device: torch.device) -> list[Tensor]:
    return [torch.tensor(one, dtype=torch.long, device=device) for one in kept]
