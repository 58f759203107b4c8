"""Pressures that follow the losses: how fast they fall, and how steep they are."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field

from ftag_prune.pressure.seen import Memory, Pressing, Seen

__all__ = ["Dwa", "InverseVariation", "Polyak"]


class InverseVariation(Pressing):
    """``pressure = value / r``, at most `cap`: the slower the pruning loss, the harder the press.

    r = |L_pru(now) - L_pru(before)| / L_pru(before) (at most 1), the share by which a step changes
    the pruning loss, as a moving average. The users' idea of a coefficient inversely proportional
    to the variation of L_pru. Where the change is proportional to the pressure, r = b * pressure
    (plain SGD), it settles at sqrt(value / b): the root of what is needed, so a network of 100
    times the nodes is pressed 10 times harder and not 100 times.
    """

    kind: Literal["inverse_variation"] = "inverse_variation"
    value: float = Field(1.0, gt=0, description="pressure at which a step changes all of L_pru")
    first: float = Field(1.0, ge=0, description="pressure until a variation has been seen")
    inertia: float = Field(0.9, ge=0, lt=1, description="weight of the past in the average")
    cap: float = Field(1e7, gt=0, description="largest pressure")

    def start(self, nodes: int) -> Memory:  # noqa: ARG002 - the common interface
        """Memory before the first step."""
        return Memory(self.first)

    def step(self, memory: Memory, seen: Seen) -> Memory:
        """Compare the loss with that of the step before."""
        if not memory.kept:
            return Memory(memory.pressure, (seen.pruning_loss,))
        before, *past = memory.kept
        change = abs(seen.pruning_loss - before)
        share = min(1.0, change / before) if before > 0 else 0.0
        average = self.inertia * past[0] + (1 - self.inertia) * share if past else share
        return Memory(_at_most(self.cap, self.value, average), (seen.pruning_loss, average))


class Polyak(Pressing):
    """``pressure = L_pru / (softness * |grad L_pru|^2)``, at most `cap`: Polyak's step.

    The smallest possible L_pru is 0, so its value is the gap that the step has to close: Polyak,
    Introduction to Optimization (1987), section 5.3; capped as in Loizou et al.,
    arXiv:2002.10542 (SPS_max). The gradient is that on the gates' theta. With
    L_pru = (a - t)^2 the pressure is nodes / (4 softness mean(z'^2)), z' the slope of a gate: it
    undoes both the dilution and a small slope, until the cap. The gates' learning rate multiplies
    the step as any other.
    """

    needs_gradient: ClassVar[bool] = True

    kind: Literal["polyak"] = "polyak"
    softness: float = Field(1.0, gt=0, description="c of SPS; larger steps less far")
    cap: float = Field(1e5, gt=0, description="largest pressure")

    def step(self, memory: Memory, seen: Seen) -> Memory:  # noqa: ARG002 - the common interface
        """Divide the gap by the squared slope; nothing is pressed where the gap is closed."""
        steep = self.softness * seen.pruning_gradient * seen.pruning_gradient
        return Memory(_at_most(self.cap, seen.pruning_loss, steep))


class Dwa(Pressing):
    """Dynamic weight average, a negative control: it balances, and its weight stays near one.

    ``w_k = L_k(t - 1) / L_k(t - 2)`` of the losses' means over epochs, and weights 2 softmax(w / T)
    (Liu, Johns and Davison, arXiv:1803.10704, eq. 7). Only their ratio steers:
    ``pressure = exp((w_pru - w_cla) / T)``, which is the published loss but for a common factor.
    A loss that is stuck has w = 1 and is pressed no harder than one that falls by little.
    """

    kind: Literal["dwa"] = "dwa"
    temperature: float = Field(2.0, gt=0, description="T; larger is closer to equal weights")
    cap: float = Field(1e7, ge=1, description="largest pressure")

    def start(self, nodes: int) -> Memory:  # noqa: ARG002 - the common interface
        """Equal weights, which also the first two epochs have."""
        return Memory(1.0)

    def step(self, memory: Memory, seen: Seen) -> Memory:
        """Add up the losses of an epoch, and weigh again when the next one begins."""
        now = (float(seen.epoch), 1.0, seen.class_loss, seen.pruning_loss)
        if not memory.kept:
            return Memory(memory.pressure, (*now, 0.0, 0.0))
        epoch, steps, class_sum, pruning_sum, class_before, pruning_before = memory.kept
        if seen.epoch == epoch:
            sums = (class_sum + seen.class_loss, pruning_sum + seen.pruning_loss)
            kept = (epoch, steps + 1, *sums, class_before, pruning_before)
            return Memory(memory.pressure, kept)
        means = (class_sum / steps, pruning_sum / steps)
        gap = _ratio(means[1], pruning_before) - _ratio(means[0], class_before)
        pressure = math.exp(min(gap / self.temperature, math.log(self.cap)))
        return Memory(pressure, (*now, *means))


def _at_most(cap: float, numerator: float, denominator: float) -> float:
    """Quotient of two numbers from 0 on, at most `cap`; 0 if the numerator is 0."""
    if numerator <= 0:
        return 0.0
    # Multiplied, not divided: the denominator may be exactly zero.
    return cap if cap * denominator <= numerator else numerator / denominator


def _ratio(now: float, before: float) -> float:
    """How a loss went on; 1 if there is nothing to compare with, and at most a million."""
    return min(now / before, 1e6) if before > 0 else 1.0
