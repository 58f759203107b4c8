"""First pass: which jets of a piece are kept, and the little that their weights depend on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ftag_prune.expression import Array
from ftag_prune.prepare.count import Tally, choose, finite, whole
from ftag_prune.prepare.piece import Failed, Piece, Work, attempt, described, read
from ftag_prune.prepare.split import fingerprints, splits
from ftag_prune.read import Columns
from ftag_prune.schema import Card, Entry, Plan

__all__ = ["Scanned", "columns_in", "kept_dtype", "scan"]

_ALWAYS = [
    ("event", "<u8"),
    ("row", "<u4"),
    ("mc_weight", "<f4"),
    ("label", "i1"),
    ("split", "i1"),
]


class Scanned(NamedTuple):
    """What became of the jets of a piece.

    Attributes
    ----------
    records : (kept jets,), of `kept_dtype`
    event : kind of the event numbers in the file, int64 or uint64
    """

    piece: Piece
    records: Array
    event: np.dtype[Any]
    tally: Tally


def kept_dtype(columns: Sequence[str]) -> np.dtype[Any]:
    """Record of a kept jet; `row` is its number in the piece, `event` the bits of its event's."""
    return np.dtype([*_ALWAYS, *((name, "<f4") for name in columns)])


def columns_in(kept: np.dtype[Any]) -> tuple[str, ...]:
    """The columns of such records."""
    return (kept.names or ())[len(_ALWAYS) :]


def scan(work: Work, piece: Piece) -> Scanned | Failed:
    """Select, label and split the jets of a piece; only what this needs is read."""
    return attempt(described(work.card)[0], piece.file, lambda: _scanned(work, piece))


# What is too large for float32 becomes infinite, which is looked for where it matters.
@np.errstate(over="ignore", invalid="ignore")
def _scanned(work: Work, piece: Piece) -> Scanned:
    card, plan = described(work.card)
    tally, event = Tally(plan), np.dtype(np.uint64)
    dtype = kept_dtype(work.columns)
    records: list[Array] = [np.zeros(0, dtype)]
    for batch in read(work, piece, _wanted(card, plan, work)):
        row, where = tally.read, str(piece.path)
        passed = choose(plan, batch, where=where)
        kept = batch.pick(passed.keep)
        number = _event(card, plan, kept, where=where)
        made: Array = np.zeros(len(kept), dtype)
        made["row"] = row + np.flatnonzero(passed.keep)
        made["label"], made["split"] = passed.label, splits(number, work.split)
        made["event"], event = number.view(np.uint64), number.dtype
        weight = kept.per_jet(plan.weight).astype(np.float32, copy=False)
        made["mc_weight"] = finite(weight, key="weight", where=where)
        for name in work.columns:
            made[name] = kept.per_jet(plan.jets[name])
        tally.add(passed, made["split"])
        records.append(made)
    return Scanned(piece, np.concatenate(records), event, tally)


def _wanted(card: Card, plan: Plan, work: Work) -> list[Entry]:
    columns = {*work.columns, *(() if plan.event else card.about.balance)}
    wanted = [*plan.select.values(), *plan.labels.values(), plan.weight]
    wanted += [plan.jets[name] for name in sorted(columns)]
    return [*wanted, plan.event] if plan.event else wanted


def _event(card: Card, plan: Plan, kept: Columns, *, where: str) -> Array:
    """Number of each jet's event, or of the jet itself where the sample has none."""
    if plan.event:
        return whole(kept.per_jet(plan.event), key="event", where=where)
    return fingerprints([kept.per_jet(plan.jets[name]) for name in card.about.balance])
