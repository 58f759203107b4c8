"""Small-R jets for single-b tagging, from a batch of events."""

from __future__ import annotations

import numpy as np

from ftag_prune.generate.accepted import (
    MEV,
    Accepted,
    flag_defaults,
    floats,
    integers,
    track_columns,
)
from ftag_prune.generate.association import Association, associate, shrinking_cone
from ftag_prune.generate.clock import Clock
from ftag_prune.generate.columns import Columns, take
from ftag_prune.generate.events import Batch
from ftag_prune.generate.jets import cluster, visible
from ftag_prune.generate.kinematics import FourMomenta
from ftag_prune.generate.tracker import Tracks
from ftag_prune.generate.truth import label_by_hadrons
from ftag_prune.generate.vertexing import SecondaryVertices, secondary_vertices

__all__ = ["single_b_jets"]

_RADIUS, _PT_MIN, _ETA_MAX = 0.4, 20.0, 2.5
_WITHIN = 0.5  # beyond the widest cone of tracks, 0.45


def _vertex_columns(vertices: SecondaryVertices) -> Columns:
    return {
        "SV1_isDefaults": flag_defaults(vertices.mass),
        "SV1_masssvx": floats(vertices.mass * MEV),
        "SV1_significance3d": floats(vertices.significance),
        "SV1_L3d": floats(vertices.length),
        "SV1_Lxy": floats(vertices.transverse_length),
        "SV1_efracsvx": floats(vertices.energy_fraction),
        "SV1_NGTinSvx": integers(vertices.tracks),
        "SV1_deltaR": floats(vertices.distance),
    }


def _jet_columns(batch: Batch, jets: FourMomenta, found: Association) -> Columns:
    truth = label_by_hadrons(batch.particles, jets, events=batch.events)
    return {
        "eventNumber": jets.event.astype(np.uint64),
        "mcEventWeight": floats(batch.weight[jets.event]),
        "pt_btagJes": floats(jets.pt * MEV),
        "eta_btagJes": floats(jets.eta),
        "absEta_btagJes": floats(np.abs(jets.eta)),
        "phi": floats(jets.phi),
        "mass": floats(jets.mass * MEV),
        "HadronConeExclTruthLabelID": integers(truth.label),
        "HadronConeExclTruthLabelPt": floats(truth.pt * MEV),
        "n_tracks": integers(np.bincount(found.jet, minlength=len(jets.event))),
    }


def _jets(batch: Batch, rng: np.random.Generator) -> FourMomenta:
    jets = cluster(
        visible(batch, rng),
        events=batch.events,
        algorithm="antikt",
        radius=_RADIUS,
        min_pt=_PT_MIN,
    ).jets
    return take(jets, np.abs(jets.eta) < _ETA_MAX)


def single_b_jets(
    batch: Batch, tracks: Tracks, *, rng: np.random.Generator, clock: Clock
) -> Accepted:
    """Every anti-kt R = 0.4 jet with pt > 20 GeV and |eta| < 2.5; ``eventNumber`` counts from 0."""
    with clock("cluster"):
        jets = _jets(batch, rng)
    with clock("vertex"):
        found = associate(jets, tracks, cone=shrinking_cone, within=_WITHIN, events=batch.events)
        vertices = secondary_vertices(jets, tracks, found)
    with clock("truth"):
        columns = _jet_columns(batch, jets, found)
        of_tracks = track_columns(batch.particles, jets, tracks, found)
    return Accepted(
        jets={**columns, **_vertex_columns(vertices)},
        tracks={**of_tracks, "inSV1": vertices.used.astype(np.int8)},
        counts=np.bincount(found.jet, minlength=len(jets.event)),
        events=batch.events,
        dropped={},
    )
