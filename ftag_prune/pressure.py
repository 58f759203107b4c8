"""How the factor mu*lambda before the pruning loss moves during a training, in plain floats."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from ftag_prune.spec import Spec

__all__ = ["Fixed", "Ladder", "Memory", "Pressure", "Seen"]


class Seen(NamedTuple):
    """What the loop observed at a step.

    ``epoch`` counts gated epochs from 0 (dense ones before them do not count); ``progress`` runs
    from 0 to 1 over the gated epochs; ``pruned`` and ``target`` are fractions of the ``nodes``.
    """

    epoch: int
    progress: float
    nodes: int
    pruned: float
    target: float
    class_loss: float
    pruning_loss: float


class Memory(NamedTuple):
    """What a pressure keeps between steps; it goes into the checkpoint."""

    pressure: float


class Fixed(Spec):
    """The same pressure from the first step to the last."""

    kind: Literal["fixed"] = "fixed"
    value: float = Field(1.0, ge=0, description="mu*lambda")

    def start(self) -> Memory:
        """Memory before the first step."""
        return Memory(self.value)

    def step(self, memory: Memory, seen: Seen) -> Memory:  # noqa: ARG002 - the common interface
        """Keep the value."""
        return memory


class Ladder(Spec):
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

    def start(self) -> Memory:
        """Memory before the first step."""
        return Memory(self.first)

    def step(self, memory: Memory, seen: Seen) -> Memory:  # noqa: ARG002 - the common interface
        """Climb to the rung of this epoch."""
        return Memory(min(self.last, self.first * self.factor ** (seen.epoch // self.every)))


Pressure = Annotated[Fixed | Ladder, Field(discriminator="kind")]
