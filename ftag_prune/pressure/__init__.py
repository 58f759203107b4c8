"""How the factor mu*lambda before the pruning loss moves during a training, in plain floats."""

from ftag_prune.pressure.choice import Pressure, schedule
from ftag_prune.pressure.given import Fixed, Ladder, PerNode
from ftag_prune.pressure.losses import Dwa, InverseVariation, Polyak
from ftag_prune.pressure.seen import Memory, Pressing, Seen
from ftag_prune.pressure.shortfall import Augmented, Dual, Geco, NuPi

__all__ = [
    "Augmented",
    "Dual",
    "Dwa",
    "Fixed",
    "Geco",
    "InverseVariation",
    "Ladder",
    "Memory",
    "NuPi",
    "PerNode",
    "Polyak",
    "Pressing",
    "Pressure",
    "Seen",
    "schedule",
]
