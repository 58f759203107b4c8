"""What a network is made of, before it is built: kinds, widths, and its nodes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ftag_prune.spec import Spec

__all__ = ["Architecture", "Mlp"]


class Mlp(Spec):
    """Fully connected layers on jet features; the nodes are the hidden neurons."""

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        min_length=1, description="neurons of each hidden layer, from input to output"
    )
    activation: Literal["relu", "gelu", "tanh"] = "relu"

    @property
    def nodes(self) -> tuple[int, ...]:
        """Number of nodes that can be switched off, layer by layer."""
        return self.hidden

    def resized(self, nodes: tuple[int, ...]) -> Mlp:
        """Build the same architecture with other numbers of nodes."""
        return self.model_copy(update={"hidden": nodes})


# With a second kind: Annotated[Mlp | ..., Field(discriminator="kind")].
Architecture = Mlp
