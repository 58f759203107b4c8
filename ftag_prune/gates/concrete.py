"""Gates that are drawn at each step, so that the mean number of open ones has a slope."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from ftag_prune.gates.gating import Gating
from ftag_prune.goal import Aim

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["HardConcrete"]


class HardConcrete(Gating):
    """Louizos, Welling and Kingma, arXiv:1712.01312: a stretched concrete variable, clipped.

    ``s = sigmoid((logit(u) + theta) / temperature)`` with u uniform, stretched to (low, high) and
    clipped to [0, 1], so that exact zeros and ones are drawn (eq. 10); the pruning loss counts
    P(z > 0) = sigmoid(theta - temperature log(-low / high)); at rest
    ``z = clip(sigmoid(theta) (high - low) + low, 0, 1)``. theta is the paper's log alpha;
    `limit` clamps it, or saturation would bring its slope to zero.
    """

    noisy: ClassVar[bool] = True

    kind: Literal["hard_concrete"] = "hard_concrete"
    start_value: float = Field(0.9, gt=0.5, lt=1, description="gate at rest, at the start")
    temperature: float = Field(2 / 3, gt=0, description="beta of the paper")
    low: float = Field(-0.1, lt=0, description="gamma of the paper")
    high: float = Field(1.1, gt=1, description="zeta of the paper")
    limit: float = Field(5.0, gt=0, description="largest |theta|")

    @model_validator(mode="after")
    def _within(self) -> HardConcrete:
        if self.start() > self.limit:
            raise ValueError(f"start_value ({self.start_value:g}) lies beyond the limit of theta")
        return self

    def start(self) -> float:
        """Theta of every node before the first step."""
        share = (self.start_value - self.low) / (self.high - self.low)
        return math.log(share / (1 - share))

    def values(self, theta: Tensor, aim: Aim, *, noise: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Gates (nodes,) of theta (nodes,): drawn with noise, at rest without."""
        inside = self._inside(theta)
        if noise is not None:
            inside = (noise.logit(1e-6) + inside) / self.temperature
        stretched: Tensor = inside.sigmoid() * (self.high - self.low) + self.low
        return stretched.clamp(0, 1)

    def active(self, theta: Tensor, values: Tensor, aim: Aim) -> Tensor:  # noqa: ARG002
        """Probability (nodes,) of a gate above zero."""
        shifted: Tensor = self._inside(theta) - self.temperature * math.log(-self.low / self.high)
        return shifted.sigmoid()

    def _inside(self, theta: Tensor) -> Tensor:
        """Theta within the limit; the gradient passes."""
        return theta + (theta.clamp(-self.limit, self.limit) - theta).detach()
