"""The losses of a batch, with or without gates."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import cross_entropy

from ftag_prune.errors import TrainingError
from ftag_prune.networks import Network, TransformerNetwork, scoring
from ftag_prune.shadow import Gates, Shadow, gated, gated_origins
from ftag_prune.tensors import Jets

__all__ = ["Losses", "class_loss", "class_loss_at_rest", "losses", "total_at_rest"]


class Losses(NamedTuple):
    """What weights and gates go down, but for the pruning loss.

    Attributes
    ----------
    classes : class loss L_cla
    origins : loss of the origins of tracks; None of a network that does not tell them
    weight : of the latter in the total
    """

    classes: Tensor
    origins: Tensor | None = None
    weight: float = 0.0

    @property
    def total(self) -> Tensor:
        """Class loss, and the weighted loss of the origins."""
        return self.classes if self.origins is None else self.classes + self.weight * self.origins


def losses(network: Network, shadow: Shadow | None, gates: Gates | None, jets: Jets) -> Losses:
    """Losses of a batch.

    Raises
    ------
    TrainingError
        If the network tells the origins of tracks and the jets do not know them.
    """
    told = network.architecture.track_origin if isinstance(network, TransformerNetwork) else None
    if not isinstance(network, TransformerNetwork) or told is None:
        return Losses(class_loss(network, shadow, gates, jets))
    arguments = network.arguments(jets)
    if gates is None or shadow is None:
        logits, origins = network.forward_with_origins(*arguments)
    else:
        logits, origins = gated_origins(network, shadow.layers, gates.value, arguments)
    return Losses(_of_classes(logits, jets), _of_origins(origins, jets), told.weight)


def class_loss(network: Network, shadow: Shadow | None, gates: Gates | None, jets: Jets) -> Tensor:
    """Mean weighted cross-entropy L_cla of a batch."""
    arguments = network.arguments(jets)
    if gates is None or shadow is None:
        logits = network(*arguments)
    else:
        logits = gated(network, shadow.layers, gates.value, arguments)
    return _of_classes(logits, jets)


def class_loss_at_rest(
    network: Network, shadow: Shadow | None, gates: Gates | None, jets: Jets
) -> Tensor:
    """Class loss of jets with the network as it scores: batch norms use what they remember."""
    with scoring(network):
        return class_loss(network, shadow, gates, jets)


def total_at_rest(
    network: Network, shadow: Shadow | None, gates: Gates | None, jets: Jets
) -> Tensor:
    """What weights and gates go down but for the pruning loss, with the network as it scores."""
    with scoring(network):
        return losses(network, shadow, gates, jets).total


def _of_classes(logits: Tensor, jets: Jets) -> Tensor:
    each: Tensor = cross_entropy(logits, jets.y, reduction="none") * jets.w
    return each.mean()


def _of_origins(logits: Tensor, jets: Jets) -> Tensor:
    """Mean cross-entropy of tracks (jets, tracks, origins) whose origin is known, or 0."""
    if jets.origin is None or jets.valid is None:
        raise TrainingError(
            "track_origin: these jets do not know where their tracks come from; give "
            "`constituents.origin` in the card and prepare them again"
        )
    wanted = jets.origin.long().masked_fill(~jets.valid, -1).flatten()
    # The sum divided by hand: the mean of no track at all would be 0/0.
    summed = cross_entropy(logits.flatten(0, 1), wanted, ignore_index=-1, reduction="sum")
    mean: Tensor = summed / (wanted >= 0).sum().clamp(min=1)
    return mean
