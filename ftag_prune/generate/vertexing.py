"""One secondary vertex in each jet: an adaptive fit to its displaced tracks, all jets at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ftag_prune.generate.association import Association
from ftag_prune.generate.columns import Bools, Floats, Ints, take, totals
from ftag_prune.generate.kinematics import FourMomenta, delta_phi, pseudorapidity
from ftag_prune.generate.perigee import curvature_radius
from ftag_prune.generate.tracker import Tracks

__all__ = [
    "Lines",
    "Measured",
    "SecondaryVertices",
    "Vertices",
    "fit",
    "is_decay",
    "lines_of",
    "secondary_vertices",
]

# The vertex of a decay lies near the jet's axis: error across it in mm, which keeps fits with
# nearly parallel tracks from running away; and 1 / (100 mm)^2 along it, so that a fit never lacks
# a solution.
_AXIS_ERROR = 0.3
_ALONG_WEIGHT = 1e-4

# Annealing of Fruehwirth and Waltenberger's adaptive fitter: weights of tracks are
# 1 / (1 + exp((chi2 - cut^2) / 2 T)) with cut = 3, from T = 256 down to 1 by factors of 4. A start
# that is too cold refuses every track when a stranger has pulled the first fit away.
_ITERATIONS, _TEMPERATURE, _FALL, _CUT = 8, 256.0, 0.25, 9.0
_INSIDE = 0.5  # least weight of a track that counts as the vertex's own

_KAON_MASS, _KAON_WINDOW = 0.4976, 0.02  # GeV
_MASS_MAX = 10.0  # GeV: beyond any hadron
_RADIUS_MAX = 60.0  # mm: material, not decays
_LENGTH_ERROR = 0.02  # mm, from the primary vertex


class Lines(NamedTuple):
    """Tracks near their perigees, (n, ...) each.

    Attributes
    ----------
    axes : (n, 2, 3)
        Directions in which the track is measured: across it in the x-y plane, and across both.
    measured : (n, 2)
        Position along these axes in mm: d0 and z0 sin(theta).
    weights : (n, 2)
        Inverse variances in 1/mm^2.
    heading : (n, 2)
        Direction of the track in the x-y plane.
    bend : (n,)
        Sagitta d(d0) / d(path^2) in 1/mm.
    """

    axes: Floats
    measured: Floats
    weights: Floats
    heading: Floats
    bend: Floats


class Vertices(NamedTuple):
    """Fitted points (jets, 3) in mm, their covariance (jets, 3, 3), the tracks' weights (n,)."""

    position: Floats
    covariance: Floats
    weight: Floats


class SecondaryVertices(NamedTuple):
    """Secondary vertex of each jet, (jets,) each; NaN (0 tracks) where none was found.

    Lengths in mm along the jet and in the x-y plane, ``mass`` in GeV, ``energy_fraction`` of the
    jet's tracks, ``distance`` the angle to the jet's axis; ``used`` flags the associated tracks.
    """

    tracks: Ints
    length: Floats
    transverse_length: Floats
    significance: Floats
    mass: Floats
    energy_fraction: Floats
    distance: Floats
    used: Bools


def lines_of(tracks: Tracks, rows: Ints) -> Lines:
    """Straight lines with a sagitta, from the perigees of some tracks."""
    phi, theta = tracks.phi[rows], tracks.theta[rows]
    cos_phi, sin_phi = np.cos(phi), np.sin(phi)
    cos_theta, sin_theta = np.cos(theta), np.sin(theta)
    zero = np.zeros(len(rows))
    across = np.stack([-sin_phi, cos_phi, zero], axis=1)
    upward = np.stack([-cos_theta * cos_phi, -cos_theta * sin_phi, sin_theta], axis=1)
    errors = np.stack([tracks.d0_error[rows], tracks.z0_error[rows]], axis=1)
    charge = np.sign(tracks.q_over_p[rows])
    return Lines(
        axes=np.stack([across, upward], axis=1),
        measured=np.stack([tracks.d0[rows], tracks.z0_sin_theta[rows]], axis=1),
        weights=1 / errors**2,
        heading=np.stack([cos_phi, sin_phi], axis=1),
        bend=-charge / (2 * curvature_radius(tracks.pt[rows])),
    )


def _solve(lines: Lines, jet: Ints, weights: Floats, expected: Floats, prior: Floats) -> Vertices:
    """Weighted least squares of all jets: one 3 x 3 system each."""
    size = len(prior)
    curvature = np.einsum("nki,nk,nkj->nij", lines.axes, weights, lines.axes)
    pull = np.einsum("nki,nk->ni", lines.axes, weights * expected)
    inverse = prior + totals(jet, curvature.reshape(-1, 9), size=size).reshape(-1, 3, 3)
    covariance: Floats = np.linalg.inv(inverse).astype(np.float64, copy=False)
    position = np.einsum("nij,nj->ni", covariance, totals(jet, pull, size=size))
    return Vertices(position, covariance, np.ones(len(jet)))


def fit(lines: Lines, jet: Ints, axes: Floats, *, axis_error: float = _AXIS_ERROR) -> Vertices:
    """Adaptive vertex of each jet.

    Parameters
    ----------
    lines : Lines
        Tracks, (n,).
    jet : (n,)
        Jet of each track.
    axes : (jets, 3)
        Unit vectors of the jets, through the primary vertex at 0.
    axis_error : float
        Expected distance of a vertex from the axis in mm.
    """
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    prior = across / axis_error**2 + _ALONG_WEIGHT * np.eye(3)
    weight = np.ones(len(jet))
    expected = lines.measured
    for step in range(_ITERATIONS):
        found = _solve(lines, jet, lines.weights * weight[:, None], expected, prior)
        here = found.position[jet]
        path = np.einsum("ni,ni->n", lines.heading, here[:, :2])
        bent = np.stack([lines.bend * path**2, np.zeros(len(jet))], axis=1)
        expected = lines.measured + bent
        missed = expected - np.einsum("nki,ni->nk", lines.axes, here)
        chi2 = (missed**2 * lines.weights).sum(axis=1)
        heat = max(_TEMPERATURE * _FALL**step, 1.0)
        weight = 1 / (1 + np.exp(np.clip((chi2 - _CUT) / (2 * heat), -50, 50)))
    return found._replace(weight=weight)


def _displaced(tracks: Tracks, found: Association) -> Bools:
    """Tracks that may come from a decay: in front of the vertex, and significantly away from it."""
    track = found.track
    total = np.hypot(found.d0_significance, found.z0_significance)
    significant = (found.d0_significance > 2.2) | (total > 3.2)
    near = (np.abs(tracks.z0_sin_theta[track]) < 3) & (np.abs(tracks.d0[track]) < 2.5)
    return (found.d0_significance > 0) & significant & near & (tracks.pt[track] > 0.6)


class Measured(NamedTuple):
    """What decides on a fitted vertex, (jets,) each: tracks, GeV and mm along the jet."""

    tracks: Ints
    mass: Floats
    energy: Floats
    along: Floats
    radius: Floats
    significance: Floats


def _along(vertex: Vertices, axes: Floats) -> tuple[Floats, Floats]:
    """Distance from the primary vertex along the jet in mm, and its significance."""
    along = np.einsum("ni,ni->n", vertex.position, axes)
    length = np.linalg.norm(vertex.position, axis=1)
    unit = vertex.position / np.maximum(length, 1e-9)[:, None]
    variance = np.einsum("ni,nij,nj->n", unit, vertex.covariance, unit)
    return along, along / np.sqrt(variance + _LENGTH_ERROR**2)


def _measured(vertex: Vertices, momenta: FourMomenta, axes: Floats) -> Measured:
    """Sum the tracks of each vertex (``momenta.event`` is their jet) and measure its flight."""
    size = len(axes)
    summed = totals(momenta.event, np.stack(momenta[1:], axis=1), size=size)
    jets = FourMomenta(np.arange(size), *summed.T)
    along, significance = _along(vertex, axes)
    return Measured(
        tracks=np.bincount(momenta.event, minlength=size),
        mass=jets.mass,
        energy=jets.e,
        along=along,
        radius=np.hypot(vertex.position[:, 0], vertex.position[:, 1]),
        significance=significance,
    )


def is_decay(vertex: Measured) -> Bools:
    """Vertices in front of the primary one that are neither material nor a K_S."""
    kaon = (vertex.tracks == 2) & (np.abs(vertex.mass - _KAON_MASS) < _KAON_WINDOW)
    in_front = (vertex.along > 0) & (vertex.significance > 1) & (vertex.radius < _RADIUS_MAX)
    decay: Bools = (vertex.tracks >= 2) & in_front & (vertex.mass < _MASS_MAX) & ~kaon
    return decay


def _distance(position: Floats, jets: FourMomenta) -> Floats:
    """Angle between the jets' axes and the lines of flight."""
    x, y, z = position.T
    eta = pseudorapidity(np.hypot(x, y), z)
    return np.hypot(eta - jets.eta, delta_phi(np.arctan2(y, x), jets.phi))


def secondary_vertices(jets: FourMomenta, tracks: Tracks, found: Association) -> SecondaryVertices:
    """Secondary vertex of each jet from its displaced tracks.

    Parameters
    ----------
    jets : FourMomenta
        (jets,).
    tracks : Tracks
        All tracks.
    found : Association
        Which of them belong to which jet.
    """
    momenta, axes = tracks.momenta, jets.direction
    candidates = np.flatnonzero(_displaced(tracks, found))
    track, jet = found.track[candidates], found.jet[candidates]
    vertex = fit(lines_of(tracks, track), jet, axes)
    inside = vertex.weight > _INSIDE
    inner = take(momenta, track[inside])._replace(event=jet[inside])
    seen = _measured(vertex, inner, axes)
    energy = np.bincount(found.jet, weights=momenta.e[found.track], minlength=len(axes))
    good = is_decay(seen)
    used = np.zeros(len(found.track), dtype=np.bool_)
    used[candidates] = inside & good[jet]

    def if_good(values: Floats) -> Floats:
        return np.where(good, values, np.nan)

    return SecondaryVertices(
        tracks=np.where(good, seen.tracks, 0),
        length=if_good(seen.along),
        transverse_length=if_good(seen.radius),
        significance=if_good(seen.significance),
        mass=if_good(seen.mass),
        energy_fraction=if_good(seen.energy / np.maximum(energy, 1e-6)),
        distance=if_good(_distance(vertex.position, jets)),
        used=used,
    )
