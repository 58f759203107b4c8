"""What fully connected layers may have between them, in every kind of network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ftag_prune.spec import Spec

__all__ = ["Layered", "Width"]

Width = Annotated[int, Field(ge=1)]


class Layered(Spec):
    """Activation, norm and dropout of the hidden layers of a network.

    A hidden layer is linear, norm, activation, dropout, in this order.
    """

    activation: Literal["relu", "gelu", "tanh", "silu"] = "relu"
    norm: Literal["none", "batch", "layer"] = Field(
        "none", description="of the neurons of a hidden layer, before their activation"
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="fraction of neurons that a training step leaves out"
    )
