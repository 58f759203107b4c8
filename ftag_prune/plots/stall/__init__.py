"""Why a training does not prune: figures of the stall, its causes, and what each remedy does."""

from __future__ import annotations

from ftag_prune.plots.stall.curves import (
    EpochArtists,
    EpochCurve,
    Regrown,
    RegrowthArtists,
    epochs,
    regrowth,
)
from ftag_prune.plots.stall.groups import (
    GroupArtists,
    StrategyGroup,
    rejection_versus_pruned_panels,
)
from ftag_prune.plots.stall.mechanisms import (
    Diluted,
    Equilibrium,
    MechanismArtists,
    Mechanisms,
    PanelArtists,
    Saturated,
    SoftSolution,
    mechanism_rows,
    mechanisms,
)
from ftag_prune.plots.stall.onsets import OnsetArtists, Onsets, onset_versus_nodes

__all__ = [
    "Diluted",
    "EpochArtists",
    "EpochCurve",
    "Equilibrium",
    "GroupArtists",
    "MechanismArtists",
    "Mechanisms",
    "OnsetArtists",
    "Onsets",
    "PanelArtists",
    "Regrown",
    "RegrowthArtists",
    "Saturated",
    "SoftSolution",
    "StrategyGroup",
    "epochs",
    "mechanism_rows",
    "mechanisms",
    "onset_versus_nodes",
    "regrowth",
    "rejection_versus_pruned_panels",
]
