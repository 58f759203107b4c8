"""Jets of calorimeter particles: smearing, clustering, trimming and substructure."""

from __future__ import annotations

from typing import NamedTuple

import awkward as ak
import numpy as np

from ftag_prune.generate import packages
from ftag_prune.generate.columns import Floats, Ints, starts, take, totals
from ftag_prune.generate.events import Batch
from ftag_prune.generate.kinematics import FourMomenta, pseudorapidity
from ftag_prune.generate.truth import is_prompt

__all__ = ["Clustered", "Substructure", "Trimmed", "cluster", "substructure", "trim", "visible"]

# Calorimeters reach to 4.9; what lies farther out than this cannot change the jets that are kept,
# whose axes lie within 2.5 (R = 0.4) or 2.0 (R = 1.0).
_ETA_MAX = 3.5
_PROMPT_PT = 10.0  # GeV, of electrons that the overlap removal takes out of the jets
_INVISIBLE = (12, 13, 14, 16)  # neutrinos, and muons, which leave little in the calorimeter

# Stochastic (sqrt(GeV)) and constant terms of the energy resolution: ATLAS's calorimeters for
# electrons and photons, and for single hadrons; the relative error never exceeds 60 %.
_ELECTROMAGNETIC, _HADRONIC, _LARGEST_ERROR = (0.10, 0.007), (0.55, 0.03), 0.6


class Clustered(NamedTuple):
    """Jets sorted by event, and for each constituent its row among the inputs and its jet."""

    jets: FourMomenta
    constituent: Ints
    jet: Ints


class Trimmed(NamedTuple):
    """Groomed jets, their number of kept subjets, and the kept constituents sorted by jet.

    ``constituents.event`` is the jet that a constituent belongs to.
    """

    jets: FourMomenta
    subjets: Ints
    constituents: FourMomenta


class Substructure(NamedTuple):
    """Shapes of jets, (jets,) each; NaN where they are not defined.

    ``tau21`` and ``tau32`` are ratios of N-subjettiness (Thaler and Van Tilburg, arXiv:1011.2268)
    with winner-take-all kt axes and beta = 1; ``split12`` is the kt splitting scale in GeV.
    """

    tau21: Floats
    tau32: Floats
    split12: Floats


def _seen(batch: Batch) -> Ints:
    """Rows of the particles that reach the calorimeter and belong to jets."""
    particles = batch.particles
    code = np.abs(particles.pdg)
    rows = np.flatnonzero(particles.final & ~np.isin(code, _INVISIBLE))
    pt = np.hypot(particles.px[rows], particles.py[rows])
    inside = np.abs(pseudorapidity(pt, particles.pz[rows])) < _ETA_MAX
    electron = inside & (code[rows] == 11) & (pt > _PROMPT_PT)
    inside[electron] = ~is_prompt(particles, rows[electron])
    return rows[inside]


def visible(batch: Batch, rng: np.random.Generator) -> FourMomenta:
    """Smeared four-momenta of all particles that make up jets, sorted by event."""
    rows = _seen(batch)
    true = batch.particles.momenta(rows)
    electromagnetic = np.isin(np.abs(batch.particles.pdg[rows]), (11, 22))
    terms = np.where(electromagnetic[:, None], _ELECTROMAGNETIC, _HADRONIC)
    error = np.hypot(terms[:, 0] / np.sqrt(np.maximum(true.e, 1e-3)), terms[:, 1])
    pull = rng.normal(size=len(rows))
    scale = np.maximum(1 + pull * np.minimum(error, _LARGEST_ERROR), 0.05)
    return FourMomenta(
        true.event, scale * true.px, scale * true.py, scale * true.pz, scale * true.e
    )


def _sequence(particles: FourMomenta, counts: Ints, *, algorithm: str, radius: float) -> ak.Array:
    fastjet = packages.fastjet()
    columns = {"px": particles.px, "py": particles.py, "pz": particles.pz, "E": particles.e}
    nested = ak.unflatten(ak.zip(columns), counts)
    definition = fastjet.JetDefinition(getattr(fastjet, f"{algorithm}_algorithm"), radius)
    return fastjet.ClusterSequence(nested, definition)


def cluster(
    particles: FourMomenta, *, events: int, algorithm: str, radius: float, min_pt: float
) -> Clustered:
    """Jets of every event at once.

    Parameters
    ----------
    particles : FourMomenta
        Sorted by event.
    events : int
        Number of events, some of which may be empty.
    algorithm : {'antikt', 'kt', 'cambridge'}
        FastJet's algorithm.
    radius : float
        Radius parameter.
    min_pt : float
        Least pt of a jet in GeV.
    """
    counts = np.bincount(particles.event, minlength=events)
    sequence = _sequence(particles, counts, algorithm=algorithm, radius=radius)
    found = sequence.inclusive_jets(min_pt=min_pt)
    members = sequence.constituent_index(min_pt=min_pt)
    event = np.repeat(np.arange(events), ak.to_numpy(ak.num(found)))
    flat = ak.flatten(found)
    jets = FourMomenta(event, *(ak.to_numpy(flat[name]) for name in ("px", "py", "pz", "E")))
    sizes = ak.to_numpy(ak.flatten(ak.num(members, axis=2)))
    local = ak.to_numpy(ak.flatten(members, axis=None)).astype(np.int64)
    return Clustered(
        jets=jets,
        constituent=local + np.repeat(starts(counts)[event], sizes),
        jet=np.repeat(np.arange(len(event)), sizes),
    )


def trim(
    particles: FourMomenta, jets: Clustered, *, radius: float = 0.2, fraction: float = 0.05
) -> Trimmed:
    """Trim jets: keep kt subjets with at least a fraction of the jet's pt.

    Krohn, Thaler and Wang, arXiv:0912.1342, with ATLAS's radius and fraction.
    """
    size = len(jets.jets.event)
    inside = take(particles, jets.constituent)._replace(event=jets.jet)
    small = cluster(inside, events=size, algorithm="kt", radius=radius, min_pt=0.0)
    hard = small.jets.pt > fraction * jets.jets.pt[small.jets.event]
    kept = take(small.jets, hard)
    momenta = np.stack([kept.px, kept.py, kept.pz, kept.e], axis=1)
    return Trimmed(
        jets=FourMomenta(jets.jets.event, *totals(kept.event, momenta, size=size).T),
        subjets=np.bincount(kept.event, minlength=size),
        constituents=take(inside, small.constituent[hard[small.jet]]),
    )


def _ratio(above: Floats, below: Floats) -> Floats:
    """Ratio, NaN where the denominator vanishes: for jets with too few constituents."""
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)


def substructure(constituents: FourMomenta, *, jets: int, radius: float = 1.0) -> Substructure:
    """Shapes of `jets` jets from their constituents, whose ``event`` is their jet, sorted."""
    counts = np.bincount(constituents.event, minlength=jets)
    sequence = _sequence(constituents, counts, algorithm="kt", radius=radius)
    tau = ak.to_numpy(
        sequence.njettiness(
            measure_definition="NormalizedMeasure",
            axes_definition="WTA_KT_Axes",
            njets=[1, 2, 3],
            beta=1.0,
            R0=radius,
        )
    )
    merging = ak.to_numpy(sequence.exclusive_dmerge(1))
    return Substructure(
        tau21=_ratio(tau[:, 1], tau[:, 0]),
        tau32=_ratio(tau[:, 2], tau[:, 1]),
        # FastJet's scale is min(pt)^2 DeltaR^2 / R^2.
        split12=radius * np.sqrt(np.maximum(merging, 0.0)),
    )
