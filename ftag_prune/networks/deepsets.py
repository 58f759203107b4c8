"""Deep sets: a network for each track, the sum over the tracks, a network for the jet."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ftag_prune.architecture import DeepSets
from ftag_prune.networks.layer import Axis, Layer
from ftag_prune.networks.packed import packed
from ftag_prune.networks.stack import Stack
from ftag_prune.networks.tracks import Taken, TrackNetwork

__all__ = ["DeepSetsNetwork"]


class DeepSetsNetwork(TrackNetwork):
    """Deep sets (Zaheer et al., arXiv:1703.06114, theorem 2), as in DIPS (ATL-PHYS-PUB-2020-014).

    What is summed over the tracks are the neurons of the last layer of `track`; the jet inputs, if
    it takes them, stand beside the sum. A jet without tracks has a sum of 0.
    """

    architecture: DeepSets

    def __init__(self, architecture: DeepSets, taken: Taken, *, classes: int) -> None:
        super().__init__(architecture, taken, classes=classes)
        track, jet = architecture.track, architecture.jet
        self.track = Stack(len(taken.columns), track, None, how=architecture)
        self.jet = Stack(track[-1], jet, classes, how=architecture)
        self.beside = self._beside(jet[0])

    def forward(self, x: Tensor, tracks: Tensor, valid: Tensor) -> Tensor:
        """Logits (jets, classes); see `TrackNetwork.forward`."""
        places = packed(valid)
        summed = places.summed(self.track.passed(self.of_each(tracks, places)))
        if self.architecture.pooling == "mean":
            summed = summed / valid.sum(1, keepdim=True).clamp(min=1)
        return self.jet.passed(summed, self.of_jet(x))

    def layers(self) -> tuple[Layer, ...]:
        """Input features of jets and tracks, neurons of each layer of a track and of the jet."""
        tracks, jets = self.architecture.named()
        return (
            *self.inputs("track.linear.0.weight"),
            *self.track.nodes(tracks, within="track", used=(Axis("jet.linear.0.weight", 1),)),
            *self.jet.nodes(jets, within="jet", made=self._made_beside()),
        )

    def applied(self) -> Mapping[str, float]:
        """The network of a track is there for each slot."""
        slots = self.architecture.slots
        return {f"track.{name}": slots for name, _ in self.track.named_parameters()}
