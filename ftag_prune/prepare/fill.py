"""Second pass: all columns of the kept jets, written to where they belong."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ftag_prune.expression import Array
from ftag_prune.prepare.piece import Failed, Piece, Work, attempt, described, read
from ftag_prune.prepare.scan import kept_dtype
from ftag_prune.prepare.table import Order, jet_records, track_records
from ftag_prune.prepare.weigh import Balanced
from ftag_prune.prepare.write import Target, put, writing
from ftag_prune.read import Columns
from ftag_prune.schema import Card, Entry, Plan

__all__ = ["Filling", "Job", "fill"]


class Filling(NamedTuple):
    """What is the same for every piece.

    Attributes
    ----------
    spool : file of the records of the first pass
    kinds : record of each dataset
    """

    work: Work
    spool: Path
    kinds: Mapping[str, np.dtype[Any]]
    balanced: Balanced
    targets: tuple[Target, ...]


class Job(NamedTuple):
    """A piece, where its records are, and where its jets go.

    Attributes
    ----------
    begin, number : first of its records, and how many there are
    trained : training jets before it
    rows : row in each file that its first jet has
    """

    piece: Piece
    begin: int
    number: int
    trained: int
    rows: tuple[int, ...]


def fill(filling: Filling, job: Job) -> Failed | None:
    """Write the jets of a piece into the files of their splits."""
    card, _ = described(filling.work.card)
    return attempt(card, job.piece.file, lambda: _fill(filling, job))


# What is too large for float32 becomes infinite, as is written in the file.
@np.errstate(over="ignore", invalid="ignore")
def _fill(filling: Filling, job: Job) -> None:
    card, plan = described(filling.work.card)
    records, copies = _kept(filling, job)
    rows, seen = np.array(job.rows), 0
    with ExitStack() as stack:
        files = [stack.enter_context(_opened(target)) for target in filling.targets]
        for batch in read(filling.work, job.piece, _wanted(card, plan, filling.work)):
            inside = slice(*np.searchsorted(records["row"], [seen, seen + len(batch)]))
            mine, repeats = records[inside], copies[inside]
            keep = np.zeros(len(batch), np.bool_)
            keep[mine["row"] - np.uint32(seen)] = True
            seen += len(batch)
            if len(mine):
                order = Order.by(mine["split"], repeats)
                tables = _tables(filling, job, batch.pick(keep), mine, order)
                rows += _write(filling, tables, order, files, rows)


def _kept(filling: Filling, job: Job) -> tuple[Array, Array]:
    """Records of the first pass, and how often each jet is written."""
    dtype = kept_dtype(filling.work.columns)
    begin = job.begin * dtype.itemsize
    records = np.fromfile(filling.spool, dtype, job.number, offset=begin)
    training = records["split"] == 0
    copies = np.ones(job.number, np.uint8)
    copies[training] = filling.balanced.repeats(job.trained, int(np.count_nonzero(training)))
    return records, copies


def _wanted(card: Card, plan: Plan, work: Work) -> list[Entry]:
    wanted = [*plan.jets.values(), *plan.references.values()]
    if work.constituents and plan.sort:
        wanted += [plan.sort, *(plan.tracks[name] for name in card.inputs.tracks)]
        wanted += [plan.origin] if plan.origin else []
    return wanted


@contextmanager
def _opened(target: Target) -> Iterator[int]:
    with writing(target.name):
        file = os.open(target.path, os.O_WRONLY)
    try:
        yield file
    finally:
        os.close(file)


def _tables(
    filling: Filling, job: Job, jets: Columns, records: Array, order: Order
) -> dict[str, Array]:
    """Records of a batch for each dataset, in this order."""
    card, plan = described(filling.work.card)
    others = {
        "weight": filling.balanced.weights(records),
        "mc_weight": records["mc_weight"],
        "event": records["event"].view(filling.kinds["jets"]["event"]),
        "label": records["label"],
    }
    kind = filling.kinds["jets"]
    found = {"jets": jet_records(card, plan, jets, order, kind=kind, others=others)}
    if filling.work.constituents:
        kind, where = filling.kinds["tracks"], str(job.piece.path)
        found["tracks"] = track_records(card, plan, jets, order, kind=kind, where=where)
    return found


def _write(
    filling: Filling, tables: Mapping[str, Array], order: Order, files: list[int], rows: Array
) -> Array:
    """Write a batch; returns the number of jets for each split."""
    for name, table in tables.items():
        size = table[:1].nbytes
        for split, target in enumerate(filling.targets):
            start = target.jets if name == "jets" else target.tracks or 0
            with writing(target.name):
                part = order.part(table, split)
                put(files[split], part, start + int(rows[split]) * size)
    return order.sizes
