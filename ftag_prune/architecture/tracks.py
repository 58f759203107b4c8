"""What networks that see tracks one by one have in common, before they are built."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from ftag_prune.architecture.layered import Layered, Width

__all__ = ["OfTracks"]


class OfTracks(Layered):
    """A network for each track, something that brings the tracks together, and one for the jet.

    No result depends on the order of the tracks, or on slots that are empty.
    """

    needs_tracks: ClassVar[bool] = True
    selects_inputs: ClassVar[bool] = True

    track: tuple[Width, ...] = Field(
        description="neurons of each hidden layer of the network that sees one track"
    )
    jet: tuple[Width, ...] = Field(
        min_length=1, description="neurons of each hidden layer of the network that sees the jet"
    )
    jet_inputs: bool = Field(description="whether it takes the inputs of the jet as well")
    tracks: tuple[str, ...] = Field(
        (), description="track inputs that it takes by their names; all that there are by default"
    )
    slots: int = Field(
        20,
        ge=1,
        description="tracks of a jet for which multiplications are counted; results do not depend "
        "on it",
    )

    @field_validator("tracks")
    @classmethod
    def _once(cls, tracks: tuple[str, ...]) -> tuple[str, ...]:
        for index, name in enumerate(tracks):
            if name in tracks[:index]:
                raise ValueError(f"'{name}' stands twice")
        return tracks

    def named(self) -> tuple[list[str], list[str]]:
        """Names of the hidden layers of the network of a track, and of that of the jet."""
        tracks, jets = range(1, len(self.track) + 1), range(1, len(self.jet) + 1)
        return [f"track{place}" for place in tracks], [f"jet{place}" for place in jets]
