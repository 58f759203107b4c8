"""The keys of a card one by one, each with what was seen in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ftag_prune.flavours import TASKS
from ftag_prune.inspection.column import Column
from ftag_prune.inspection.guess import names
from ftag_prune.inspection.guess.absent import missing
from ftag_prune.inspection.guess.constituents import Further, constituents, further
from ftag_prune.inspection.guess.inputs import Choice, Made, jet_inputs, seen
from ftag_prune.inspection.guess.jets import Jets
from ftag_prune.inspection.guess.names import branch
from ftag_prune.inspection.guess.page import Line
from ftag_prune.inspection.guess.sample import Sample
from ftag_prune.inspection.guess.scores import references
from ftag_prune.inspection.guess.tracks import Tracks

__all__ = ["card", "head"]


def head(sample: Sample) -> list[str]:
    """What stands above the card."""
    found = sample.found
    return [
        f"A card guessed from the first {found.read} of {found.chosen.entries} entries of "
        f"{sample.path.name} by `ftag-prune inspect`. Go through it from top to bottom: comments "
        "say what was seen in this file alone, and lines with TODO are for you. Then ask "
        "`ftag-prune check` what it thinks.",
    ]


def card(sample: Sample) -> list[Line]:
    """All lines of the card."""
    tracks, others = constituents(sample), further(sample)
    columns, inputs, left = _columns(sample, others)
    scores = references(sample.jets, sample.task) if sample.jets else {}
    return [
        *_about(sample),
        Line("jets", tuple(columns), above=tuple(left)),
        *_tracks(tracks),
        *_further(others),
        _inputs(inputs, tracks),
        *_missing(sample, columns, others, scores),
        _labels(sample),
        _select(sample),
        *_event_and_weight(sample, others),
        *_references(scores, sample.task),
        *_units(columns, tracks),
    ]


def _about(sample: Sample) -> Iterator[Line]:
    name = re.sub(r"[^\w-]+", "_", sample.path.stem)[:60].lstrip("-") or "sample"
    yield Line("name", name)
    yield Line("title", name, "what figures call the sample")
    yield Line("task", sample.task, _other_task(sample))
    yield Line("files", [str(sample.path)], "or patterns: ttbar/*.root")
    yield Line("format", sample.format)
    chosen = sample.found.chosen
    if sample.format == "root":
        yield Line("tree", chosen.name, f"{chosen.kind} of {chosen.entries} entries")
        if sample.jets and sample.jets.events:
            yield Line("rows", "events", f"{sample.jets.pt.name} has several values an entry")
    else:
        yield Line("dataset", chosen.name, f"{chosen.kind} of {chosen.entries} jets")


def _other_task(sample: Sample) -> str:
    if sample.labels is None:
        return "no labels were found that would tell; --task chooses"
    other = next(name for name in TASKS if name != sample.task)
    return f"by its labels; --task {other} asks for the other one"


# Columns of jets ------------------------------------------------------------------------------


def _columns(
    sample: Sample, others: tuple[Further, ...]
) -> tuple[list[Line], tuple[str, ...], list[str]]:
    """Lines of the columns, the names that are inputs, and comments on what was left out."""
    if sample.jets is None:
        lost = "no collection of jets with pt and eta was recognised"
        return [Line("pt", None, lost), Line("eta", None, lost)], (), []
    jets = sample.jets
    kept = _kept(jets)
    made = {one.name: one for one in kept}
    first = [Made("log_pt", "log(pt)"), Made("abs_eta", "abs(eta)")]
    if sample.task == "single_b" and jets.mass:
        first.append(Made("mass_over_pt", "mass / pt"))
    vertices = [one for more in others for one in more.columns]
    truth = [one for one in vertices if one.name.endswith("_hadrons")]
    made |= {one.name: one for one in (*first, *vertices)}
    choice = jet_inputs(jets, task=sample.task, taken=made, known=_meant(sample, jets))
    seen_already = {jets.pt.name, jets.eta.name, *([jets.mass.name] if jets.mass else [])}
    more = [one for one in choice.columns if one.source and one.source.name not in seen_already]
    inputs = [*first, *more, *(one for one in vertices if one not in truth)]
    lines = [Line(one.name, one.formula, one.comment) for one in (*kept, *inputs, *truth)]
    return lines, tuple(one.name for one in inputs), _left(choice)


def _kept(jets: Jets) -> list[Made]:
    """Columns for cuts, weights and figures."""
    unit = " / 1000" if jets.mev else ""
    said = "MeV" if jets.mev else "GeV"
    made = [
        Made("pt", branch(jets.pt.name) + unit, _kinematic(jets.pt, said), jets.pt),
        Made("eta", branch(jets.eta.name), seen(jets.eta), jets.eta),
    ]
    if jets.phi:
        made.append(Made("phi", branch(jets.phi.name), seen(jets.phi), jets.phi))
    if jets.mass:
        made.append(
            Made("mass", branch(jets.mass.name) + unit, _kinematic(jets.mass, said), jets.mass)
        )
    return made


def _kinematic(one: Column, unit: str) -> str:
    return f"{unit} in the file: median {one.middle or 0:.5g}, {seen(one)}"


def _meant(sample: Sample, jets: Jets) -> frozenset[str]:
    """Branches that labels, weights and references name: no column may hide them."""
    return frozenset(one.name for one in sample.found.columns if one.name not in jets.aligned)


def _left(choice: Choice) -> list[str]:
    return [
        f"No inputs ({why}): {_some(those)}"
        for why, those in choice.left.items()
        if why != "the four-vector"
    ]


def _some(those: tuple[str, ...]) -> str:
    most = 6
    return ", ".join(those[:most]) + (f" and {len(those) - most} more" if len(those) > most else "")


# Constituents ---------------------------------------------------------------------------------


def _tracks(tracks: Tracks | None) -> Iterator[Line]:
    if tracks is None:
        return
    inner = (
        *tracks.where,
        Line("variables", tuple(Line(o.name, o.formula, o.comment) for o in tracks.variables)),
        Line("sort", tracks.sort, "the largest are kept, in this order"),
        Line("maximum", tracks.maximum, f"at most {tracks.most} in this file"),
        *([Line("missing", tracks.missing)] if tracks.missing else []),
    )
    yield Line("constituents", inner)


def _further(others: tuple[Further, ...]) -> Iterator[Line]:
    if others:
        yield Line("collections", tuple(Line(one.name, one.lines) for one in others))


def _inputs(inputs: tuple[str, ...], tracks: Tracks | None) -> Line:
    lines = [Line("jets", list(inputs) if inputs else None, "columns that the network sees")]
    if tracks:
        lines.append(Line("tracks", list(tracks.inputs)))
    return Line("inputs", tuple(lines))


# Labels and cuts ------------------------------------------------------------------------------


def _labels(sample: Sample) -> Line:
    if sample.labels is None:
        classes = TASKS[sample.task].classes
        lost = "a condition; no truth was recognised"
        return Line("labels", tuple(Line(name, None, lost) for name in classes))
    made = tuple(Line(name, *both) for name, both in sample.labels.conditions.items())
    return Line("labels", made, above=(sample.labels.comment,))


_REGIONS: Mapping[str, tuple[str, str, str]] = {
    # pt, mass, eta
    "HiggsToBB": ("300 < pt < 2000", "40 < mass < 200", "abs(eta) < 2.4"),
    "ATLAS": ("250 < pt < 1300", "50 < mass < 300", "abs(eta) < 2"),
    "CMS": ("200 < pt < 2000", "40 < mass < 250", "abs(eta) < 2.4"),
}


def _select(sample: Sample) -> Line:
    jets = sample.jets
    if jets is None:
        return Line("select", (Line("pt", None, "such as 20 < pt < 250"),))
    if sample.task == "single_b":
        cuts = [Line("pt", "20 < pt < 1000"), Line("eta", "abs(eta) < 2.5")]
        if "genJetIdx" in jets.own:
            matched = f"{branch(jets.own['genJetIdx'].name)} >= 0"
            cuts.append(Line("generated", matched, "pile-up jets count as light ones otherwise"))
    else:
        pt, mass, eta = _REGIONS[_region(jets)]
        cuts = [Line("pt", pt), *([Line("mass", mass)] if jets.mass else []), Line("eta", eta)]
    return Line("select", tuple(cuts), above=("The usual region; choose yours.",))


def _region(jets: Jets) -> str:
    if jets.prefix == "fj_":
        return "HiggsToBB"
    return "ATLAS" if jets.mev else "CMS"


# Event, weight, references --------------------------------------------------------------------


def _event_and_weight(sample: Sample, others: tuple[Further, ...]) -> Iterator[Line]:
    scalars = [one for one in sample.found.columns if one.shape == "scalar"]
    if sample.jets and not sample.jets.events:
        scalars = list(sample.jets.aligned.values())
    event = _first(scalars, names.EVENT, kinds=r"u?int(32|64)")
    if event:
        yield Line("event", branch(event.name), f"{event.kind}, {event.low} to {event.high}")
    else:
        yield Line("event", None, "no whole number of the event; jets are split by pt and eta")
    weight = _first(scalars, names.WEIGHT, kinds=r"float|int")
    several = [one.weight for one in others if one.weight]
    if weight:
        same = " for all" if weight.low == weight.high else ""
        yield Line("weight", branch(weight.name), f"{seen(weight)}{same}")
    elif several:
        yield Line("weight", several[0], "the nominal weight stands first")
    else:
        yield Line("weight", None, "no weight of the generator was recognised; all jets count 1")


def _first(columns: list[Column], pattern: re.Pattern[str], *, kinds: str) -> Column | None:
    there = [one for one in columns if pattern.search(one.name) and re.match(kinds, one.kind)]
    # mcEventNumber is a number, too, but not of the event in the file.
    return min(there, key=lambda one: (one.name.startswith("n"), len(one.name)), default=None)


def _references(scores: Mapping[str, Mapping[str, str]], task: str) -> Iterator[Line]:
    if scores:
        yield Line(
            "references",
            tuple(
                Line(name, tuple(Line(one, by[one]) for one in TASKS[task].classes if one in by))
                for name, by in scores.items()
            ),
            above=("Scores in the file, to compare with; never inputs.",),
        )


def _missing(
    sample: Sample,
    columns: list[Line],
    others: tuple[Further, ...],
    scores: Mapping[str, Mapping[str, str]],
) -> Iterator[Line]:
    if sample.jets is None:
        return
    formulas = [str(line.value) for line in columns]
    formulas += [formula for by in scores.values() for formula in by.values()]
    yield from missing(sample.jets, formulas)
    filled = [f"{one.name}_*" for one in others if one.vertices]
    if filled:
        yield Line("defaults", tuple(Line(name, 0, "there is none") for name in filled))


def _units(columns: list[Line], tracks: Tracks | None) -> Iterator[Line]:
    units = [Line(line.key, "GeV") for line in columns if line.key in ("pt", "mass") and line.value]
    if tracks:
        lengths = [
            one.name
            for one in tracks.variables
            if names.LENGTHS.search(one.name.removesuffix("_mm"))
            and not one.formula.startswith("slog")
        ]
        units += [Line(f"tracks.{name}", "mm") for name in lengths]
    if units:
        yield Line("units", tuple(units))
