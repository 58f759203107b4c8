"""What networks that see tracks one by one have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from ftag_prune.architecture import DeepSets, Transformer
from ftag_prune.networks.inputs import Inputs, standardised, track_columns
from ftag_prune.networks.layer import Axis, Layer, Network
from ftag_prune.networks.packed import Packed
from ftag_prune.tensors import Jets

__all__ = ["Taken", "TrackNetwork"]

_OfTracks = DeepSets | Transformer


class Taken(NamedTuple):
    """Inputs that a network takes.

    Attributes
    ----------
    columns : (k,)
        Places of the track inputs among those that tracks have.
    track_mean, track_std : (k,)
        Their normalisation.
    mean, std : (inputs,)
        Normalisation of the jet inputs; None if it takes none.
    """

    columns: Tensor
    track_mean: Tensor
    track_std: Tensor
    mean: Tensor | None = None
    std: Tensor | None = None

    @classmethod
    def of(cls, architecture: _OfTracks, about: Inputs) -> Taken:
        """Those that an architecture asks for; ConfigError if the jets do not have them."""
        columns = track_columns(architecture, about.tracks)
        jets = about.of_jets() if architecture.jet_inputs else (None, None)
        return cls(torch.tensor(columns, dtype=torch.long), *about.of_tracks(columns), *jets)


class TrackNetwork(Network):
    """A network whose `forward` takes jet inputs, tracks, and which of them are there.

    It has a module `track` that sees one track first, and, if it takes jet inputs, a module
    `beside` for them, whose outputs are added to what makes nodes elsewhere.
    """

    architecture: _OfTracks
    columns: Tensor
    track_mean: Tensor
    track_std: Tensor
    beside: nn.Linear | None

    def __init__(self, architecture: _OfTracks, taken: Taken, *, classes: int) -> None:
        super().__init__()
        self.architecture, self.classes = architecture, classes
        for name, tensor in taken._asdict().items():
            if tensor is not None:
                self.register_buffer(name, tensor.clone())

    @classmethod
    def of(cls, architecture: Any, *, about: Inputs, classes: int) -> Self:
        """Fresh network on the tracks, and on the jet inputs if it takes them."""
        return cls(architecture, Taken.of(architecture, about), classes=classes)

    @classmethod
    def shaped(cls, architecture: Any, tensors: Mapping[str, Tensor], *, classes: int) -> Self:
        """Network with the inputs of a saved one."""
        names = Taken._fields if architecture.jet_inputs else Taken._fields[:3]
        return cls(architecture, Taken(*(tensors[name] for name in names)), classes=classes)

    @abstractmethod
    def forward(self, x: Tensor, tracks: Tensor, valid: Tensor) -> Tensor:
        """Logits (jets, classes).

        Parameters
        ----------
        x : (jets, inputs), of which missing ones (NaN) stand at their mean
        tracks : (jets, slots, track inputs), as x where there is a track
        valid : (jets, slots) bool, False where a slot is empty, whatever it holds
        """

    def arguments(self, jets: Jets) -> tuple[Tensor, ...]:
        """The jet inputs, the tracks, and which of them are there; TrainingError without tracks."""
        tracks, valid = self.of_tracks(jets)
        return self.of_jets(jets), tracks, valid

    def of_each(self, tracks: Tensor, places: Packed) -> Tensor:
        """Normalised inputs (tracks, k) of the tracks that are there."""
        chosen = places.taken(tracks).index_select(1, self.columns)
        return standardised(chosen, self.track_mean, self.track_std)

    def of_jet(self, x: Tensor) -> Tensor | None:
        """What the jet inputs (jets, inputs) add (jets, nodes); None if it takes none."""
        if self.beside is None:
            return None
        added: Tensor = self.beside(standardised(x, self.mean, self.std))
        return added

    def inputs(self, first: str) -> tuple[Layer, ...]:
        """Input features, of jets and of tracks.

        Parameters
        ----------
        first : name of the weight that uses those of tracks
        """
        names = ("columns", "track_mean", "track_std")
        made = tuple(Axis(name, 0) for name in names)
        tracks = Layer("track_inputs", len(self.columns), made, (Axis(first, 1),))
        if self.beside is None:
            return (tracks,)
        made = (Axis("mean", 0), Axis("std", 0))
        return Layer("inputs", len(self.mean), made, (Axis("beside.weight", 1),)), tracks

    def _beside(self, width: int) -> nn.Linear | None:
        """Linear layer of the jet inputs to so many nodes."""
        inputs = self.architecture.jet_inputs
        return nn.Linear(len(self.mean), width, bias=False) if inputs else None

    def _made_beside(self) -> tuple[Axis, ...]:
        return () if self.beside is None else (Axis("beside.weight", 0),)
