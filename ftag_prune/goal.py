"""What a pruning is asked for: in which unit, in which layers, and how far."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from ftag_prune.cost import Cost
from ftag_prune.spec import Spec

__all__ = ["Aim", "Goal"]


class Goal(Spec):
    """Where nodes may be switched off, and what is counted.

    The target of a run is a fraction of the whole: of the nodes that may be switched off, or of all
    parameters or multiply-accumulates of the network.
    """

    unit: Literal["nodes", "parameters", "multiplications"] = "nodes"
    scope: Literal["network", "layer"] = Field(
        "network",
        description="layer: the same fraction everywhere; network: as it comes",
    )
    floor: int = Field(1, ge=1, description="nodes that every layer keeps at least")
    layers: tuple[str, ...] | None = Field(
        None,
        description="names of layers that may be pruned; default all hidden; [] with inputs",
    )
    inputs: bool = Field(default=False, description="switch input features off as well")

    @field_validator("layers")
    @classmethod
    def _once(cls, layers: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for index, name in enumerate(layers or ()):
            if layers and name in layers[:index]:
                raise ValueError(f"'{name}' stands twice")
        return layers

    @model_validator(mode="after")
    def _counts(self) -> Goal:
        if self.scope == "layer" and self.unit != "nodes":
            raise ValueError(f"scope: layer counts nodes; {self.unit} are shared between layers")
        if self.layers == () and not self.inputs:
            raise ValueError("layers: [] leaves nothing to prune; name some, or say inputs: true")
        return self

    @property
    def countable(self) -> bool:
        """Whether nodes are counted whose number the architecture tells by itself."""
        return self.unit == "nodes" and not self.inputs


class Aim(NamedTuple):
    """What gates are asked for at a moment.

    Attributes
    ----------
    progress : float in [0, 1]
        Share of the gated epochs that is done.
    budget : float
        Cost that shall be left in the end.
    cost : Cost
        Of the nodes that are there now.
    floor : int
        Nodes that every layer keeps at least.
    """

    progress: float
    budget: float
    cost: Cost
    floor: int = 1

    @property
    def wanted(self) -> float:
        """Fraction of the whole cost that shall be left."""
        return self.budget / self.cost.whole
