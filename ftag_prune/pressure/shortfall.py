"""Pressures that follow the shortfall: target minus the nodes that are really switched off.

The constraint is the count of closed gates, which has no slope; the pruning loss stands in for it
on the gates. Multipliers from the true constraint and slopes from a stand-in: Cotter et al.,
arXiv:1804.06500.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from ftag_prune.pressure.seen import Memory, Pressing, Seen

__all__ = ["Augmented", "Dual", "Geco", "NuPi"]


class Dual(Pressing):
    """Press harder while too few nodes are pruned; let go once the target is met.

    ``pressure += rate * shortfall``: gradient ascent on the multiplier of the constraint
    pruned >= target, which restarts from 0 where the constraint holds (Gallego-Posada et al.,
    arXiv:2208.04425: dual restarts). The default is ten times the gates' default rate.
    """

    kind: Literal["dual"] = "dual"
    rate: float = Field(0.5, gt=0, description="pressure added per step and unit of shortfall")

    def step(self, memory: Memory, seen: Seen) -> Memory:
        """Add the shortfall of this step, or let go."""
        short = seen.shortfall
        return Memory(memory.pressure + self.rate * short if short > 0 else 0.0)


class Augmented(Pressing):
    """Augmented Lagrangian: a ladder that climbs only while the shortfall does not shrink.

    ``pressure = max(0, multiplier + penalty * shortfall)``. Every `every` epochs the multiplier
    becomes that number, and the penalty grows by `growth` unless the shortfall fell below `enough`
    of what it was (Hestenes 1969, Powell 1969, Rockafellar 1973 for inequalities; the rule of the
    penalty: Bertsekas, Constrained Optimization and Lagrange Multiplier Methods, 1982, chapter 2).
    """

    kind: Literal["augmented"] = "augmented"
    penalty: float = Field(1.0, gt=0, description="first penalty")
    growth: float = Field(10.0, ge=1)
    enough: float = Field(0.25, gt=0, lt=1, description="shrinking that leaves the penalty alone")
    every: int = Field(1, ge=1, description="epochs between two updates")
    cap: float = Field(1e7, gt=0, description="largest pressure, multiplier and penalty")

    def step(self, memory: Memory, seen: Seen) -> Memory:
        """Press; at the end of a round, update multiplier and penalty before."""
        short = seen.shortfall
        fresh = (0.0, min(self.cap, self.penalty), short, float(seen.epoch))
        multiplier, penalty, before, since = memory.kept or fresh
        if seen.epoch >= since + self.every:
            multiplier = self._pressed(multiplier, penalty, short)
            if short > self.enough * before > 0:
                penalty = min(self.cap, penalty * self.growth)
            before, since = short, float(seen.epoch)
        pressure = self._pressed(multiplier, penalty, short)
        return Memory(pressure, (multiplier, penalty, before, since))

    def _pressed(self, multiplier: float, penalty: float, short: float) -> float:
        return min(self.cap, max(0.0, multiplier + penalty * short))


class NuPi(Pressing):
    """Dual ascent with a brake: a PI controller of the shortfall.

    ``xi = nu * xi + (1 - nu) * shortfall`` (from 0), and
    ``pressure = max(0, pressure + integral * shortfall + proportional * (xi - xi before))``:
    Sohrabi et al., ICML 2024, arXiv:2406.04558, algorithm 1 in its recursive form. The second term
    lets go already while the shortfall shrinks, and so damps the overshoot of `dual`. With
    proportional = 0 it is dual ascent without restarts.
    """

    kind: Literal["nupi"] = "nupi"
    integral: float = Field(0.5, gt=0, description="pressure per step and unit of shortfall")
    proportional: float = Field(5.0, ge=0, description="pressure per unit of smoothed shortfall")
    nu: float = Field(0.9, gt=-1, lt=1, description="weight of the past in the smoothed shortfall")

    def step(self, memory: Memory, seen: Seen) -> Memory:
        """Add the shortfall of this step and the change of the smoothed one."""
        (before,) = memory.kept or (0.0,)
        smooth = self.nu * before + (1 - self.nu) * seen.shortfall
        added = self.integral * seen.shortfall + self.proportional * (smooth - before)
        return Memory(max(0.0, memory.pressure + added), (smooth,))


class Geco(Pressing):
    """The pressure grows by a share, not by an amount, while too few nodes are pruned.

    ``C = inertia * C + (1 - inertia) * shortfall`` (from the first shortfall), and
    ``pressure *= exp(rate * C)``, between `floor` and `cap`: Rezende and Viola, arXiv:1810.00597,
    algorithm 1. It finds the order of magnitude that a network of any size needs, as the ladder
    does, and comes down again when too many nodes are off. The defaults are for trainings of some
    hundred gated steps (the paper's inertia, 0.99, remembers a hundred).
    """

    kind: Literal["geco"] = "geco"
    first: float = Field(1.0, gt=0)
    rate: float = Field(0.05, gt=0, le=1, description="e-folds per step and unit of shortfall")
    inertia: float = Field(0.9, ge=0, lt=1, description="weight of the past in the average")
    floor: float = Field(1e-6, gt=0, description="smallest pressure; from 0 there is no return")
    cap: float = Field(1e7, gt=0, description="largest pressure")

    @model_validator(mode="after")
    def _ordered(self) -> Geco:
        if not self.floor <= self.first <= self.cap:
            raise ValueError(
                f"first ({self.first:g}) does not lie between floor ({self.floor:g}) "
                f"and cap ({self.cap:g})"
            )
        return self

    def start(self, nodes: int) -> Memory:  # noqa: ARG002 - the common interface
        """Memory before the first step."""
        return Memory(self.first)

    def step(self, memory: Memory, seen: Seen) -> Memory:
        """Average the shortfall, and multiply."""
        (before,) = memory.kept or (seen.shortfall,)
        average = self.inertia * before + (1 - self.inertia) * seen.shortfall
        pressure = memory.pressure * math.exp(self.rate * average)
        return Memory(min(self.cap, max(self.floor, pressure)), (average,))
