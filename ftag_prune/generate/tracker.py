"""A parametrised tracker: which true tracks are found, and how well they are measured."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ftag_prune.generate.columns import Bools, Floats, Ints, take
from ftag_prune.generate.kinematics import FourMomenta, delta_phi, from_angles
from ftag_prune.generate.perigee import PT_MIN, Perigees

__all__ = ["Z0_MAX", "Tracks", "efficiency", "measure", "smear_vertex"]

D0_MAX = 3.5  # mm, selection of tracks for flavour tagging
Z0_MAX = 5.0  # mm, of |z0 sin(theta)|
HITS_MIN = 7  # silicon hits of a good track

# Layers as in ATLAS's inner detector (radii in mm): innermost, three more pixel layers, four
# double strip layers; efficiencies of a hit per layer or side.
_PIXELS = np.array([33.0, 50.5, 88.5, 122.5])
_STRIPS = np.array([299.0, 371.0, 443.0, 514.0])
_PIXEL_HIT, _STRIP_HIT = 0.975, 0.985

# Error of the primary vertex along x, y, z in mm: typical of a hard collision with some 50 tracks.
_VERTEX_ERROR = np.array([0.008, 0.008, 0.025])

# Errors: a constant from alignment and pitch, and a term falling with pt sqrt(sin theta) from
# multiple scattering (GeV). Within 20 % of a Kalman fit through the layers above 3 GeV.
_D0_ERROR = (0.0085, 0.065)  # mm, mm GeV
_Z0_ERROR = (0.035, 0.085)  # mm, mm GeV, of z0 sin(theta)
_PHI_ERROR = (0.00007, 0.0009)  # rad, rad GeV
_THETA_ERROR = (0.0004, 0.0010)  # rad, rad GeV
_CURVATURE_ERROR = (0.00035, 0.011)  # 1/GeV, and a part of q/pt without unit

# Without the innermost hit the extrapolation is longer, without two longer still; forward tracks
# cross more material (per unit of |eta| above 1.5).
_NO_INNERMOST, _NO_TWO_LAYERS, _FORWARD = 1.8, 3.0, 0.25

# Non-Gaussian tails of d0 and z0 from nuclear interactions and wrong hits: part of the tracks and
# factor on the error; the far tail's factor is uniform.
_FAR_TAIL, _NEAR_TAIL, _FAR_FACTORS, _NEAR_FACTOR = 0.004, 0.05, (5.0, 20.0), 2.5

_SHARED_HITS = 0.02  # part of the tracks with a shared pixel hit
_ERROR_SPREAD = 0.06  # relative spread of the estimated errors from track to track
_PION_MASS = 0.13957  # GeV


class Tracks(NamedTuple):
    """Measured tracks, (n,) each, sorted by event: GeV, mm, rad and 1/GeV."""

    event: Ints
    source: Ints
    pdg: Ints
    pt: Floats
    eta: Floats
    phi: Floats
    theta: Floats
    d0: Floats
    z0_sin_theta: Floats
    q_over_p: Floats
    d0_error: Floats
    z0_error: Floats
    phi_error: Floats
    theta_error: Floats
    q_over_p_error: Floats
    innermost_hits: Ints
    next_hits: Ints
    pixel_hits: Ints
    strip_hits: Ints
    shared_hits: Ints
    pixel_holes: Ints

    @property
    def momenta(self) -> FourMomenta:
        """Four-momenta with the mass of the pion."""
        return from_angles(self.event, self.pt, self.eta, self.phi, mass=_PION_MASS)


class Hits(NamedTuple):
    """Layers that a track crosses and those that saw it; (n, 4), (n, 4) and (n,)."""

    crossed: Bools
    pixels: Bools
    strips: Ints


def smear_vertex(events: int, rng: np.random.Generator) -> Floats:
    """Reconstructed primary vertex of each event in mm, (events, 3); the true one is at 0."""
    return rng.normal(scale=_VERTEX_ERROR, size=(events, 3))


def efficiency(true: Perigees) -> Floats:
    """Chance that a particle is reconstructed, in [0, 1].

    92 % in the centre falling to 75 % at |eta| = 2.5 (ATLAS, 13 TeV minimum bias), lower at low pt,
    lower for electrons (bremsstrahlung), and falling with the radius of production.
    """
    eta = np.abs(np.arctanh(np.cos(true.theta)))
    chance = np.interp(eta, [1.0, 2.0, 2.5], [0.92, 0.85, 0.75])
    chance *= 1 - 0.25 * np.exp(-(true.pt - 0.4) / 0.35)
    code = np.abs(true.pdg)
    chance = np.where(code == 11, 0.93 * chance, chance)
    chance = np.where(code == 13, np.minimum(1.06 * chance, 0.99), chance)
    # Tracks born behind a layer lose its hits; those behind the pixels are hardly found.
    near = np.where(true.birth < 30, 1.0, 0.9 - 0.25 * (true.birth - 30) / 90)
    far = np.interp(true.birth, [120.0, 300.0], [0.4, 0.05], right=0.0)
    return chance * np.where(true.birth < 120, near, far)


def _hits(birth: Floats, rng: np.random.Generator) -> Hits:
    crossed = birth[:, None] < _PIXELS
    pixels = crossed & (rng.random(crossed.shape) < _PIXEL_HIT)
    sides = (birth[:, None] < _STRIPS)[:, :, None] & (rng.random((len(birth), 4, 2)) < _STRIP_HIT)
    return Hits(crossed, pixels, sides.sum(axis=(1, 2)))


def _error(terms: tuple[float, float], scale: Floats) -> Floats:
    return np.hypot(terms[0], terms[1] / scale)


def _degradation(eta: Floats, hits: Hits) -> Floats:
    """Factor on the errors for missing inner hits and forward material."""
    innermost, following = hits.pixels[:, 0], hits.pixels[:, 1]
    missing = np.where(innermost, 1.0, np.where(following, _NO_INNERMOST, _NO_TWO_LAYERS))
    return missing * (1 + _FORWARD * np.maximum(np.abs(eta) - 1.5, 0.0))


def _tails(size: int, rng: np.random.Generator) -> Floats:
    """Factor on the deviation, not on the estimated error: the tracks that lie."""
    kind = rng.random(size)
    far = rng.uniform(*_FAR_FACTORS, size)
    return np.where(kind < _FAR_TAIL, far, np.where(kind < _NEAR_TAIL, _NEAR_FACTOR, 1.0))


def _smear(true: Perigees, hits: Hits, rng: np.random.Generator) -> Tracks:
    size = len(true.pt)
    sine = np.sin(true.theta)
    scale = true.pt * np.sqrt(sine)
    worse = _degradation(np.arctanh(np.cos(true.theta)), hits)
    d0_error, z0_error = _error(_D0_ERROR, scale) * worse, _error(_Z0_ERROR, scale) * worse
    phi_error, theta_error = (
        _error(_PHI_ERROR, scale) * worse,
        _error(_THETA_ERROR, scale) * worse,
    )
    curvature_error = _error(_CURVATURE_ERROR, true.pt)
    tail = _tails(size, rng)
    pull = rng.normal(size=(5, size))
    spread = np.exp(_ERROR_SPREAD * rng.normal(size=(2, size)))
    theta = np.clip(true.theta + pull[3] * theta_error, 0.01, np.pi - 0.01)
    curvature = true.charge / true.pt + pull[4] * curvature_error
    return Tracks(
        event=true.event,
        source=true.source,
        pdg=true.pdg,
        pt=1 / np.maximum(np.abs(curvature), 1e-4),  # straight tracks end at 10 TeV
        eta=-np.log(np.tan(theta / 2)),
        phi=delta_phi(true.phi + pull[2] * phi_error, np.zeros(size)),
        theta=theta,
        d0=true.d0 + pull[0] * d0_error * tail,
        z0_sin_theta=true.z0 * sine + pull[1] * z0_error * tail,
        q_over_p=curvature * np.sin(theta),
        d0_error=d0_error * spread[0],
        z0_error=z0_error * spread[1],
        phi_error=phi_error,
        theta_error=theta_error,
        q_over_p_error=curvature_error * np.sin(theta),
        innermost_hits=hits.pixels[:, 0].astype(np.int64),
        next_hits=hits.pixels[:, 1].astype(np.int64),
        pixel_hits=hits.pixels.sum(axis=1),
        strip_hits=hits.strips,
        shared_hits=(rng.random(size) < _SHARED_HITS).astype(np.int64),
        # The innermost layer counts apart: its missing hit is no hole in ATLAS's counting here.
        pixel_holes=(hits.crossed & ~hits.pixels)[:, 1:].sum(axis=1),
    )


def measure(true: Perigees, rng: np.random.Generator) -> Tracks:
    """Reconstructed tracks that pass the selection: |d0| < 3.5 mm, |z0 sin(theta)| < 5 mm."""
    reachable = (np.abs(true.d0) < 10) & (np.abs(true.z0 * np.sin(true.theta)) < 50)
    found = take(true, reachable & (rng.random(len(true.pt)) < efficiency(true)))
    hits = _hits(found.birth, rng)
    tracks = _smear(found, hits, rng)
    good = tracks.pixel_hits + tracks.strip_hits >= HITS_MIN
    near = (np.abs(tracks.d0) < D0_MAX) & (np.abs(tracks.z0_sin_theta) < Z0_MAX)
    return take(tracks, good & near & (tracks.pt > PT_MIN))
