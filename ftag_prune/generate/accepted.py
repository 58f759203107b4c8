"""The jets of some events as columns with ATLAS's names, as they stand in files: MeV, mm, rad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ftag_prune.generate.association import Association
from ftag_prune.generate.columns import Columns, Floats, Ints
from ftag_prune.generate.events import Particles
from ftag_prune.generate.kinematics import FourMomenta, delta_phi
from ftag_prune.generate.tracker import Tracks
from ftag_prune.generate.truth import track_origins

__all__ = [
    "MEV",
    "Accepted",
    "concatenate",
    "first",
    "flag_defaults",
    "floats",
    "integers",
    "track_columns",
]

MEV = 1000.0  # MeV per GeV


class Accepted(NamedTuple):
    """Jets that are written.

    Attributes
    ----------
    jets : columns (n,)
    tracks : columns (m,), the tracks of one jet after those of another
    counts : (n,), tracks of each jet
    events : events that they come from, with those without jets
    dropped : jets that were refused, by reason
    """

    jets: Columns
    tracks: Columns
    counts: Ints
    events: int
    dropped: Mapping[str, int]


def floats(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Column of 32-bit numbers."""
    return np.asarray(values).astype(np.float32)


def integers(values: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """Column of 32-bit integers."""
    return np.asarray(values).astype(np.int32)


def _small(values: npt.ArrayLike) -> npt.NDArray[np.int8]:
    return np.asarray(values).astype(np.int8)


def track_columns(
    particles: Particles, jets: FourMomenta, tracks: Tracks, found: Association
) -> Columns:
    """Columns of the tracks of all jets, in the order of `found`."""
    rows, jet = found.track, found.jet
    lepton = np.isin(np.abs(tracks.pdg[rows]), (11, 13)) & (tracks.source[rows] >= 0)
    return {
        "pt": floats(tracks.pt[rows] * MEV),
        "d0": floats(tracks.d0[rows]),
        "z0SinTheta": floats(tracks.z0_sin_theta[rows]),
        "dphi": floats(delta_phi(tracks.phi[rows], jets.phi[jet])),
        "deta": floats(tracks.eta[rows] - jets.eta[jet]),
        "dr": floats(found.distance),
        "ptfrac": floats(tracks.pt[rows] / jets.pt[jet]),
        "qOverP": floats(tracks.q_over_p[rows] / MEV),
        "IP3D_signed_d0_significance": floats(found.d0_significance),
        "IP3D_signed_z0_significance": floats(found.z0_significance),
        "d0Uncertainty": floats(tracks.d0_error[rows]),
        "z0SinThetaUncertainty": floats(tracks.z0_error[rows]),
        "phiUncertainty": floats(tracks.phi_error[rows]),
        "thetaUncertainty": floats(tracks.theta_error[rows]),
        "qOverPUncertainty": floats(tracks.q_over_p_error[rows] / MEV),
        "numberOfInnermostPixelLayerHits": _small(tracks.innermost_hits[rows]),
        "numberOfNextToInnermostPixelLayerHits": _small(tracks.next_hits[rows]),
        "numberOfPixelHits": _small(tracks.pixel_hits[rows]),
        "numberOfSCTHits": _small(tracks.strip_hits[rows]),
        "numberOfPixelSharedHits": _small(tracks.shared_hits[rows]),
        "numberOfPixelHoles": _small(tracks.pixel_holes[rows]),
        "leptonID": _small(np.where(lepton, tracks.pdg[rows], 0)),
        "ftagTruthOriginLabel": _small(track_origins(particles, tracks.source[rows])),
    }


def _together(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def concatenate(parts: list[Accepted]) -> Accepted:
    """All parts as one, the refused jets added up."""
    reasons = {reason for part in parts for reason in part.dropped}
    return Accepted(
        jets=_together([part.jets for part in parts]),
        tracks=_together([part.tracks for part in parts]),
        counts=np.concatenate([part.counts for part in parts]),
        events=sum(part.events for part in parts),
        dropped={
            reason: sum(part.dropped.get(reason, 0) for part in parts) for reason in sorted(reasons)
        },
    )


def first(accepted: Accepted, jets: int) -> Accepted:
    """The first `jets` jets with their tracks; the others are counted as ``surplus``."""
    counts = accepted.counts[:jets]
    surplus = len(accepted.counts) - len(counts)
    return Accepted(
        jets={name: column[:jets] for name, column in accepted.jets.items()},
        tracks={name: column[: counts.sum()] for name, column in accepted.tracks.items()},
        counts=counts,
        events=accepted.events,
        dropped={**accepted.dropped, "surplus": surplus},
    )


def flag_defaults(values: Floats) -> npt.NDArray[np.int8]:
    """1 where a column holds no value (NaN), else 0: ATLAS's ``isDefaults``."""
    return np.isnan(values).astype(np.int8)
