"""What a network is told of its inputs before it is built, and how it normalises them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ftag_prune.architecture import Architecture
from ftag_prune.errors import ConfigError, nearest

__all__ = ["Inputs", "standardised", "track_columns"]


class Inputs(NamedTuple):
    """Inputs of the jets that a network will see.

    Attributes
    ----------
    mean, std : (inputs,)
        Normalisation of the jet inputs, from the training jets; constant inputs have std 1.
    tracks : names of the track inputs that the jets have, in their order
    track_mean, track_std : (track inputs,)
        Normalisation of the track inputs; 0 and 1 if they are not given.
    names : of the jet inputs; none if nobody looks for them
    """

    mean: Sequence[float]
    std: Sequence[float]
    tracks: Sequence[str] = ()
    track_mean: Sequence[float] = ()
    track_std: Sequence[float] = ()
    names: Sequence[str] = ()

    def of_tracks(self, columns: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (columns,) of some track inputs."""
        mean = self.track_mean or [0.0] * len(self.tracks)
        std = self.track_std or [1.0] * len(self.tracks)
        return (
            torch.tensor([mean[one] for one in columns], dtype=torch.float32),
            torch.tensor([std[one] for one in columns], dtype=torch.float32),
        )

    def of_jets(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (inputs,) of the jet inputs."""
        return (
            torch.tensor(self.mean, dtype=torch.float32),
            torch.tensor(self.std, dtype=torch.float32),
        )


def track_columns(architecture: Architecture, tracks: Sequence[str]) -> tuple[int, ...]:
    """Places of the track inputs that a network takes among those that the jets have.

    Raises
    ------
    ConfigError
        If the jets do not have one that it takes, or none at all and it takes what there is.
    """
    if architecture.needs_tracks and not tracks:
        raise ConfigError(
            f"a network of kind '{architecture.kind}' sees the tracks of a jet, and these jets "
            "have no track inputs; prepare them with `constituents: true`"
        )
    for name in architecture.tracks:
        if name not in tracks:
            raise ConfigError(
                f"a network of kind '{architecture.kind}' takes the track input '{name}', which "
                f"the jets do not have{nearest(name, tracks)}"
            )
    if architecture.needs_tracks and not architecture.tracks:
        return tuple(range(len(tracks)))
    return tuple(tracks.index(name) for name in architecture.tracks)


def standardised(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """(x - mean) / std; a missing input (NaN) stands at its mean, and so does an infinite one.

    Parameters
    ----------
    x : (..., inputs)
    mean, std : (inputs,)
    """
    scaled = (x - mean) / std
    # An infinite input would make the whole jet NaN. Of all ways to say so, this one is the
    # quickest in an exported file.
    return torch.where(scaled.abs() < math.inf, scaled, 0.0)
