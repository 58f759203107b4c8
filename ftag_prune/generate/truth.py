"""What a jet truly is: heavy hadrons, matched particles and the origin of each track."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ftag_prune.generate.columns import Bools, Floats, Ints
from ftag_prune.generate.events import Particles
from ftag_prune.generate.kinematics import FourMomenta, nearest_jet
from ftag_prune.generate.pdg import is_decaying, is_lepton, is_other_secondary

__all__ = [
    "HadronLabels",
    "count_hadrons",
    "is_prompt",
    "label_by_hadrons",
    "last_copies",
    "matched",
    "track_origins",
]

_BOSONS = (23, 24, 32)  # Z, W, Z'
_HADRON_PT = 5.0  # GeV, as in ATLAS's labels by hadrons in a cone

_Bits: TypeAlias = npt.NDArray[np.uint8]
_BOTTOM, _CHARM, _TAU, _OTHER = (np.uint8(1 << place) for place in range(4))


class HadronLabels(NamedTuple):
    """Label of each jet, and pt in GeV of the hardest particle that made it, NaN if light."""

    label: Ints
    pt: Floats


def last_copies(particles: Particles, kind: Bools) -> Ints:
    """Rows of a kind of particle that have no daughter of the same kind.

    For b hadrons these are the ones that decay weakly, for top quarks those after all radiation.
    """
    last = kind.copy()
    mothers = particles.mother[kind]
    last[mothers[mothers >= 0]] = False
    return np.flatnonzero(last)


def _jet_of(
    particles: Particles, rows: Ints, *, jets: FourMomenta, within: float, events: int
) -> Ints:
    """Jet that is closest to each of these particles, -1 if none is `within`."""
    momenta = particles.momenta(rows)
    return nearest_jet(
        momenta.event, momenta.eta, momenta.phi, jets=jets, within=within, events=events
    )


def _above_threshold(particles: Particles, kind: Bools) -> Ints:
    """Last copies above 5 GeV, by rising pt."""
    rows = last_copies(particles, kind)
    pt = particles.momenta(rows).pt
    order = np.argsort(pt)
    return rows[order[pt[order] > _HADRON_PT]]


def label_by_hadrons(
    particles: Particles, jets: FourMomenta, *, events: int, within: float = 0.3
) -> HadronLabels:
    """Exclusive label by hadrons in a cone, as ATLAS's HadronConeExclTruthLabelID.

    Each b hadron, c hadron and tau above 5 GeV belongs to the closest jet `within` the distance.
    A jet with a b hadron is 5, else with a c hadron 4, else with a tau 15, else 0.
    """
    label = np.zeros(len(jets.event), dtype=np.int64)
    pt = np.full(len(jets.event), np.nan)
    kinds = {
        15: np.abs(particles.pdg) == 15,
        4: particles.heavy == 4,
        5: particles.heavy == 5,
    }
    for value, kind in kinds.items():  # later ones overrule earlier ones
        rows = _above_threshold(particles, kind)
        jet = _jet_of(particles, rows, jets=jets, within=within, events=events)
        inside = jet >= 0
        label[jet[inside]] = value
        pt[jet[inside]] = particles.momenta(rows[inside]).pt  # the hardest comes last and stays
    return HadronLabels(label, pt)


def count_hadrons(
    particles: Particles, quark: int, *, jets: FourMomenta, within: float, events: int
) -> Ints:
    """Number of weakly decaying hadrons of one flavour above 5 GeV in each jet; (jets,)."""
    rows = _above_threshold(particles, particles.heavy == quark)
    jet = _jet_of(particles, rows, jets=jets, within=within, events=events)
    return np.bincount(jet[jet >= 0], minlength=len(jets.event))


def matched(
    particles: Particles, pdg: int, *, jets: FourMomenta, within: float, events: int
) -> Bools:
    """Whether each jet is the closest one to a particle with this absolute code; (jets,)."""
    rows = last_copies(particles, np.abs(particles.pdg) == pdg)
    jet = _jet_of(particles, rows, jets=jets, within=within, events=events)
    holds = np.zeros(len(jets.event), dtype=np.bool_)
    holds[jet[jet >= 0]] = True
    return holds


def is_prompt(particles: Particles, rows: Ints) -> Bools:
    """Whether each of these leptons comes from W, Z or Z', possibly through a tau; (rows,)."""
    at = rows.copy()
    climbing = np.flatnonzero(particles.mother[at] >= 0)
    while climbing.size:
        at[climbing] = particles.mother[at[climbing]]
        higher = is_lepton(particles.pdg[at[climbing]]) & (particles.mother[at[climbing]] >= 0)
        climbing = climbing[higher]
    return np.isin(np.abs(particles.pdg[at]), _BOSONS)


def _bits(particles: Particles, rows: Ints) -> _Bits:
    """What some particles are as ancestors."""
    heavy, pdg = particles.heavy[rows], particles.pdg[rows]
    bits: _Bits = (
        _BOTTOM * (heavy == 5)
        | _CHARM * (heavy == 4)
        | _TAU * (np.abs(pdg) == 15)
        | _OTHER * is_other_secondary(pdg)
    )
    return bits


def _ancestry(particles: Particles, rows: Ints) -> _Bits:
    """OR of the bits of all ancestors of each row, as far as decays reach: not into the partons."""
    above = particles.mother[rows]
    found = np.zeros(len(rows), dtype=np.uint8)
    climbing = np.flatnonzero(above >= 0)
    while climbing.size:
        at = above[climbing]
        found[climbing] |= _bits(particles, at)
        above[climbing] = particles.mother[at]
        climbing = climbing[is_decaying(particles.pdg[at]) & (particles.mother[at] >= 0)]
    return found


def track_origins(particles: Particles, rows: Ints) -> Ints:
    """ATLAS's ftagTruthOriginLabel of tracks, from the rows of their particles.

    0 pile-up (row -1), 3 from b, 4 from b through c, 5 from c, 6 from tau, 7 other secondary,
    2 primary. Fake tracks (1) are not modelled.
    """
    found = _ancestry(particles, np.maximum(rows, 0))
    bottom, charm, tau, other = ((found & bit) > 0 for bit in (_BOTTOM, _CHARM, _TAU, _OTHER))
    return np.select(
        [rows < 0, bottom & charm, bottom, charm, tau, other], [0, 4, 3, 5, 6, 7], default=2
    )
