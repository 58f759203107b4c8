"""Large-R jets with track subjets for Hbb/cc tagging, from a batch of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ftag_prune.generate.accepted import MEV, Accepted, floats, integers, track_columns
from ftag_prune.generate.association import associate, large_cone, subjet_cone
from ftag_prune.generate.clock import Clock
from ftag_prune.generate.columns import Bools, Columns, Floats, Ints, place, take
from ftag_prune.generate.events import Batch
from ftag_prune.generate.jets import Substructure, Trimmed, cluster, substructure, trim, visible
from ftag_prune.generate.kinematics import FourMomenta, delta_phi, nearest_jet
from ftag_prune.generate.processes import Process
from ftag_prune.generate.tracker import Tracks
from ftag_prune.generate.truth import count_hadrons, matched
from ftag_prune.generate.vertexing import secondary_vertices

__all__ = ["hbb_cc_jets"]

_RADIUS, _PT_MIN, _ETA_MAX = 1.0, 250.0, 2.0
_MASS_MIN = 20.0  # GeV, far below any window that a study may ask for
_PARENT_WITHIN = 0.75  # of the jet's axis, as in ATLAS's R10TruthLabel

_SUBJETS = 3
_SUBJET_RADIUS, _SUBJET_PT_MIN, _SUBJET_ETA_MAX = 0.2, 7.0, 2.5
_SUBJET_Z0 = 1.5  # mm of |z0 sin(theta)|, against pile-up
_SUBJET_TRACKS_WITHIN = 0.25  # the widest cone of `subjet_cone`
_SUBJET_D0, _SUBJET_Z0_TOP = 4, 3  # largest significances that are written


class _Subjets(NamedTuple):
    """Subjets sorted by jet and falling pt; the row of their jet, and their place in it."""

    momenta: FourMomenta
    jet: Ints
    place: Ints


class _Truth(NamedTuple):
    """What the large-R jets hold: weakly decaying hadrons, and the refused ones by reason."""

    b_hadrons: Ints
    c_hadrons: Ints
    accepted: Bools
    dropped: Mapping[str, int]


def _trimmed(batch: Batch, rng: np.random.Generator) -> Trimmed:
    """Trimmed jets inside the kinematic selection."""
    particles = visible(batch, rng)
    found = cluster(
        particles,
        events=batch.events,
        algorithm="antikt",
        radius=_RADIUS,
        min_pt=_PT_MIN,  # trimming can only lower it
    )
    trimmed = trim(particles, found)
    jets = trimmed.jets
    return _choose(
        trimmed,
        (jets.pt > _PT_MIN) & (np.abs(jets.eta) < _ETA_MAX) & (jets.mass > _MASS_MIN),
    )


def _choose(trimmed: Trimmed, chosen: Bools) -> Trimmed:
    """Some of the jets, the constituents numbered anew."""
    constituents = take(trimmed.constituents, chosen[trimmed.constituents.event])
    number = np.cumsum(chosen) - 1
    return Trimmed(
        jets=take(trimmed.jets, chosen),
        subjets=trimmed.subjets[chosen],
        constituents=constituents._replace(event=number[constituents.event]),
    )


def _truth(batch: Batch, jets: FourMomenta, process: Process) -> _Truth:
    """Match the jets to what the process promises."""
    particles, events = batch.particles, batch.events
    hadrons = {
        quark: count_hadrons(particles, quark, jets=jets, within=_RADIUS, events=events)
        for quark in (4, 5)
    }
    everything = np.ones(len(jets.event), dtype=np.bool_)
    parent = everything
    if process.parent:
        parent = matched(particles, process.parent, jets=jets, within=_PARENT_WITHIN, events=events)
    quarks = hadrons[process.quark] >= 2 if process.quark else everything
    return _Truth(
        b_hadrons=hadrons[5],
        c_hadrons=hadrons[4],
        accepted=parent & quarks,
        dropped={
            "parent_not_in_jet": int((~parent).sum()),
            "fewer_than_two_hadrons": int((parent & ~quarks).sum()),
        },
    )


def _subjets(jets: FourMomenta, tracks: Tracks, *, events: int) -> _Subjets:
    """Track jets of radius 0.2 that belong to the large-R jets, sorted by jet and falling pt."""
    near = np.abs(tracks.z0_sin_theta) < _SUBJET_Z0
    small = cluster(
        take(tracks.momenta, near),
        events=events,
        algorithm="antikt",
        radius=_SUBJET_RADIUS,
        min_pt=_SUBJET_PT_MIN,
    ).jets
    small = take(small, np.abs(small.eta) < _SUBJET_ETA_MAX)
    jet = nearest_jet(small.event, small.eta, small.phi, jets=jets, within=_RADIUS, events=events)
    order = np.lexsort((-small.pt, jet))
    order = order[jet[order] >= 0]
    return _Subjets(take(small, order), jet[order], place(jet[order]))


def _largest(groups: Ints, values: Floats, *, size: int, most: int) -> Floats:
    """Largest values of each group in falling order, 0 where there are too few; (size, most)."""
    order = np.lexsort((-values, groups))
    groups, values = groups[order], values[order]
    column = place(groups)
    table = np.zeros((size, most))
    kept = column < most
    table[groups[kept], column[kept]] = values[kept]
    return table


def _subjet_features(
    jets: FourMomenta, subjets: _Subjets, tracks: Tracks, *, events: int
) -> dict[str, Floats]:
    """Features of all subjets in ATLAS's units, (subjets,) each."""
    momenta, jet = subjets.momenta, subjets.jet
    size = len(jet)
    found = associate(
        momenta, tracks, cone=subjet_cone, within=_SUBJET_TRACKS_WITHIN, events=events
    )
    vertices = secondary_vertices(momenta, tracks, found)
    d0 = _largest(found.jet, found.d0_significance, size=size, most=_SUBJET_D0)
    z0 = _largest(found.jet, found.z0_significance, size=size, most=_SUBJET_Z0_TOP)
    return {
        "pt": momenta.pt * MEV,
        "deta": momenta.eta - jets.eta[jet],
        "dphi": delta_phi(momenta.phi, jets.phi[jet]),
        "ntrk": np.bincount(found.jet, minlength=size).astype(np.float64),
        "SV1_m": vertices.mass * MEV,
        "SV1_sig": vertices.significance,
        "SV1_ef": vertices.energy_fraction,
        "SV1_ntrk": vertices.tracks.astype(np.float64),
        "SV1_Lxy": vertices.transverse_length,
        "SV1_dR": vertices.distance,
        **{f"Sd0_{rank + 1}": d0[:, rank] for rank in range(_SUBJET_D0)},
        **{f"Sz0_{rank + 1}": z0[:, rank] for rank in range(_SUBJET_Z0_TOP)},
    }


def _subjet_columns(subjets: _Subjets, features: Mapping[str, Floats], *, size: int) -> Columns:
    """``subjet1_pt``, ...: the features of the leading subjets, NaN for jets with fewer."""
    columns: Columns = {}
    for rank in range(_SUBJETS):
        chosen = subjets.place == rank
        for name, values in features.items():
            column = np.full(size, np.nan)
            column[subjets.jet[chosen]] = values[chosen]
            columns[f"subjet{rank + 1}_{name}"] = floats(column)
    return columns


def _jet_columns(
    batch: Batch, trimmed: Trimmed, truth: _Truth, shapes: Substructure, process: Process
) -> Columns:
    jets, accepted = trimmed.jets, truth.accepted
    return {
        "eventNumber": jets.event.astype(np.uint64),
        "mcEventWeight": floats(batch.weight[jets.event]),
        "pt": floats(jets.pt * MEV),
        "eta": floats(jets.eta),
        "phi": floats(jets.phi),
        "mass": floats(jets.mass * MEV),
        "R10TruthLabel_R22v1": integers(np.full(len(jets.event), process.label)),
        "n_bhadrons": integers(truth.b_hadrons[accepted]),
        "n_chadrons": integers(truth.c_hadrons[accepted]),
        "n_trimmed_subjets": integers(trimmed.subjets),
        "Tau21_wta": floats(shapes.tau21),
        "Tau32_wta": floats(shapes.tau32),
        "Split12": floats(shapes.split12 * MEV),
    }


def hbb_cc_jets(
    batch: Batch, tracks: Tracks, *, process: Process, rng: np.random.Generator, clock: Clock
) -> Accepted:
    """Trimmed anti-kt R = 1.0 jets with pt > 250 GeV and |eta| < 2 that match the process.

    ``eventNumber`` counts from 0.
    """
    with clock("cluster"):
        trimmed = _trimmed(batch, rng)
    with clock("truth"):
        truth = _truth(batch, trimmed.jets, process)
        trimmed = _choose(trimmed, truth.accepted)
    jets, events = trimmed.jets, batch.events
    size = len(jets.event)
    with clock("cluster"):
        shapes = substructure(trimmed.constituents, jets=size)
        subjets = _subjets(jets, tracks, events=events)
    with clock("vertex"):
        features = _subjet_features(jets, subjets, tracks, events=events)
        found = associate(jets, tracks, cone=large_cone, within=_RADIUS, events=events)
    with clock("truth"):
        of_tracks = track_columns(batch.particles, jets, tracks, found)
    counts = np.bincount(found.jet, minlength=size)
    return Accepted(
        jets={
            **_jet_columns(batch, trimmed, truth, shapes, process),
            "n_tracks": integers(counts),
            "n_subjets": integers(np.bincount(subjets.jet, minlength=size)),
            **_subjet_columns(subjets, features, size=size),
        },
        tracks=of_tracks,
        counts=counts,
        events=events,
        dropped=truth.dropped,
    )
