"""All pressures that a study can name, and a schedule drawn without a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from ftag_prune.pressure.given import Fixed, Ladder, PerNode
from ftag_prune.pressure.losses import Dwa, InverseVariation, Polyak
from ftag_prune.pressure.seen import Seen
from ftag_prune.pressure.shortfall import Augmented, Dual, Geco, NuPi

__all__ = ["Pressure", "schedule"]

Pressure = Annotated[
    Fixed | Ladder | PerNode | InverseVariation | Polyak | Dual | Augmented | NuPi | Geco | Dwa,
    Field(discriminator="kind"),
]


def schedule(
    pressure: Pressure, seen_at: Callable[[float], Seen], *, epochs: int, steps: int = 1
) -> list[float]:
    """Pressure at the end of each gated epoch, if the training were as told.

    Parameters
    ----------
    seen_at : what the loop would observe after so many gated epochs (0 to `epochs`, not included)
    epochs : gated epochs
    steps : batches in an epoch; most pressures move at each of them

    Returns
    -------
    list of float
        (epochs,) Numbers of the history's column `pressure`.
    """
    memory, drawn = pressure.start(seen_at(0.0).nodes), []
    for epoch in range(epochs):
        for index in range(steps):
            memory = pressure.step(memory, seen_at(epoch + index / steps))
        drawn.append(memory.pressure)
    return drawn
