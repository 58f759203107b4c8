"""What a particle's PDG code says: its charge and its heavy quark."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ftag_prune.generate.columns import Bools, Floats, Ints

__all__ = ["charge_of", "heavy_quark", "is_decaying", "is_lepton", "is_other_secondary"]

# Charged particles that live long enough to leave a track, and the charge of the positive code.
_CHARGES = {11: -1, 13: -1, 211: 1, 321: 1, 2212: 1, 3112: -1, 3222: 1, 3312: -1, 3334: -1}
_CHARGED = np.array(sorted(_CHARGES))
_CHARGE = np.array([_CHARGES[code] for code in sorted(_CHARGES)], dtype=np.float64)

# K_L, K_S, Sigma-, Lambda, Sigma+, Xi-, Xi0, Omega, and photons for Dalitz decays.
_OTHER_SECONDARIES = (22, 130, 310, 3112, 3122, 3222, 3312, 3322, 3334)

_PHOTON = 22
_SMALLEST_HADRON, _BEYOND_HADRONS = 101, 100_000_000  # nuclei start at 1e9


def charge_of(pdg: Ints) -> Floats:
    """Charge of particles that leave a track; 0 for all others."""
    code = np.abs(pdg)
    slot = np.minimum(np.searchsorted(_CHARGED, code), len(_CHARGED) - 1)
    return np.where(_CHARGED[slot] == code, _CHARGE[slot] * np.sign(pdg), 0.0)


def heavy_quark(pdg: Ints) -> npt.NDArray[np.int8]:
    """Flavour 4 or 5 of hadrons with open charm or bottom, 0 for everything else.

    Digits as in the PDG's numbering scheme: a meson is ``q1 q2 J`` and a baryon ``q1 q2 q3 J``.
    Diquarks (third digit 0) are no hadrons, and quarkonia (two equal heavy quarks) do not decay
    weakly, so that they are left out.
    """
    code = np.abs(pdg)
    rows = np.flatnonzero((code >= _SMALLEST_HADRON) & (code < _BEYOND_HADRONS))
    spin, third, second, first = (code[rows] // 10**power % 10 for power in range(4))
    heaviest = np.maximum(np.maximum(third, second), first)
    hadron = (spin > 0) & (third > 0) & (second > 0)
    quarkonium = (first == 0) & (second == third)
    heavy = hadron & ~quarkonium & ((heaviest == 4) | (heaviest == 5))
    flavours = np.zeros(len(code), dtype=np.int8)
    flavours[rows[heavy]] = heaviest[heavy]
    return flavours


def is_lepton(pdg: Ints) -> Bools:
    """Charged leptons and neutrinos."""
    code: Ints = np.abs(pdg)
    return (code > 10) & (code < 17)


def is_decaying(pdg: Ints) -> Bools:
    """What can stand in a chain of decays: hadrons, leptons and photons, no partons or bosons."""
    code: Ints = np.abs(pdg)
    hadron: Bools = code >= _SMALLEST_HADRON
    photon: Bools = code == _PHOTON
    return hadron | is_lepton(pdg) | photon


def is_other_secondary(pdg: Ints) -> Bools:
    """Long-lived strange hadrons, and photons."""
    return np.isin(np.abs(pdg), _OTHER_SECONDARIES)
