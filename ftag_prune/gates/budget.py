"""Gates that meet a budget by construction: the classification loss ranks the nodes, nothing else.

There is no pruning loss that could get stuck.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from ftag_prune.cost import Cost
from ftag_prune.gates.gating import Gating
from ftag_prune.goal import Aim
from ftag_prune.selection import choose

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Budget", "StraightThrough"]


class _Scheduled(Gating):
    """A budget that falls from the whole to what is wanted, along a cubic.

    Zhu and Gupta, arXiv:1710.01878, eq. 1.
    """

    pressed: ClassVar[bool] = False

    settle: float = Field(0.8, gt=0, le=1, description="share of gated epochs until the budget")

    def least(self, aim: Aim) -> float:
        """Budget of this moment."""
        left = max(0.0, 1 - aim.progress / self.settle)
        return float(aim.budget + (aim.cost.whole - aim.budget) * left**3)


class Budget(_Scheduled):
    """``z = sigmoid((theta - tau) / T)`` with tau such that the gates cost exactly the budget.

    tau is solved at each step and its implicit gradient is part of the backward pass. The budget
    falls during the first `settle` share of the gated epochs, while 1/T grows geometrically from
    `steepness` to `last_steepness`.
    """

    kind: Literal["budget"] = "budget"
    steepness: float = Field(1.0, gt=0, description="1/T at the first gated step")
    last_steepness: float = Field(200.0, gt=0, description="1/T at the last gated step")

    def steepness_at(self, progress: float) -> float:
        """1/T after a share of the gated epochs."""
        return float(self.steepness * (self.last_steepness / self.steepness) ** progress)

    def values(self, theta: Tensor, aim: Aim, *, noise: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Gates (nodes,) of theta (nodes,), which cost the budget of this moment.

        tau carries the implicit gradient d tau = sum_i w_i d theta_i, w_i = c_i g_i / sum c g with
        g = z (1 - z) and c_i the cost of one more node in the layer of i: the derivative of
        cost(z(theta, tau)) = budget.
        """
        scaled = theta * self.steepness_at(aim.progress)
        fixed = scaled.detach()
        # The first steps ask for all nodes, which no finite tau gives.
        budget = min(self.least(aim), aim.cost.of(aim.cost.sizes) * (1 - 1e-4))
        solved = _solve(fixed.double().cpu().numpy(), aim.cost, budget)
        share = theta.new_tensor(solved.share)
        moving = ((scaled - fixed) * share).sum() + solved.tau
        gates: Tensor = (scaled - moving).sigmoid()
        return gates


class StraightThrough(_Scheduled):
    """The best nodes within the budget are fully on, the others fully off, at each step.

    Backwards the gate is a sigmoid of theta, so that a node that is off still learns what it would
    be worth (Bengio, Leonard and Courville, arXiv:1308.3432; with a top-k: Ramanujan et al.,
    arXiv:1911.13299).
    """

    kind: Literal["straight_through"] = "straight_through"

    def values(self, theta: Tensor, aim: Aim, *, noise: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Gates (nodes,) of theta (nodes,), each 0 or 1."""
        scores = theta.detach().cpu().numpy()
        kept = choose(scores, aim.cost, budget=self._whole_nodes(aim), floor=aim.floor)
        hard = np.zeros(len(scores))
        starts = np.cumsum([0, *aim.cost.sizes])
        for first, one in zip(starts, kept, strict=False):
            hard[first + np.array(one, int)] = 1
        soft = theta.sigmoid()
        return soft + (theta.new_tensor(hard) - soft).detach()

    def _whole_nodes(self, aim: Aim) -> float:
        """Budget of this moment; of nodes there are whole ones only."""
        now = min(self.least(aim), aim.cost.of(aim.cost.sizes))
        return float(math.ceil(now - 1e-6) if aim.cost.unit == "nodes" else now)


class _Solved(NamedTuple):
    """Where the budget is met, and how much a step of each theta moves that point.

    Attributes
    ----------
    tau : float
    share : (nodes,)
        d tau / d theta, in units of the steepness; the sum is one.
    """

    tau: float
    share: np.ndarray


def _solve(scaled: np.ndarray, cost: Cost, budget: float) -> _Solved:
    """Tau with cost(sum sigmoid(scaled - tau)) = budget: Newton, kept in a bracket by bisection.

    Far below the smallest and above the largest theta all gates are one or zero.
    """
    low, high = float(scaled.min()) - 40.0, float(scaled.max()) + 40.0
    tau = _guess(scaled, cost, budget, low, high)
    for _ in range(200):
        gate = 0.5 + 0.5 * np.tanh(0.5 * (scaled - tau))  # a sigmoid that never overflows
        spent, dear = _spent(gate, cost)
        excess, slope = spent - budget, float(dear.sum())
        if abs(excess) < 1e-9 * cost.whole or high - low < 1e-12 * max(1.0, abs(tau)):
            break
        low, high = (tau, high) if excess > 0 else (low, tau)
        step = tau + excess / slope if slope > 0 else math.inf
        tau = step if low < step < high else 0.5 * (low + high)
    return _Solved(tau, dear / slope if slope > 0 else np.zeros_like(dear))


def _spent(gate: np.ndarray, cost: Cost) -> tuple[float, np.ndarray]:
    """Cost of gates (nodes,), and minus its slope (nodes,) when their tau grows."""
    falling = gate - gate * gate
    if cost.unit == "nodes":
        return float(gate.sum()), falling
    starts = np.cumsum([0, *cost.sizes[:-1]])
    counts = np.add.reduceat(gate, starts)
    return float(cost.of(counts)), falling * np.repeat(cost.slopes(counts), cost.sizes)


def _guess(scaled: np.ndarray, cost: Cost, budget: float, low: float, high: float) -> float:
    """A tau near the answer: where as many thetas lie above as the budget has nodes."""
    share = budget / cost.of(cost.sizes)
    if scaled.max() - scaled.min() < 1:
        return float(scaled.mean()) - math.log(share / (1 - share))
    place = round((1 - share) * (len(scaled) - 1))
    return min(max(float(np.partition(scaled, place)[place]), low), high)
