"""Gates that the pruning loss has to close: sigmoids, soft and hard."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ftag_prune.gates.gating import Gating
from ftag_prune.goal import Aim

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Annealed", "HardSigmoid", "Sigmoid"]


class Sigmoid(Gating):
    """``z = sigmoid(steepness * theta)``, off below one half: the gate of the users' study.

    A reconstruction of the published ancestor CancelOut (Borisov et al., ICANN 2019), whose
    weights start at +4. `limit` clamps |steepness * theta|: beyond about 17 the float32 sigmoid is
    exactly 1 and its gradient exactly 0, and no pressure brings such a gate back.
    """

    kind: Literal["sigmoid"] = "sigmoid"
    start_value: float = Field(0.9, gt=0.5, lt=1, description="gate of every node at the start")
    steepness: float = Field(1.0, gt=0)
    limit: float = Field(7.0, gt=0, description="largest |steepness * theta|")

    def start(self) -> float:
        """Theta of every node before the first step."""
        return math.log(self.start_value / (1 - self.start_value)) / self.steepness

    def steepness_at(self, progress: float) -> float:  # noqa: ARG002 - the common interface
        """Steepness after a share of the gated epochs: always the same."""
        return self.steepness

    def values(self, theta: Tensor, aim: Aim, *, noise: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Gates (nodes,) of theta (nodes,).

        The clamp lets the gradient pass (its value is cut, its slope is not), so that a gate at the
        limit can still return.
        """
        steep = self.steepness_at(aim.progress) * theta
        inside = steep + (steep.clamp(-self.limit, self.limit) - steep).detach()
        return inside.sigmoid()


class Annealed(Sigmoid):
    """A sigmoid that becomes steeper, geometrically, until it is nearly a switch.

    Early gates are soft and all feel the pressure; late ones are open or closed, so that the wanted
    mean cannot be met by gates that stand half open (Savarese, Silva and Maire, Winning the
    Lottery with Continuous Sparsification, arXiv:1912.04427).
    """

    kind: Literal["annealed"] = "annealed"  # type: ignore[assignment]
    last_steepness: float = Field(50.0, gt=0, description="steepness at the last gated step")

    def steepness_at(self, progress: float) -> float:
        """Steepness after a share of the gated epochs."""
        return float(self.steepness * (self.last_steepness / self.steepness) ** progress)


class HardSigmoid(Gating):
    """``z = clip(1/2 + steepness * theta / 4, 0, 1)``: a ramp that really ends at 0 and 1.

    Its slope in the middle is that of the sigmoid. Beyond the ends it is exactly 0: a closed gate
    stays closed, an open one stays open. `leak` lets that share of the middle's slope pass there,
    backwards only.
    """

    kind: Literal["hard_sigmoid"] = "hard_sigmoid"
    start_value: float = Field(0.9, gt=0.5, lt=1, description="gate of every node at the start")
    steepness: float = Field(1.0, gt=0)
    leak: float = Field(0.0, ge=0, le=1)

    def start(self) -> float:
        """Theta of every node before the first step."""
        return 4 * (self.start_value - 0.5) / self.steepness

    def steepness_at(self, progress: float) -> float:  # noqa: ARG002 - the common interface
        """Steepness after a share of the gated epochs: always the same."""
        return self.steepness

    def values(self, theta: Tensor, aim: Aim, *, noise: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Gates (nodes,) of theta (nodes,)."""
        ramp = 0.5 + self.steepness * theta / 4
        inside: Tensor = ramp.clamp(0, 1)
        if not self.leak:
            return inside
        beyond = self.leak * (ramp - inside)
        return inside + (beyond - beyond.detach())
