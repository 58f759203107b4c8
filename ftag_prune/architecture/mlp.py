"""Fully connected layers on jet features, before they are built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from ftag_prune.spec import Spec

__all__ = ["Mlp"]


class Mlp(Spec):
    """Fully connected layers on jet features; the nodes are the hidden neurons."""

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        min_length=1, description="neurons of each hidden layer, from input to output"
    )
    activation: Literal["relu", "gelu", "tanh"] = "relu"

    @property
    def needs_tracks(self) -> bool:
        """Whether it sees the tracks of a jet."""
        return False

    @property
    def tracks(self) -> tuple[str, ...]:
        """Names of the track inputs that it takes: none."""
        return ()

    @property
    def nodes(self) -> dict[str, int]:
        """Number of nodes of each layer by its name, from input to output."""
        return {f"hidden{index + 1}": nodes for index, nodes in enumerate(self.hidden)}

    def resized(self, nodes: Mapping[str, int]) -> Mlp:
        """Build the same architecture with other numbers of nodes in some layers."""
        hidden = tuple(nodes.get(name, now) for name, now in self.nodes.items())
        return self.model_copy(update={"hidden": hidden})
