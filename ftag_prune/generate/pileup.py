"""Tracks of other collisions near the primary vertex, drawn from a small pool of minimum bias.

The pool holds *true* perigees of single parton-parton interactions. Every use rotates one about the
beam, mirrors it at random, moves it along z and passes it through the tracker anew: two hundred
interactions serve a shard of any size, and no measured track is ever seen twice. A collision is
made of about two of them, where Pythia's multiple interactions would take six times as long.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ftag_prune.generate.columns import Floats, Ints, join, ranges, starts, take
from ftag_prune.generate.events import flatten, start
from ftag_prune.generate.kinematics import delta_phi
from ftag_prune.generate.perigee import ETA_MAX, Perigees, perigees
from ftag_prune.generate.processes import MINIMUM_BIAS, SINGLE_INTERACTION
from ftag_prune.generate.tracker import Z0_MAX

__all__ = ["Pileup", "overlay", "pool_of"]

_POOL = 200

# Charged particles above 0.5 GeV per unit of eta: 2.87 in collisions at 13 TeV (ATLAS,
# arXiv:1602.01633), 1.40 in Pythia's single interactions.
_INTERACTIONS_PER_VERTEX = 2.05

# A forward track within |z0 sin(theta)| < 5 mm may come from this far along the beam, in mm.
_REACH = Z0_MAX * float(np.cosh(ETA_MAX))
_LOOSE_Z0 = Z0_MAX + 1  # mm; the measured value decides


class Pileup(NamedTuple):
    """The pool, the first row of each interaction in it, and the vertices per mm around z = 0."""

    pool: Perigees
    first: Ints
    per_mm: float


def pool_of(per_mm: float, *, seed: int) -> Pileup:
    """Make the pool; `per_mm` is the mean number of other vertices per mm of the beam axis."""
    generator = start((*MINIMUM_BIAS, *SINGLE_INTERACTION), seed=seed)
    batch = flatten(generator.nextBatch(_POOL))
    pool = perigees(batch, np.zeros((batch.events, 3)))
    counts = np.bincount(pool.event, minlength=batch.events)
    return Pileup(pool._replace(source=np.full(len(pool.pt), -1)), starts(counts), per_mm)


class _Draws(NamedTuple):
    """Interactions put into the events: which of the pool, where, turned and mirrored how."""

    event: Ints
    interaction: Ints
    z: Floats
    turn: Floats
    mirror: Floats


def _draw(pileup: Pileup, events: int, rng: np.random.Generator) -> _Draws:
    mean = pileup.per_mm * 2 * _REACH * _INTERACTIONS_PER_VERTEX
    event = np.repeat(np.arange(events), rng.poisson(mean, events))
    return _Draws(
        event=event,
        interaction=rng.integers(0, len(pileup.first) - 1, len(event)),
        z=rng.uniform(-_REACH, _REACH, len(event)),
        turn=rng.uniform(0, 2 * np.pi, len(event)),
        mirror=rng.choice([-1.0, 1.0], len(event)),
    )


def _moved(pileup: Pileup, draws: _Draws, vertex: Floats) -> Perigees:
    """True perigees of the drawn interactions that come near the primary vertices."""
    counts = np.diff(pileup.first)[draws.interaction]
    rows = ranges(pileup.first[draws.interaction], counts)
    draw = np.repeat(np.arange(len(counts)), counts)
    z0 = draws.mirror[draw] * pileup.pool.z0[rows] + draws.z[draw]
    z0 -= vertex[draws.event[draw], 2]
    near = np.abs(z0 * np.sin(pileup.pool.theta[rows])) < _LOOSE_Z0
    pool, draw = take(pileup.pool, rows[near]), draw[near]
    event, phi = draws.event[draw], pool.phi + draws.turn[draw]
    return pool._replace(
        event=event,
        theta=np.where(draws.mirror[draw] < 0, np.pi - pool.theta, pool.theta),
        phi=delta_phi(phi, np.zeros(len(phi))),
        # The pool refers to the beam; a vertex beside it changes d0 by its distance to the track.
        d0=pool.d0 + vertex[event, 0] * np.sin(phi) - vertex[event, 1] * np.cos(phi),
        z0=z0[near],
    )


def overlay(
    hard: Perigees, pileup: Pileup, *, vertex: Floats, rng: np.random.Generator
) -> Perigees:
    """True perigees of the hard collisions together with those of pile-up, sorted by event.

    Parameters
    ----------
    hard : Perigees
        Of the hard collisions.
    pileup : Pileup
        The pool.
    vertex : (events, 3)
        Reconstructed primary vertices, to which d0 and z0 refer, in mm.
    rng : numpy.random.Generator
        Draws the interactions.
    """
    moved = _moved(pileup, _draw(pileup, len(vertex), rng), vertex)
    both = join(hard, moved)
    return take(both, np.argsort(both.event, kind="stable"))
