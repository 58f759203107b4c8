"""Four-momenta in columns, and angles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ftag_prune.generate.columns import Floats, Ints, pairs

__all__ = ["FourMomenta", "delta_phi", "from_angles", "nearest_jet", "pseudorapidity"]


def delta_phi(first: Floats, second: Floats) -> Floats:
    """Difference of two azimuths, in [-pi, pi)."""
    return (first - second + np.pi) % (2 * np.pi) - np.pi


def pseudorapidity(pt: Floats, pz: Floats) -> Floats:
    """Pseudorapidity; about 30 instead of infinity along the beam."""
    return np.arcsinh(pz / np.maximum(pt, 1e-9))


class FourMomenta(NamedTuple):
    """Momenta and energies in GeV, (n,) each, with the event that each row belongs to."""

    event: Ints
    px: Floats
    py: Floats
    pz: Floats
    e: Floats

    @property
    def pt(self) -> Floats:
        """Transverse momentum in GeV."""
        return np.hypot(self.px, self.py)

    @property
    def eta(self) -> Floats:
        """Pseudorapidity."""
        return pseudorapidity(self.pt, self.pz)

    @property
    def phi(self) -> Floats:
        """Azimuth in (-pi, pi]."""
        return np.arctan2(self.py, self.px)

    @property
    def mass(self) -> Floats:
        """Invariant mass in GeV; 0 where rounding makes the square negative."""
        squared = self.e**2 - self.px**2 - self.py**2 - self.pz**2
        return np.sqrt(np.maximum(squared, 0.0))

    @property
    def direction(self) -> Floats:
        """Unit vectors, (n, 3)."""
        momenta = np.stack([self.px, self.py, self.pz], axis=1)
        length = np.linalg.norm(momenta, axis=1, keepdims=True)
        return np.asarray(momenta / np.maximum(length, 1e-12))


def from_angles(event: Ints, pt: Floats, eta: Floats, phi: Floats, *, mass: float) -> FourMomenta:
    """Four-momenta from transverse momentum (GeV), pseudorapidity, azimuth and one mass (GeV)."""
    momentum = pt * np.cosh(eta)
    return FourMomenta(
        event=event,
        px=pt * np.cos(phi),
        py=pt * np.sin(phi),
        pz=pt * np.sinh(eta),
        e=np.hypot(momentum, mass),
    )


def nearest_jet(
    event: Ints, eta: Floats, phi: Floats, *, jets: FourMomenta, within: float, events: int
) -> Ints:
    """Jet of the same event that is closest in angle to each object, or -1 if none is near.

    Parameters
    ----------
    event, eta, phi : (n,)
        The objects.
    jets : FourMomenta
        Sorted by event.
    within : float
        Largest distance sqrt(deta^2 + dphi^2).
    events : int
        Number of events.

    Returns
    -------
    (n,) rows of `jets`, or -1.
    """
    thing, jet = pairs(event, jets.event, events=events)
    distance = np.hypot(jets.eta[jet] - eta[thing], delta_phi(jets.phi[jet], phi[thing]))
    near = distance < within
    thing, jet, distance = thing[near], jet[near], distance[near]
    order = np.lexsort((-distance, thing))  # the closest of each object comes last and stays
    nearest = np.full(len(event), -1, dtype=np.int64)
    nearest[thing[order]] = jet[order]
    return nearest
