"""What a guess starts from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ftag_prune.inspection.contents import Contents
from ftag_prune.inspection.guess.jets import Jets
from ftag_prune.inspection.guess.labels import Labels

__all__ = ["Sample"]


class Sample(NamedTuple):
    """What the guess starts from: a file, its columns, the chosen jets, their labels and task."""

    path: Path
    found: Contents
    others: tuple[Contents, ...]
    jets: Jets | None
    labels: Labels | None
    task: str

    @property
    def format(self) -> str:
        """The card's word for the kind of file."""
        return "root" if self.found.chosen.kind in ("TTree", "RNTuple") else "hdf5"

    @property
    def cms(self) -> bool:
        """Whether lengths are in cm: NanoAOD and ntuples made like it."""
        words = ("Jet_hadronFlavour", "fj_isBB", "fj_sdmass", "FatJet_msoftdrop")
        return any(one.name in words for one in self.found.columns)
