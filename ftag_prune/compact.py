"""Cut the closed nodes out of a network, and measure that nothing else changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ftag_prune.errors import TrainingError
from ftag_prune.networks import Layer, Network
from ftag_prune.shadow import by_layer, folded, gated

__all__ = ["Kept", "choose", "closed", "compact", "cut", "difference"]

Kept = tuple[tuple[int, ...], ...]


def choose(scores: np.ndarray, sizes: Sequence[int], *, keep: int) -> Kept:
    """Indices of the `keep` best nodes, layer by layer, at least one in each layer.

    Parameters
    ----------
    scores : (nodes,)
        Larger stays longer; of equal nodes the first one stays.
    sizes : (layers,)
        Nodes of each layer, in the order of `scores`.

    Raises
    ------
    TrainingError
        If fewer nodes than layers, or more than there are, should be kept.
    """
    nodes, layers = len(scores), len(sizes)
    if not layers <= keep <= nodes:
        raise TrainingError(
            f"cannot keep {keep} of {nodes} nodes: every one of the {layers} layers needs one"
        )
    bounds = list(pairwise(np.cumsum([0, *sizes]).tolist()))
    best = [first + int(np.argmax(scores[first:last])) for first, last in bounds]
    order = np.argsort(-scores, kind="stable")
    rest = order[~np.isin(order, best)]
    chosen = np.sort(np.concatenate([best, rest[: keep - layers]]).astype(int))
    return tuple(
        tuple(int(one) - first for one in chosen if first <= one < last) for first, last in bounds
    )


def closed(gates: Tensor, layers: Sequence[Layer], kept: Kept) -> Tensor:
    """The gates (nodes,) with every node that is not kept at exactly zero."""
    hard = [
        part.new_zeros(layer.nodes).index_copy(0, index, part[index])
        for layer, part, index in zip(layers, by_layer(gates, layers), _indices(kept), strict=True)
    ]
    return torch.cat(hard)


def cut(tensors: Mapping[str, Tensor], layers: Sequence[Layer], kept: Kept) -> dict[str, Tensor]:
    """Take the kept nodes out of tensors named and shaped as the network's parameters.

    Works for weights and for what an optimiser remembers of them alike.
    """
    taken = dict(tensors)
    for layer, index in zip(layers, _indices(kept), strict=True):
        for name, dim in (*layer.made, *layer.used):
            if name in taken:
                taken[name] = taken[name].index_select(dim, index)
    return taken


def compact(network: Network, gates: Tensor, kept: Kept) -> Network:
    """A smaller network of the kept nodes alone, their gates folded into the next weights."""
    layers = network.layers()
    with torch.no_grad():
        tensors = {**network.state_dict(), **folded(network, gates)}
        small = network.resized(tuple(len(one) for one in kept))
        small.load_state_dict(cut(tensors, layers, kept))
    return small


@torch.no_grad()
def difference(network: Network, gates: Tensor, kept: Kept, small: Network, x: Tensor) -> float:
    """Largest |difference| between the logits of the gated and of the compacted network on x."""
    masked = gated(network, closed(gates, network.layers(), kept), x)
    return float((masked - small(x)).abs().max())


def _indices(kept: Kept) -> list[Tensor]:
    return [torch.tensor(one, dtype=torch.long) for one in kept]
