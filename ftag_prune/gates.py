"""Gate families: from one trainable number a node to its gate between 0 (off) and 1 (on).

The families are written with methods of the tensor they are given, so that a study can be read and
checked without loading torch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from ftag_prune.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Budget", "Gate", "Sigmoid"]


class Sigmoid(Spec):
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

    def values(self, theta: Tensor, *, progress: float, target: float) -> Tensor:  # noqa: ARG002
        """Gates (nodes,) of theta (nodes,).

        The clamp lets the gradient pass (its value is cut, its slope is not), so that a gate at the
        limit can still return.
        """
        steep = self.steepness * theta
        inside = steep + (steep.clamp(-self.limit, self.limit) - steep).detach()
        return inside.sigmoid()


class Budget(Spec):
    """Gates that always sum to the budget: ``z = sigmoid((theta - tau) / T)``, sum z = budget.

    tau is solved at each step and its implicit gradient is part of the backward pass, so the
    classification loss alone ranks the nodes; there is no pruning loss to get stuck. The budget
    falls from all nodes to the wanted number along a cubic (Zhu and Gupta, arXiv:1710.01878, eq. 1)
    during the first `settle` share of the gated epochs, while 1/T grows geometrically from
    `steepness` to `last_steepness`.
    """

    kind: Literal["budget"] = "budget"
    steepness: float = Field(1.0, gt=0, description="1/T at the first gated step")
    last_steepness: float = Field(200.0, gt=0, description="1/T at the last gated step")
    settle: float = Field(0.8, gt=0, le=1, description="share of gated epochs until the budget")

    def start(self) -> float:
        """Theta of every node before the first step."""
        return 0.0

    def budget(self, nodes: int, *, progress: float, target: float) -> float:
        """Sum of the gates after a share `progress` of the gated epochs."""
        left = max(0.0, 1 - progress / self.settle)
        return nodes * (1 - target * (1 - left**3))

    def values(self, theta: Tensor, *, progress: float, target: float) -> Tensor:
        """Gates (nodes,) of theta (nodes,), which sum to the budget of this moment.

        tau carries the implicit gradient d tau = sum_i w_i d theta_i, w_i = g_i / sum g with
        g = z (1 - z): the derivative of sum z(theta, tau) = budget.
        """
        nodes = theta.numel()
        steep = self.steepness * (self.last_steepness / self.steepness) ** progress
        # The first steps ask for all nodes, which no finite tau gives.
        budget = min(self.budget(nodes, progress=progress, target=target), nodes * (1 - 1e-4))
        scaled = theta * steep
        fixed = scaled.detach()
        tau = _solve(fixed.double().numpy(), budget)
        gate = (fixed - tau).sigmoid()
        slope = gate * (1 - gate)
        share = slope / slope.sum().clamp_min(1e-12)
        moving = tau + ((scaled - fixed) * share).sum()
        gates: Tensor = (scaled - moving).sigmoid()
        return gates


def _solve(scaled: np.ndarray, budget: float) -> float:
    """Tau with sum sigmoid(scaled - tau) = budget: Newton, kept inside a bracket by bisection.

    With all gates equal to the mean budget/n the answer is scaled - logit(budget/n); the smallest
    and the largest such value bracket the root of the monotonous sum.
    """
    offset = math.log(budget / (scaled.size - budget))
    low, high = float(scaled.min()) - offset, float(scaled.max()) - offset
    tau = 0.5 * (low + high)
    for _ in range(100):
        gate = 1 / (1 + np.exp(np.clip(tau - scaled, -700, 700)))
        excess = float(gate.sum()) - budget
        if abs(excess) < 1e-9 * scaled.size or high - low < 1e-12 * max(1.0, abs(tau)):
            break
        low, high = (tau, high) if excess > 0 else (low, tau)
        slope = float((gate * (1 - gate)).sum())
        step = tau + excess / slope if slope > 0 else math.inf
        tau = step if low < step < high else 0.5 * (low + high)
    return tau


Gate = Annotated[Sigmoid | Budget, Field(discriminator="kind")]
