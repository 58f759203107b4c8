"""Reads a part of a sample, and keeps of it what the findings are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from ftag_prune.check.part import Part
from ftag_prune.errors import FtagPruneError
from ftag_prune.expression import Array, Ragged, condition, parse
from ftag_prune.flavours import score_name
from ftag_prune.prepare.count import Counts, Passed, Tally, choose, whole
from ftag_prune.read import Columns, columns
from ftag_prune.schema import JETS, Card, Entry, Plan

__all__ = ["Failure", "Seen", "label_sources", "look"]


class Failure(NamedTuple):
    """Why a part could not be looked at."""

    part: Part
    reason: str


class Seen(NamedTuple):
    """What was read.

    Attributes
    ----------
    counts : where every jet went; all kept ones stand in one split
    every : columns of all jets
    kept : columns of the jets that pass all cuts and have a class
    label : (kept jets,), index of the class
    event, weight : (kept jets,); event is None where the card has none
    references : scores of the kept jets, by tagger and class
    without : what labels are made of, for jets that pass all cuts and are of no class
    numbers : (kept jets,), constituents of each; None without constituents
    tracks : inputs of the kept jets' constituents
    """

    counts: Counts
    every: Mapping[str, Array]
    kept: Mapping[str, Array]
    label: Array
    event: Array | None
    weight: Array
    references: Mapping[str, Mapping[str, Array]]
    without: Mapping[str, Array]
    numbers: Array | None
    tracks: Mapping[str, Array]


def look(card: Card, plan: Plan, parts: Iterable[Part]) -> tuple[Seen | None, list[Failure]]:
    """All parts together, and those that failed; None if nothing could be read."""
    tally, pieces, failed = Tally(plan), [], []
    for part in parts:
        try:
            found = list(_part(card, plan, part))
        except FtagPruneError as wrong:
            failed.append(Failure(part, str(wrong)))
            continue
        for passed, piece in found:
            tally.add(passed, np.zeros(len(passed.label), np.int64))
            pieces.append(piece)
    return (_joined(tally.counts(), pieces) if pieces else None), failed


def label_sources(plan: Plan) -> dict[str, Entry]:
    """What the labels are made of: each name as an expression of its own."""
    found = {}
    for entry in plan.labels.values():
        for name, source in entry.sources.items():
            if source.space == JETS and name not in found:
                text = name if name.isidentifier() else f"`{name}`"
                found[name] = Entry(f"labels: {name}", "jets", parse(text), {name: source})
    return found


class _Piece(NamedTuple):
    every: dict[str, Array]
    kept: dict[str, Array]
    label: Array
    event: Array | None
    weight: Array
    references: dict[str, dict[str, Array]]
    without: dict[str, Array]
    numbers: Array | None
    tracks: dict[str, Array]


def _part(card: Card, plan: Plan, part: Part) -> Iterator[tuple[Passed, _Piece]]:
    sources = label_sources(plan)
    wanted = [*plan.everything(), *sources.values()]
    read = columns(card, part.path, plan=plan, wanted=wanted, start=part.start, stop=part.stop)
    for batch in read:
        passed = choose(plan, batch, where=str(part.path))
        kept = batch.pick(passed.keep)
        event = plan.event and whole(kept.per_jet(plan.event), key="event", where=str(part.path))
        rows, tracks = _tracks(card, plan, kept)
        yield (
            passed,
            _Piece(
                every=_values(batch, plan.jets),
                kept=_values(kept, plan.jets),
                label=passed.label,
                event=event,
                weight=kept.per_jet(plan.weight),
                references=_scores(card, plan, kept),
                without=_values(_unlabelled(plan, batch), sources),
                numbers=rows,
                tracks=tracks,
            ),
        )


def _scores(card: Card, plan: Plan, kept: Columns) -> dict[str, dict[str, Array]]:
    return {
        model: {
            flavour: kept.per_jet(plan.references[score_name(model, flavour)]) for flavour in scores
        }
        for model, scores in card.references.items()
    }


def _values(batch: Columns, entries: Mapping[str, Entry]) -> dict[str, Array]:
    return {name: batch.per_jet(entry) for name, entry in entries.items()}


def _unlabelled(plan: Plan, batch: Columns) -> Columns:
    """Jets that pass all cuts and are of no class."""
    passes = np.ones(len(batch), np.bool_)
    for entry in plan.select.values():
        passes &= condition(batch.per_jet(entry))
    for entry in plan.labels.values():
        passes &= ~condition(batch.per_jet(entry))
    return batch.pick(passes)


def _tracks(card: Card, plan: Plan, kept: Columns) -> tuple[Array | None, dict[str, Array]]:
    wanted = {name: plan.tracks[name] for name in card.inputs.tracks}
    made: dict[str, Ragged] = {name: kept.per_track(entry) for name, entry in wanted.items()}
    if not made:
        return None, {}
    rows = next(iter(made.values())).rows
    return rows.counts, {name: column.content for name, column in made.items()}


def _joined(counts: Counts, pieces: list[_Piece]) -> Seen:
    events = [piece.event for piece in pieces if piece.event is not None]
    rows = [piece.numbers for piece in pieces if piece.numbers is not None]
    return Seen(
        counts,
        _columns([piece.every for piece in pieces]),
        _columns([piece.kept for piece in pieces]),
        np.concatenate([piece.label for piece in pieces]),
        np.concatenate(events) if events else None,
        np.concatenate([piece.weight for piece in pieces]),
        {
            name: _columns([piece.references[name] for piece in pieces])
            for name in pieces[0].references
        },
        _columns([piece.without for piece in pieces]),
        np.concatenate(rows) if rows else None,
        _columns([piece.tracks for piece in pieces]),
    )


def _columns(several: list[dict[str, Array]]) -> dict[str, Array]:
    return {name: np.concatenate([one[name] for one in several]) for name in several[0]}
