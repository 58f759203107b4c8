"""The shadow network: one trainable number a node, laid over a tagger and trained with it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ftag_prune.gates import Gate
from ftag_prune.networks import Layer, Network

__all__ = ["Shadow", "by_layer", "folded", "gated", "open_nodes", "pruning_loss"]


class Shadow(nn.Module):
    """Gates of all nodes of a network, layer after layer in one vector.

    The network itself is not changed, and is no part of this module's parameters.
    """

    def __init__(self, layers: tuple[Layer, ...], gate: Gate) -> None:
        super().__init__()
        self.gate = gate
        self.layers = layers
        nodes = sum(layer.nodes for layer in layers)
        self.theta = nn.Parameter(torch.full((nodes,), gate.start()))

    def forward(self, *, progress: float, target: float) -> Tensor:
        """Gates (nodes,) after a share `progress` of the gated epochs."""
        return self.gate.values(self.theta, progress=progress, target=target)


def gated(network: Network, gates: Tensor, x: Tensor) -> Tensor:
    """Logits (jets, classes) with every node's output multiplied by its gate.

    The gates are multiplied into the weights that use the nodes, which gives the same logits and
    gradients for a fraction of the cost: (width, width) numbers instead of (jets, width).
    """
    logits: Tensor = functional_call(network, folded(network, gates), (x,))
    return logits


def folded(network: Network, gates: Tensor) -> dict[str, Tensor]:
    """The tensors that use nodes, times the gates (nodes,) along the right dimension."""
    tensors = dict(network.named_parameters())
    changed: dict[str, Tensor] = {}
    layers = network.layers()
    for layer, gate in zip(layers, by_layer(gates, layers), strict=True):
        for name, dim in layer.used:
            tensor = changed.get(name, tensors[name])
            shape = [-1 if axis == dim else 1 for axis in range(tensor.dim())]
            changed[name] = tensor * gate.view(shape)
    return changed


def by_layer(gates: Tensor, layers: Sequence[Layer]) -> tuple[Tensor, ...]:
    """Gates (nodes,) cut into those of each layer."""
    return torch.split(gates, [layer.nodes for layer in layers])


def open_nodes(gates: Tensor) -> int:
    """Nodes that count as on: gate at least one half."""
    return int((gates >= 0.5).sum())


def pruning_loss(gates: Tensor, *, target: float) -> Tensor:
    """L_pru = (a - t)^2: a the mean gate, t = 1 - target the wanted fraction of active nodes."""
    return (gates.mean() - (1 - target)).square()
