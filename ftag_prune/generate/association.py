"""Which tracks belong to a jet, and the signs of their impact parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ftag_prune.generate.columns import Floats, Ints
from ftag_prune.generate.kinematics import FourMomenta, delta_phi, nearest_jet
from ftag_prune.generate.tracker import Tracks

__all__ = [
    "Association",
    "associate",
    "large_cone",
    "lifetime_signed",
    "shrinking_cone",
    "subjet_cone",
]

Cone = Callable[[Floats], Floats]


class Association(NamedTuple):
    """Tracks of jets, (m,) each, sorted by jet and then by falling |d0 significance|.

    ``track`` and ``jet`` are rows; ``distance`` is the angle between them; ``d0_significance`` and
    ``z0_significance`` are positive where the track passes in front of the vertex, seen along the
    jet, as those of decay products do.
    """

    track: Ints
    jet: Ints
    distance: Floats
    d0_significance: Floats
    z0_significance: Floats


def shrinking_cone(pt: Floats) -> Floats:
    """Radius of ATLAS's cone for tracks of small-R jets at this pt in GeV: 0.45 down to 0.24."""
    return 0.239 + np.exp(-1.220 - 0.0164 * pt)


def subjet_cone(pt: Floats) -> Floats:
    """Radius for track subjets, like that of ATLAS's variable-R jets: 30 GeV / pt."""
    return np.clip(30 / np.maximum(pt, 1e-9), 0.1, 0.25)


def large_cone(pt: Floats) -> Floats:
    """Radius for large-R jets: theirs."""
    return np.ones_like(pt)


def lifetime_signed(value: Floats, error: Floats, side: Floats) -> Floats:
    """Significance |value| / error with the sign of ``value * side``."""
    return np.sign(value * side) * np.abs(value) / error


def associate(
    jets: FourMomenta, tracks: Tracks, *, cone: Cone, within: float, events: int
) -> Association:
    """Give each track to the closest jet, if it lies inside that jet's cone.

    Parameters
    ----------
    jets, tracks
        Both sorted by event.
    cone : function
        Radius at each pt in GeV.
    within : float
        Largest radius that `cone` can give.
    events : int
        Number of events.
    """
    nearest = nearest_jet(
        tracks.event, tracks.eta, tracks.phi, jets=jets, within=within, events=events
    )
    track = np.flatnonzero(nearest >= 0)
    jet = nearest[track]
    behind = jets.eta[jet] - tracks.eta[track]
    turn = delta_phi(jets.phi[jet], tracks.phi[track])
    distance = np.hypot(behind, turn)
    inside = distance < cone(jets.pt)[jet]
    track, jet, behind, turn = track[inside], jet[inside], behind[inside], turn[inside]
    d0 = lifetime_signed(tracks.d0[track], tracks.d0_error[track], np.sin(turn))
    z0 = lifetime_signed(tracks.z0_sin_theta[track], tracks.z0_error[track], behind)
    order = np.lexsort((-np.abs(d0), jet))
    return Association(track[order], jet[order], distance[inside][order], d0[order], z0[order])
