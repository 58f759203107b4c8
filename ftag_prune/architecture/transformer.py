"""Attention among the tracks of a jet, before it is built."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from ftag_prune.architecture.layered import Width
from ftag_prune.architecture.tracks import OfTracks
from ftag_prune.spec import Spec

__all__ = ["TrackOrigin", "Transformer"]


class TrackOrigin(Spec):
    """Tell in training where each track comes from, so that the tagger learns to see it.

    What tells it is no part of the tagger: it has no nodes and is not counted.
    """

    classes: ClassVar[int] = 8  # ATLAS's ftagTruthOriginLabel, 0 to 7

    weight: float = Field(0.5, gt=0, description="of its loss, beside that of the jet's class")
    hidden: tuple[Width, ...] = Field(
        (64,), description="neurons of each hidden layer of the network that tells it"
    )


class Transformer(OfTracks):
    """Each track is embedded, looks at the others of its jet, and a network sees what they sum to.

    As ATLAS GN2 (arXiv:2505.19689), smaller: layers of attention and a hidden layer, both behind
    a layer norm and added to the embedding, and a sum over the tracks with weights that they give
    themselves. The nodes are the hidden neurons everywhere (track, ff and jet) and the heads of
    attention. The embedding runs through the whole network and is not pruned: its width is an axis
    of the study instead.
    """

    kind: Literal["transformer"] = "transformer"
    track: tuple[Width, ...] = Field(
        (128,), description="neurons of each hidden layer of the network that embeds a track"
    )
    embedding: int = Field(64, ge=1, description="width of the embedding; it is not pruned")
    layers: int = Field(
        3, ge=1, le=1000, description="of attention, each followed by a hidden layer"
    )
    heads: int = Field(4, ge=1, description="of attention in each layer")
    head_dim: int | None = Field(
        None, ge=1, description="width of a head; default embedding / heads"
    )
    ff: int = Field(128, ge=1, description="neurons of the hidden layer after each attention")
    jet: tuple[Width, ...] = Field(
        (64, 32), min_length=1, description="neurons of each hidden layer that sees the jet"
    )
    jet_inputs: bool = Field(
        default=True, description="whether each track sees the inputs of its jet"
    )
    sizes: tuple[Width, ...] | None = Field(
        None,
        description="nodes of each layer, from input to output, instead of track, heads, ff, jet",
    )
    track_origin: TrackOrigin | None = Field(
        None, description="tell in training where each track comes from"
    )

    @model_validator(mode="after")
    def _fits(self) -> Transformer:
        if self.head_dim is None and self.embedding % self.heads:
            raise ValueError(
                f"heads: {self.heads} do not divide an embedding of {self.embedding}; give a "
                "head_dim"
            )
        if self.sizes is not None and len(self.sizes) != len(self._names):
            raise ValueError(
                f"sizes: {len(self.sizes)} numbers of nodes; there are {len(self._names)} layers "
                "of nodes"
            )
        return self

    @property
    def head_width(self) -> int:
        """Width of a head, whatever number of them is left."""
        return self.head_dim or self.embedding // self.heads

    @property
    def nodes(self) -> dict[str, int]:
        """Number of nodes of each layer by its name, from input to output."""
        whole = (*self.track, *(self.heads, self.ff) * self.layers, *self.jet)
        return dict(zip(self._names, self.sizes or whole, strict=True))

    def resized(self, nodes: Mapping[str, int]) -> Transformer:
        """Build the same architecture with other numbers of nodes in some layers."""
        sizes = tuple(nodes.get(name, now) for name, now in self.nodes.items())
        return self.model_copy(update={"sizes": sizes})

    @property
    def _names(self) -> list[str]:
        tracks, jets = self.named()
        layers = range(1, self.layers + 1)
        pairs = chain.from_iterable((f"heads{layer}", f"ff{layer}") for layer in layers)
        return [*tracks, *pairs, *jets]
