"""The class loss of a batch, with or without gates."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from ftag_prune.networks import Network, scoring
from ftag_prune.shadow import Gates, Shadow, gated
from ftag_prune.tensors import Jets

__all__ = ["at_rest", "class_loss"]


def class_loss(network: Network, shadow: Shadow | None, gates: Gates | None, jets: Jets) -> Tensor:
    """Mean weighted cross-entropy L_cla of a batch."""
    arguments = network.arguments(jets)
    if gates is None or shadow is None:
        logits = network(*arguments)
    else:
        logits = gated(network, shadow.layers, gates.value, arguments)
    losses: Tensor = cross_entropy(logits, jets.y, reduction="none") * jets.w
    return losses.mean()


def at_rest(network: Network, shadow: Shadow | None, gates: Gates | None, jets: Jets) -> Tensor:
    """Class loss of jets with the network as it scores: batch norms use what they remember."""
    with scoring(network):
        return class_loss(network, shadow, gates, jets)
