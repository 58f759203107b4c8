"""A sum over tracks, before it is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from ftag_prune.architecture.layered import Width
from ftag_prune.architecture.tracks import OfTracks

__all__ = ["DeepSets"]


class DeepSets(OfTracks):
    """Each track passes the same network, and another one sees the sum over the tracks.

    The widths are those of ATLAS DIPS (ATL-PHYS-PUB-2020-014) if nothing else is said. The nodes
    are the hidden neurons of both networks; what is summed are those of the last of a track.
    """

    kind: Literal["deepsets"] = "deepsets"
    track: tuple[Width, ...] = Field(
        (100, 100, 128),
        min_length=1,
        description="neurons of each layer of the network that sees one track",
    )
    jet: tuple[Width, ...] = Field(
        (100, 100, 100, 30),
        min_length=1,
        description="neurons of each hidden layer of the network that sees the sum",
    )
    jet_inputs: bool = Field(
        default=False, description="whether it takes the inputs of the jet beside the sum"
    )
    pooling: Literal["sum", "mean"] = Field("sum", description="over the tracks that are there")

    @property
    def nodes(self) -> dict[str, int]:
        """Number of nodes of each layer by its name, from input to output."""
        tracks, jets = self.named()
        return dict(zip([*tracks, *jets], [*self.track, *self.jet], strict=True))

    def resized(self, nodes: Mapping[str, int]) -> DeepSets:
        """Build the same architecture with other numbers of nodes in some layers."""
        now = self.nodes
        track, jet = (tuple(nodes.get(name, now[name]) for name in names) for names in self.named())
        return self.model_copy(update={"track": track, "jet": jet})
