"""The learning rates of weights and gates, and how they fall during a training."""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from ftag_prune.spec import Spec

__all__ = ["OneRate", "Pair", "Rates", "TwoRates"]


class Pair(NamedTuple):
    """Learning rates of the two parameter groups."""

    weights: float
    gates: float


class _Falling(Spec):
    decay: Literal["cosine", "none"] = Field(
        "cosine", description="how the weights' rate falls from the first epoch to the last"
    )
    floor: float = Field(0.01, ge=0, le=1, description="last rate as a share of the first")

    def _fall(self, progress: float) -> float:
        if self.decay == "none":
            return 1.0
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


class OneRate(_Falling):
    """One rate for both losses: weights and gates learn alike."""

    kind: Literal["one_rate"] = "one_rate"
    rate: float = Field(1e-3, gt=0)

    def at(self, progress: float) -> Pair:
        """Rates after a share `progress` (0 to 1) of all epochs."""
        now = self.rate * self._fall(progress)
        return Pair(now, now)


class TwoRates(_Falling):
    """One rate for the weights, which falls, and one for the gates, which stays."""

    kind: Literal["two_rates"] = "two_rates"
    weights: float = Field(2e-3, gt=0)
    gates: float = Field(5e-2, gt=0)

    def at(self, progress: float) -> Pair:
        """Rates after a share `progress` (0 to 1) of all epochs."""
        return Pair(self.weights * self._fall(progress), self.gates)


Rates = Annotated[OneRate | TwoRates, Field(discriminator="kind")]
