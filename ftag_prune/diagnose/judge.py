"""One word for a gated epoch: done, pruning, or which of the four mechanisms holds it."""

from __future__ import annotations

import math
from typing import Literal

from ftag_prune.diagnose.predict import SOLVED, onset_epoch
from ftag_prune.diagnose.symptoms import Symptoms

__all__ = ["Verdict", "verdict", "warning"]

Verdict = Literal["done", "pruning", "saturation", "fractional", "equilibrium", "dilution"]

# More half-open gates than that change the network when they are cut.
FEW = 0.05
# Less than one in a hundred of the missing nodes an epoch is a trickle, not a pruning.
MOVING = 0.01
# Slope as a share of the steepest (k/4). Reached at |k theta| = 8.3, beyond the default limit of 7
# of the gates (3.6e-3): pressures a thousand times larger would only make up for it.
FLAT = 1e-3
# Adam moves by its full rate until the gradient comes near its eps.
_TINY = 1e-8
# Where gates rest, price and saliency are equal but for the noise of the batches.
HOLDS = 1.1


def verdict(now: Symptoms, onset: float | None = None) -> Verdict:
    """The first word that is true; the order is that of how much else a word settles.

    1. `done`: the hard count is within the target, and no more gates are half open than nodes are
       kept (a kept gate of 0.9 is folded into the weights and harms nothing). It settles all.
    2. `fractional`: the count is there with more half-open gates, or L_pru is solved (a within 5 %
       of t) without the count. What moves now is not moved by L_pru any more.
    3. `pruning`: nodes go off now; whatever holds others, it is not stuck.
    4. `saturation`: so many open gates have a gradient of exactly 0 that the missing nodes cannot
       come from the others, or the typical one is flat. Price and onset have no meaning then.
    5. `pruning`: the typical gate goes off within the gated epochs.
    6. `equilibrium`: price at or below the median saliency, or what is predicted comes to rest
       before one half; time alone would not help.
    7. `dilution`: it would go on, but too slowly.

    Without a pruning loss the budget falls by itself: 5 to 7 are `pruning`.

    Parameters
    ----------
    onset : gated epoch
        As `predict.onset_epoch` gives it; without it, at the present pressure.
    """
    if now.missing < 0.5:
        return "done" if now.fractional - (1 - now.pruned) <= FEW else "fractional"
    solved = now.active <= (1 + SOLVED) * now.wanted
    if solved and now.fractional > FEW:
        return "fractional"
    if now.gone - now.regrown >= MOVING * now.missing:
        return "pruning"
    if _movable(now) < now.missing or (now.pressed and _flat(now)):
        return "saturation"
    foreseen = onset_epoch(now) if onset is None else onset
    if not now.pressed or (not solved and foreseen <= now.epochs):
        return "pruning"
    # A saliency of nan (no node is on) holds nothing. What will never move is not slow.
    held = now.price <= HOLDS * now.saliency_median or math.isinf(foreseen)
    return "equilibrium" if held else "dilution"


def _movable(now: Symptoms) -> float:
    return (1 - now.zero_open) * (1 - now.pruned) * now.nodes


def _flat(now: Symptoms) -> bool:
    flat = now.slope < FLAT * now.steepness / 4
    return flat and (not now.adaptive or now.price * now.slope < _TINY)


def warning(now: Symptoms, onset: float) -> str | None:
    """Sentence for the log if the typical gate will not go off within the gated epochs.

    Returns
    -------
    str or None
        None without a pruning loss, when nodes go off or enough of them are off, and when the onset
        comes in time.
    """
    word = verdict(now, onset)
    if not now.pressed or word in ("done", "pruning"):
        return None
    when = (
        f"the typical gate falls below one half in gated epoch {onset:.3g}"
        if onset < float("inf")
        else "the typical gate never falls below one half"
    )
    return (
        f"{word} in gated epoch {now.epoch} of {now.epochs}: {when} as things go on; pressure "
        f"{now.pressure:.3g}, mean gate {now.active:.3f} (wanted {now.wanted:.3f}), "
        f"{100 * now.pruned:.1f} % pruned of {100 * now.target:.1f} %"
    )
