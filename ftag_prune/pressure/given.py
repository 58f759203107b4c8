"""Pressures that are known before the training, whatever happens in it."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from ftag_prune.pressure.seen import Memory, Pressing, Seen

__all__ = ["Fixed", "Ladder", "PerNode"]


class Fixed(Pressing):
    """The same pressure from the first step to the last."""

    kind: Literal["fixed"] = "fixed"
    value: float = Field(1.0, ge=0, description="mu*lambda")

    def start(self, nodes: int) -> Memory:  # noqa: ARG002 - the common interface
        """Memory before the first step."""
        return Memory(self.value)

    def step(self, memory: Memory, seen: Seen) -> Memory:  # noqa: ARG002 - the common interface
        """Keep the value."""
        return memory


class PerNode(Pressing):
    """``pressure = value * nodes``: undoes the 1/nodes in the gradient of the pruning loss.

    With L_pru = (a - t)^2, a the mean gate, dL_pru/dtheta_i = 2 (a - t) z'_i / nodes: under SGD
    L_pru falls as exp(-step / tau) with tau proportional to nodes / pressure. With this pressure
    tau is the same for every size. The users' idea of a coefficient "related to the size of the
    network".
    """

    kind: Literal["per_node"] = "per_node"
    value: float = Field(1.0, ge=0, description="mu*lambda of a network of one node")

    def start(self, nodes: int) -> Memory:
        """Memory before the first step."""
        return Memory(self.value * nodes)

    def step(self, memory: Memory, seen: Seen) -> Memory:  # noqa: ARG002 - the common interface
        """Keep the value."""
        return memory


class Ladder(Pressing):
    """Multiply the pressure by `factor` every `every` epochs, from `first` up to `last`.

    The remedy of the users' study: 1 to 1e7 in steps of 10 every 20 epochs.
    """

    kind: Literal["ladder"] = "ladder"
    first: float = Field(1.0, gt=0)
    last: float = Field(1e7, gt=0)
    factor: float = Field(10.0, gt=1)
    every: int = Field(20, ge=1, description="epochs between two rungs")

    @model_validator(mode="after")
    def _rises(self) -> Ladder:
        if self.last < self.first:
            raise ValueError(f"last ({self.last:g}) lies below first ({self.first:g})")
        return self

    def start(self, nodes: int) -> Memory:  # noqa: ARG002 - the common interface
        """Memory before the first step."""
        return Memory(self.first)

    def step(self, memory: Memory, seen: Seen) -> Memory:  # noqa: ARG002 - the common interface
        """Climb to the rung of this epoch."""
        rung = seen.epoch // self.every
        # Far above the last rung the power itself would not fit into a float.
        if rung > 1 + math.log(self.last / self.first) / math.log(self.factor):
            return Memory(self.last)
        return Memory(min(self.last, self.first * self.factor**rung))
