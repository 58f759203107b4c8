"""What the loop measures at the end of a gated epoch, as plain floats."""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["Symptoms"]


class Symptoms(NamedTuple):
    """State of N gates z_i = z(theta_i) at the end of a gated epoch; a node is off if z_i < 1/2.

    Attributes
    ----------
    epoch : int
        Gated epochs done, this one included: 1 to `epochs`.
    epochs : int
        Gated epochs of the run.
    steps : int
        Optimiser steps in an epoch.
    nodes : int
        N, gates that there are.
    wanted : float in (0, 1)
        t, the active fraction that the pruning loss asks for.
    active : float
        a, the mean gate (or the share of the cost), with which L_pru compares t.
    target, pruned : float
        Wanted fraction to switch off, and the hard count of what is off, in the same unit: number
        of gates below 1/2 over N, or their share of the cost.
    gone, regrown : int
        Nodes that were on at the end of the epoch before and are off now, and the reverse.
    fractional : float
        Share of the N gates in (.05, .95).
    pressed : bool
        Whether there is a pruning loss at all (not with budget or straight-through gates).
    pressure : float
        mu*lambda at the end of the epoch.
    unit_price : float
        dL_pru/dz_i, what L_pru at pressure one pays for one unit of one gate: 2 (a - t)/N if it is
        (a - t)^2, times N if it is scaled with N, times N^2 if it is a sum.
    rate, momentum : float
        Learning rate of the gates; momentum of SGD (0 for Adam).
    adaptive : bool
        Whether the optimiser divides by the gradient's size (Adam).
    steepness, limit : float
        k of z = sigmoid(k theta), now, and where k theta is clamped; for other gates those of the
        nearest sigmoid.
    slope_squared : float
        mean over the N gates of (dz_i/dtheta_i)^2.
    distance : float
        Median of theta over the nodes that are on: how far the typical gate is from 1/2. 0 if no
        node is on.
    zero_open : float
        Share of the nodes that are on whose total gradient on theta is exactly 0 in float32.
    class_gradient : float
        2-norm over the nodes of dL_cla/dtheta_i, root mean square over the steps of the epoch.
    saliency_median : float
        Median over the nodes that are on of s_i = -dL_cla/dz_i, mean over the steps of the epoch;
        nan if no node is on.
    """

    epoch: int
    epochs: int
    steps: int
    nodes: int
    wanted: float
    active: float
    target: float
    pruned: float
    gone: int
    regrown: int
    fractional: float
    pressed: bool
    pressure: float
    unit_price: float
    rate: float
    adaptive: bool
    distance: float
    slope_squared: float
    zero_open: float
    class_gradient: float
    saliency_median: float
    momentum: float = 0.0
    steepness: float = 1.0
    limit: float = math.inf

    @property
    def price(self) -> float:
        """What L_pru pays for closing one node by one unit of gate."""
        return self.pressure * self.unit_price

    @property
    def missing(self) -> float:
        """Nodes that are still to go off; below half a node there is none."""
        return (self.target - self.pruned) * self.nodes

    @property
    def slope(self) -> float:
        """dz/dtheta = k z (1 - z) of the typical gate that is on."""
        gate = 1 / (1 + math.exp(-min(self.steepness * self.distance, self.limit)))
        return self.steepness * gate * (1 - gate)
