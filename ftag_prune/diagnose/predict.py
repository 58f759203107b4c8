"""How long gates travel under a pruning loss: formulas for gates that are all alike.

L_pru = (a - t)^2 with a the mean of N gates z = sigmoid(k theta), slope z' = k z (1 - z), gives
dL_pru/dtheta_i = 2 (a - t) z'_i / N. SGD with momentum moves by eta_eff = eta / (1 - momentum)
times the gradient. With all gates alike (a = z), one gate is the whole story:

    dtheta/dstep = -2 eta_eff pressure (z - t) z' / N.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ftag_prune.diagnose.symptoms import Symptoms

__all__ = [
    "SOLVED",
    "ladder_onset",
    "onset_epoch",
    "pressure_needed",
    "stability_limit",
    "steps_to",
    "tau",
    "travel",
]

_Floats = npt.NDArray[np.float64]

# L_pru counts as solved when a has come to within 5 % of t: its gradient has then lost nearly all
# that it had at the start (a - t = .65 at a = .9, t = .25).
SOLVED = 0.05

# Adam's eps: gradients far below it move nothing.
_EPS = 1e-8

# Pieces of the way to one half: the midpoint rule is then exact to 1e-3 within |k theta| < 10.
_CELLS = 400

# Epochs that are looked ahead in a schedule; the pressure is held from then on.
_HORIZON = 2000


# -- gates alike ---------------------------------------------------------------------------------


def tau(
    *, nodes: int, rate: float, pressure: float, slope_squared: float, momentum: float = 0.0
) -> float:
    """Steps in which SGD divides L_pru by e: ``N / (4 eta_eff pressure mean(z'^2))``.

    d(a - t) = mean(z'_i dtheta_i) = -2 eta_eff pressure mean(z'^2) (a - t) / N a step, and L_pru is
    its square.
    """
    speed = 4 * rate / (1 - momentum) * pressure * slope_squared
    return nodes / speed if speed > 0 else math.inf


def travel(start: float, wanted: float, *, steepness: float = 1.0, until: float = 0.5) -> float:
    """Way G of a gate from `start` to `until`: the sum over steps of eta_eff pressure / N it takes.

    ``G = int dz / (2 (z - t) z'^2)`` from `until` to `start`, the equation of motion divided by its
    constants, with dz = z' dtheta. Partial fractions of 1 / ((z - t) z^2 (1 - z)^2) give it in
    closed form. start .9, t .25, k 1: G = 13.67 (twice that without the 2 of the gradient).

    Returns
    -------
    float
        0 if the gate is there already; inf if `until` is not above `wanted`, where L_pru comes to
        rest first.
    """
    if start <= until:
        return 0.0
    if until <= wanted:
        return math.inf
    return (_primitive(start, wanted) - _primitive(until, wanted)) / (2 * steepness**2)


def _primitive(z: float, t: float) -> float:
    """Integral of dz / ((z - t) z^2 (1 - z)^2)."""
    one = 1 - t
    return (
        math.log(z - t) / (t * one) ** 2
        - (1 / t**2 + 2 / t) * math.log(z)
        + 1 / (t * z)
        - (1 / one**2 + 2 / one) * math.log(1 - z)
        + 1 / (one * (1 - z))
    )


def steps_to(
    way: float, *, nodes: int, rate: float, pressure: float, momentum: float = 0.0
) -> float:
    """Steps of SGD for a `travel` at a pressure that stays: ``N G / (eta_eff pressure)``."""
    return nodes * way * (1 - momentum) / (rate * pressure) if pressure > 0 else math.inf


def ladder_onset(
    way: float,
    *,
    nodes: int,
    rate: float,
    steps: int,
    momentum: float = 0.0,
    first: float = 1.0,
    factor: float = 10.0,
    every: int = 20,
    last: float = math.inf,
) -> float:
    """Gated epochs until gates under a ladder have made their `travel`, with SGD.

    A block of `every` epochs at pressure p adds eta_eff every steps p / N, so the onset block e
    solves ``(eta_eff every steps first / N) [(f^n - 1)/(f - 1) + (e - n) f^n] = G``, n = floor(e),
    f the factor. Ten times the nodes take one block more (f = 10). From the `last` rung on the
    pressure stays.
    """
    if not math.isfinite(way):
        return math.inf
    left, rung, blocks = nodes * way * (1 - momentum) / (rate * every * steps), first, 0
    while rung < last and left > rung:
        left, rung, blocks = left - rung, rung * factor, blocks + 1
    return every * (blocks + left / min(rung, last))


def stability_limit(
    *, nodes: int, rate: float, slope_squared: float, momentum: float = 0.0
) -> float:
    """Largest pressure at which SGD's gates settle: ``(1 + momentum) N / (eta mean(z'^2))``.

    Near a = t the Hessian of pressure L_pru is 2 pressure z'_i z'_j / N^2, its largest eigenvalue
    h = 2 pressure mean(z'^2) / N. SGD with momentum is stable for eta h < 2 (1 + momentum)
    (Polyak, Introduction to Optimization, 1987, section 3.2.1). Above it gates overshoot, and
    nodes are switched on again.
    """
    curved = rate * slope_squared
    return (1 + momentum) * nodes / curved if curved > 0 else math.inf


def pressure_needed(saliency: float, *, unit_price: float) -> float:
    """Pressure at which L_pru pays a node's saliency: s / unit_price = ``s N / (2 (a - t))``.

    A gate closes only while pressure 2 (a - t) / N > s = -dL_cla/dz. The nearer a is to t, the more
    is needed, without end: inf at a = t. A node that L_cla does not hold needs none.
    """
    if saliency <= 0:
        return 0.0
    return saliency / unit_price if unit_price > 0 else math.inf


# -- gates as measured ---------------------------------------------------------------------------


class _Way(NamedTuple):
    """Pieces of theta from the typical open gate to where it goes off: width, slope, unit price."""

    width: float
    slope: _Floats
    unit_price: _Floats


def onset_epoch(
    now: Symptoms, pressures: Callable[[int], float] | Sequence[float] | None = None
) -> float:
    """Gated epoch, counted as `now.epoch`, at which the typical open gate falls below one half.

    The gate moves against its saliency s (held at the median measured now), with
    drive = price - s and price shrinking with a - t:

    - SGD: eta_eff drive z' a step;
    - Adam: eta drive z' / (sqrt(drive^2 + noise^2) z' + eps), the noise being the class gradient's
      root mean square. Where L_pru outweighs L_cla this is eta, whatever the pressure; otherwise
      eta times the ratio of the two gradients. The noise is that of the mean node, and Adam's long
      memory is left out: a rough prediction.

    Where drive <= 0 the gate waits; that L_cla opens it further meanwhile is left out. If t is
    so large that L_pru is solved (a within 5 % of t) before gates reach one half, the prediction is
    the epoch of that: which nodes are off by then is for L_cla to say.

    Parameters
    ----------
    pressures : optional
        Pressure of each gated epoch to come: a function of the gated epoch counted from 0 (asked
        from `now.epoch` on, for 2000 epochs), or a list whose first entry is the next epoch. The
        last one is held. Without it the present pressure is held.

    Returns
    -------
    float
        `now.epoch` if the gate is there already, inf if it never gets there.
    """
    way, place, epoch = _way(now), 0.0, float(now.epoch)
    blocks = _blocks(now, pressures)
    for index, (pressure, length) in enumerate(blocks):
        clock = _clock(now, way, pressure)
        time = float(np.interp(place, np.arange(len(clock)), clock))
        if index == len(blocks) - 1:
            length = math.inf
        if len(clock) > len(way.slope) and clock[-1] - time <= length:
            return epoch + float(clock[-1]) - time
        place = max(place, float(np.interp(time + length, clock, np.arange(len(clock)))))
        epoch += length
    return math.inf


def _blocks(
    now: Symptoms, pressures: Callable[[int], float] | Sequence[float] | None
) -> list[tuple[float, float]]:
    """Pressures to come and how many epochs each stays."""
    if pressures is None:
        coming: Sequence[float] = [now.pressure]
    elif callable(pressures):
        coming = [pressures(epoch) for epoch in range(now.epoch, now.epoch + _HORIZON)]
    else:
        coming = pressures or [now.pressure]
    return [(pressure, float(len(list(same)))) for pressure, same in groupby(coming)]


def _way(now: Symptoms) -> _Way:
    k, share_open = now.steepness, 1 - now.pruned
    begin = _gate(np.array(now.distance), now)
    above = now.active - (1 + SOLVED) * now.wanted
    end = max(0.5, float(begin) - above / share_open) if share_open > 0 else 1.0
    goal = math.log(end / (1 - end)) / k if end < 1 else math.inf
    if above <= 0 or goal >= now.distance:
        return _Way(0.0, np.empty(0), np.empty(0))
    # Half of the open gates have no gradient at all: the typical one is one of them.
    alive = now.zero_open < 0.5
    edges = np.linspace(now.distance, goal, _CELLS + 1)
    gate = _gate((edges[1:] + edges[:-1]) / 2, now)
    gap = now.active - share_open * (begin - gate) - now.wanted
    unit_price = now.unit_price * gap / (now.active - now.wanted)
    return _Way(float(edges[0] - edges[1]), alive * k * gate * (1 - gate), unit_price)


def _gate(theta: _Floats, now: Symptoms) -> _Floats:
    value: _Floats = 1 / (1 + np.exp(-np.minimum(now.steepness * theta, now.limit)))
    return value


def _clock(now: Symptoms, way: _Way, pressure: float) -> _Floats:
    """Epochs (pieces passed + 1,) since the start of the way, up to where the gate would rest."""
    drive = pressure * way.unit_price - _number(now.saliency_median)
    moving = drive * way.slope
    if now.adaptive:
        moving = moving / (np.hypot(drive, _noise(now)) * way.slope + _EPS)
    speed = now.steps * now.rate / (1 - now.momentum) * moving
    rests = np.flatnonzero(speed <= 0)
    free = speed[: rests[0]] if len(rests) else speed
    return np.concatenate([[0.0], np.cumsum(way.width / free)])


def _noise(now: Symptoms) -> float:
    """Root mean square of dL_cla/dz over nodes and steps."""
    slopes = now.nodes * now.slope_squared
    return now.class_gradient / math.sqrt(slopes) if slopes > 0 else 0.0


def _number(value: float) -> float:
    return 0.0 if math.isnan(value) else value
