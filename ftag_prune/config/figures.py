"""What stands on the figures of a study, and which further figures it wants."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ftag_prune.config.names import Name
from ftag_prune.spec import Spec

__all__ = ["Curves", "Figures", "Mechanisms", "Onset", "Regrowth"]

Column = Literal["pruning_loss", "active", "pruned", "pressure", "fractional", "zero_gradient"]


class _Chosen(Spec):
    """Trainings of some strategies, first seed; network and target have to be in their grid."""

    network: Name | None = Field(None, description="its label; default the largest there is")
    target: float | None = Field(None, gt=0, lt=1, description="default the largest there is")


class Curves(_Chosen):
    """Trainings of several strategies (or networks) against epochs, one panel for each column."""

    strategies: tuple[Name, ...] = Field(min_length=1, max_length=10)
    networks: tuple[Name, ...] = Field(
        default=(), max_length=10, description="instead of several strategies: the first, on these"
    )
    columns: tuple[Column, ...] = Field(("pruning_loss", "active"), min_length=1, max_length=2)
    ordered: bool = Field(default=False, description="a scan: colours from dark to light")
    title: str = ""


class Onset(Spec):
    """The epoch at which pruning begins, against the number of nodes, and what is predicted."""

    strategies: tuple[Name, ...] = Field(min_length=1)
    target: float | None = Field(None, gt=0, lt=1)


class Mechanisms(_Chosen):
    """The strategies that show what a stall can come from, each by itself."""

    dilution: Name = Field(description="on all networks that it has in the study")
    saturation: tuple[Name, ...] = Field(min_length=1, max_length=3)
    equilibrium: Name
    soft: Name


class Regrowth(_Chosen):
    """Nodes that come back, epoch by epoch."""

    strategies: tuple[Name, ...] = Field(min_length=1, max_length=8)


class Figures(Spec):
    """What stands on every figure, and which figures there are beside the headline's."""

    style: Literal["notes", "slides", "posters"] = Field(
        "notes", description="letters and lines: larger and bolder on slides and posters"
    )
    label: str = Field("Simulation, Pythia 8", description="text at the top left")
    lines: tuple[str, ...] = Field(
        default=("√$s$ = 13.6 TeV",), description="further lines below it"
    )
    groups: dict[str, tuple[Name, ...]] = Field(
        default={}, description="strategies panel by panel, where one panel cannot hold them all"
    )
    repeated: tuple[Name, ...] = Field(
        default=("budget",), description="strategies that every panel of the groups shows"
    )
    curves: dict[Name, Curves] = Field(default={}, description="trainings against epochs")
    onset: Onset | None = None
    mechanisms: Mechanisms | None = None
    regrowth: Regrowth | None = None
    taggers: bool = Field(
        default=True, description="rejection against pruned nodes, and ROC curves"
    )
