"""Where the constituents of jets are in each layout, and what else belongs to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ftag_prune.inspection.column import Column
from ftag_prune.inspection.contents import Contents
from ftag_prune.inspection.guess.inputs import Made
from ftag_prune.inspection.guess.jets import Jets
from ftag_prune.inspection.guess.names import branch
from ftag_prune.inspection.guess.page import Line
from ftag_prune.inspection.guess.sample import Sample
from ftag_prune.inspection.guess.tracks import Tracks, grouped, linked, main_group, tracks_of

__all__ = ["Further", "constituents", "further"]


class Further(NamedTuple):
    """A further collection, and the columns of jets that are made of it.

    Attributes
    ----------
    name : as formulas call it, ``svs.mass``
    lines : what the card says of it
    columns : of jets, made of its members
    vertices : whether it may have none, and 0 says so
    weight : formula of the event's weight, if it is one
    """

    name: str
    lines: tuple[Line, ...]
    columns: tuple[Made, ...] = ()
    vertices: bool = False
    weight: str = ""


def constituents(sample: Sample) -> Tracks | None:
    """Constituents of the chosen jets; None if the file has none, or of no known layout."""
    if sample.jets is None:
        return None
    if sample.format == "hdf5":
        return _of_records(sample, sample.jets) or _of_columns(sample, sample.jets)
    groups = grouped(sample.found.columns)
    if sample.jets.events:
        return _of_links(sample, sample.jets, groups)
    return _of_branches(sample, sample.jets, groups)


def _of_branches(
    sample: Sample, jets: Jets, groups: Mapping[str, Mapping[str, Column]]
) -> Tracks | None:
    prefix = main_group(groups)
    if prefix is None:
        return None
    extra = groups.get("trackBTag_", {}) if prefix == "track_" else {}
    if extra and next(iter(extra.values())).rows == next(iter(groups[prefix].values())).rows:
        # Two prefixes for the same tracks: they have the start of their names in common.
        members = {f"track_{name}": one for name, one in groups[prefix].items()}
        members |= {f"trackBTag_{name}": one for name, one in extra.items()}
        return tracks_of(members, jets, where=(Line("prefix", ""),), centimetres=sample.cms)
    where = (Line("prefix", prefix),)
    return tracks_of(groups[prefix], jets, where=where, centimetres=sample.cms)


def _of_links(
    sample: Sample, jets: Jets, groups: Mapping[str, Mapping[str, Column]]
) -> Tracks | None:
    found = linked(jets, groups)
    if found is None:
        return None
    prefix, links, item = found
    link = (Line("prefix", links), Line("jet", "jetIdx"), Line("item", item))
    where = (Line("prefix", prefix), Line("link", link))
    return tracks_of(groups[prefix], jets, where=where, links=groups[links], centimetres=sample.cms)


def _of_records(sample: Sample, jets: Jets) -> Tracks | None:
    """Padded records: the largest dataset with a flag, or with a counter among the jets."""
    for other in sorted(sample.others, key=lambda one: -one.chosen.columns):
        members = {one.name: one for one in other.columns}
        slots = _slots(other, members, jets)
        if slots:
            return tracks_of(members, jets, where=(Line("dataset", other.chosen.name), slots))
    return None


def _slots(other: Contents, members: Mapping[str, Column], jets: Jets) -> Line | None:
    if "valid" in members:
        return Line("valid", "valid", "flag of the slots that hold one")
    counter = _counter(other.chosen.name, jets, members)
    return Line("counter", counter, "how many slots hold one") if counter else None


def _of_columns(sample: Sample, jets: Jets) -> Tracks | None:
    """Padded columns of a group, each a dataset of its own."""
    groups = grouped(sample.found.columns)
    prefix = main_group(groups)
    if prefix is None:
        return None
    counter = _counter(prefix, jets, groups[prefix])
    if counter is None:
        return None
    where = (Line("prefix", prefix), Line("counter", counter))
    return tracks_of(groups[prefix], jets, where=where, centimetres=sample.cms)


def _counter(name: str, jets: Jets, members: Mapping[str, Column]) -> str | None:
    """Column of jets with the number of valid slots: n_tracks for tracks."""
    stem = name.rstrip("_.").rstrip("s")
    slots = max((one.most or 0 for one in members.values()), default=0)
    for wanted in (f"n_{stem}s", f"n_{stem}", f"n{stem}s", f"n{stem}", "n_tracks"):
        one = jets.aligned.get(wanted)
        if one and one.high is not None and one.high > 0 and slots:
            return one.name
    return None


# What else belongs to jets --------------------------------------------------------------------


def further(sample: Sample) -> tuple[Further, ...]:
    """Secondary vertices, hadrons of subjets, and weights of the event."""
    if sample.jets is None or not sample.jets.events:
        return ()
    groups = grouped(sample.found.columns)
    return tuple(_vertices(sample.jets, groups)) + tuple(_subjets(sample)) + tuple(_weights(groups))


_OF_VERTICES: Mapping[str, str] = {
    # column: formula; the vertex with the most significant decay length leads
    "n_svs": "count(svs.significance > 0)",
    "svs_mass": "at_largest(svs.mass, svs.significance, 1)",
    "svs_log_sig": "log1p(largest(svs.significance, 1))",
    "svs_log_length": "log1p(at_largest(svs.length, svs.significance, 1))",
    "svs_n_tracks": "at_largest(svs.n_tracks, svs.significance, 1)",
    "svs_ptfrac": "at_largest(svs.pt, svs.significance, 1) / pt",
}


def _vertices(jets: Jets, groups: Mapping[str, Mapping[str, Column]]) -> Iterator[Further]:
    """NanoAOD: vertices of the event, nearest to a jet."""
    members = groups.get("SV_", {})
    there = {"dlen", "dlenSig", "mass", "pt", "eta", "phi", "ntracks"} <= members.keys()
    if not there or jets.phi is None:
        return
    match = (
        Line("dr", 0.8 if jets.large else 0.4),
        Line("eta", "eta"),
        Line("phi", "phi"),
        Line("jet_eta", branch(jets.eta.name)),
        Line("jet_phi", branch(jets.phi.name)),
    )
    variables = (
        Line("mass", "mass", "GeV"),
        Line("pt", "pt"),
        Line("length", "dlen * 10", "cm in the file"),
        Line("significance", "dlenSig"),
        Line("n_tracks", "ntracks"),
    )
    yield Further(
        "svs",
        (Line("prefix", "SV_"), Line("match", match), Line("variables", variables)),
        tuple(Made(name, formula) for name, formula in _OF_VERTICES.items()),
        vertices=True,
    )


def _subjets(sample: Sample) -> Iterator[Further]:
    """NanoAOD without counts of the fat jets' own hadrons."""
    labels, jets = sample.labels, sample.jets
    if labels is None or jets is None or "n_b_hadrons" not in str(labels.conditions):
        return
    indices = [one.name for name, one in jets.own.items() if name.startswith("subJetIdx")]
    variables = (Line("n_b", "nBHadrons"), Line("n_c", "nCHadrons"))
    yield Further(
        "subjets",
        (Line("prefix", "SubJet_"), Line("indices", indices), Line("variables", variables)),
        (
            Made("n_b_hadrons", "sum(subjets.n_b)", "for the labels; never an input"),
            Made("n_c_hadrons", "sum(subjets.n_c)", "for the labels; never an input"),
        ),
    )


def _weights(groups: Mapping[str, Mapping[str, Column]]) -> Iterator[Further]:
    """PHYSLITE: all weights of the event."""
    for prefix, members in groups.items():
        if "mcEventWeights" in members:
            yield Further(
                "weights",
                (
                    Line("prefix", prefix),
                    Line("of", "event"),
                    Line("variables", (Line("mcEventWeights", "mcEventWeights"),)),
                ),
                weight="first(weights.mcEventWeights)",
            )
