"""True tracks: the point of closest approach of a particle's helix to the primary vertex."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ftag_prune.generate.columns import Floats, Ints
from ftag_prune.generate.events import Batch, Particles
from ftag_prune.generate.kinematics import FourMomenta, delta_phi, pseudorapidity
from ftag_prune.generate.pdg import charge_of

__all__ = [
    "ETA_MAX",
    "PT_MIN",
    "Helix",
    "Perigees",
    "closest_approach",
    "curvature_radius",
    "perigees",
]

ETA_MAX = 2.5  # reach of the tracker
PT_MIN = 0.5  # GeV, ATLAS's default

# GeV per mm of radius in a field of 2 T, as in ATLAS's inner detector: pt = 0.3 B R.
_PT_PER_RADIUS = 0.299792458e-3 * 2.0


class Helix(NamedTuple):
    """Point of closest approach to the beam axis, (n,) each: mm and rad, ATLAS's signs."""

    d0: Floats
    z0: Floats
    phi: Floats


class Perigees(NamedTuple):
    """True tracks at their closest approach to the primary vertex, (n,) each, sorted by event.

    ``source`` is the row in the particle table, -1 for pile-up; pt in GeV; d0, z0 and ``birth``
    (radius of production) in mm; ``theta`` and ``phi`` in rad.
    """

    event: Ints
    source: Ints
    pdg: Ints
    charge: Floats
    pt: Floats
    theta: Floats
    phi: Floats
    d0: Floats
    z0: Floats
    birth: Floats


def curvature_radius(pt: Floats) -> Floats:
    """Radius in mm of a track of unit charge with this transverse momentum in GeV."""
    return pt / _PT_PER_RADIUS


def closest_approach(momenta: FourMomenta, charge: Floats, position: Floats) -> Helix:
    """Perigee, with respect to the origin, of the helix through a point with a momentum there.

    Parameters
    ----------
    momenta : FourMomenta
        At `position`, (n,).
    charge : (n,)
        +1 or -1.
    position : (n, 3)
        Relative to the point of reference, in mm.

    Notes
    -----
    The field points along +z: positive tracks turn clockwise around ``centre``. The perigee is
    ``d0 (-sin phi, cos phi)``, so that d0 has the sign of the angular momentum.
    """
    x, y, z = position.T
    pt, radius = momenta.pt, curvature_radius(momenta.pt)
    centre_x = x + charge * radius * momenta.py / pt
    centre_y = y - charge * radius * momenta.px / pt
    distance = np.hypot(centre_x, centre_y)
    phi = np.arctan2(charge * centre_x, -charge * centre_y)
    path = -charge * delta_phi(momenta.phi, phi) * radius  # from the perigee, in the x-y plane
    return Helix(
        d0=-charge * (distance - radius),
        z0=z - path * momenta.pz / pt,
        phi=phi,
    )


def _trackable(particles: Particles) -> Ints:
    """Rows of charged final particles that could make a track, a little beyond the selection."""
    rows = np.flatnonzero(particles.final & (charge_of(particles.pdg) != 0))
    pt = np.hypot(particles.px[rows], particles.py[rows])
    eta = pseudorapidity(pt, particles.pz[rows])
    return rows[(pt > PT_MIN) & (np.abs(eta) < ETA_MAX)]


def perigees(batch: Batch, vertex: Floats) -> Perigees:
    """True perigees, with respect to `vertex` (events, 3), of all particles that may be tracked."""
    particles = batch.particles
    rows = _trackable(particles)
    momenta = particles.momenta(rows)
    made = np.stack([particles.x[rows], particles.y[rows], particles.z[rows]], axis=1)
    charge = charge_of(particles.pdg[rows])
    helix = closest_approach(momenta, charge, made - vertex[momenta.event])
    return Perigees(
        event=momenta.event,
        source=rows,
        pdg=particles.pdg[rows],
        charge=charge,
        pt=momenta.pt,
        theta=np.arctan2(momenta.pt, momenta.pz),
        phi=helix.phi,
        d0=helix.d0,
        z0=helix.z0,
        birth=np.hypot(made[:, 0], made[:, 1]),
    )
