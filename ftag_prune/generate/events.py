"""Pythia's events as one flat table of particles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import awkward as ak
import numpy as np
import numpy.typing as npt

from ftag_prune.errors import FtagPruneError
from ftag_prune.generate import packages
from ftag_prune.generate.columns import Bools, Floats, Ints, starts
from ftag_prune.generate.kinematics import FourMomenta
from ftag_prune.generate.pdg import heavy_quark
from ftag_prune.generate.processes import COMMON

__all__ = ["Batch", "Particles", "flatten", "start"]


class Particles(NamedTuple):
    """Every particle of some events, (n,) each, sorted by event.

    Attributes
    ----------
    event : event of this batch, from 0
    pdg : PDG code
    heavy : 4 or 5 for hadrons with open charm or bottom, else 0
    mother : row of the (first) mother in this table, -1 without one
    final : whether it leaves the event undecayed
    px, py, pz, e : GeV
    x, y, z : where it was made, in mm; the beams meet at 0
    """

    event: Ints
    pdg: Ints
    heavy: npt.NDArray[np.int8]
    mother: Ints
    final: Bools
    px: Floats
    py: Floats
    pz: Floats
    e: Floats
    x: Floats
    y: Floats
    z: Floats

    def momenta(self, rows: Ints) -> FourMomenta:
        """Four-momenta of some rows."""
        return FourMomenta(
            self.event[rows], self.px[rows], self.py[rows], self.pz[rows], self.e[rows]
        )


class Batch(NamedTuple):
    """Some events: their particles, their number and the weight of each, (events,)."""

    particles: Particles
    events: int
    weight: Floats


def start(settings: Sequence[str], *, seed: int) -> Any:
    """Pythia, ready to make events.

    Parameters
    ----------
    settings : sequence of str
        Lines after ``COMMON``.
    seed : int in 1..900,000,000
        Seed of Pythia's own random numbers.

    Raises
    ------
    FtagPruneError
        Pythia is missing, refuses a line or cannot start.
    """
    generator = packages.pythia().Pythia("", printBanner=False)
    for line in (*COMMON, *settings, f"Random:seed = {seed}"):
        if not generator.readString(line, warn=False):
            raise FtagPruneError(f"Pythia refuses the setting '{line}'")
    if not generator.init():
        raise FtagPruneError(f"Pythia cannot start with the settings {', '.join(settings)}")
    return generator


def flatten(events: ak.Array) -> Batch:
    """One table from the nested events of ``pythia.nextBatch``."""
    counts = ak.to_numpy(ak.num(events.prt.id))
    flat = ak.flatten(events.prt)
    event = np.repeat(np.arange(len(counts)), counts)
    mother = ak.to_numpy(flat.mother1).astype(np.int64)
    made = ak.fill_none(flat.vProd, {"px": 0.0, "py": 0.0, "pz": 0.0, "e": 0.0})
    pdg = ak.to_numpy(flat.id).astype(np.int64)
    particles = Particles(
        event=event,
        pdg=pdg,
        heavy=heavy_quark(pdg),
        # Pythia counts within the event, and row 0 stands for the event itself: nobody's mother.
        mother=np.where(mother > 0, mother + starts(counts)[event], -1),
        final=ak.to_numpy(flat.status) > 0,
        px=ak.to_numpy(flat.p.px),
        py=ak.to_numpy(flat.p.py),
        pz=ak.to_numpy(flat.p.pz),
        e=ak.to_numpy(flat.p.e),
        x=ak.to_numpy(made.px),
        y=ak.to_numpy(made.py),
        z=ak.to_numpy(made.pz),
    )
    weight = ak.to_numpy(ak.fill_none(ak.firsts(events.info.weights), 1.0))
    return Batch(particles, len(counts), weight)
