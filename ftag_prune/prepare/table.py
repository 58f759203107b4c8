"""Records of jets and tracks, in the order in which they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.expression import Array
from ftag_prune.prepare.count import SPLITS
from ftag_prune.read import Columns
from ftag_prune.schema import ORIGINS, Card, Plan, as_numbers, jets_dtype, tracks_dtype

__all__ = ["Order", "float_columns", "jet_records", "kinds", "track_records"]

_TRACKS = 10_000  # that are put in order at once; they fit into the caches


class Order(NamedTuple):
    """Jets of a batch by split.

    Attributes
    ----------
    jets : (jets,), their numbers, those of the first split first
    ends : where each split ends in it
    copies : (training jets,), how often each is written
    """

    jets: Array
    ends: tuple[int, ...]
    copies: Array

    @classmethod
    def by(cls, split: Array, copies: Array) -> Order:
        """Order of jets with these splits; `copies` counts for the training jets."""
        jets = np.argsort(split, kind="stable")
        ends = np.cumsum(np.bincount(split, minlength=len(SPLITS))).tolist()
        return cls(jets, tuple(ends), copies[jets[: ends[0]]])

    @property
    def sizes(self) -> Array:
        """(splits,), records in each split."""
        sizes = np.diff(self.ends, prepend=0)
        sizes[0] = self.copies.sum()
        return sizes

    def part(self, table: Array, split: int) -> Array:
        """Records of a split as bytes, (records, bytes); `table` is in this order."""
        # As bytes: NumPy would leave gaps between fields to chance, and files would differ.
        raw = table.view(np.uint8).reshape(len(table), -1)
        if split == 0:
            mine = raw[: self.ends[0]]
            return mine if (self.copies == 1).all() else np.repeat(mine, self.copies, axis=0)
        return raw[self.ends[split - 1] : self.ends[split]]


def float_columns(card: Card, plan: Plan) -> tuple[list[str], list[str]]:
    """Inputs of the network, and what else is kept of a jet."""
    kept = [name for name in card.jets if name not in card.inputs.jets]
    return list(card.inputs.jets), [*kept, *plan.references]


def kinds(card: Card, plan: Plan, *, event: np.dtype[Any], tracks: bool) -> dict[str, Any]:
    """Record of each dataset."""
    found = {"jets": jets_dtype(*float_columns(card, plan), event=event)}
    if not tracks:
        return found
    return {**found, "tracks": tracks_dtype(card.inputs.tracks, origin=plan.origin is not None)}


def jet_records(
    card: Card,
    plan: Plan,
    columns: Columns,
    order: Order,
    *,
    kind: np.dtype[Any],
    others: Mapping[str, Array],
) -> Array:
    """(jets,), in this order: inputs, kept columns and the `others`, (jets,) in the batch's."""
    entries = {**plan.jets, **plan.references}
    records = np.zeros(len(columns), kind)
    floats = as_numbers(records)
    for index, name in enumerate(name for names in float_columns(card, plan) for name in names):
        floats[:, index] = columns.per_jet(entries[name])[order.jets]
    for name, values in others.items():
        records[name] = values[order.jets]
    return records


def track_records(
    card: Card, plan: Plan, columns: Columns, order: Order, *, kind: np.dtype[Any], where: str
) -> Array:
    """(jets, maximum): inputs of the leading tracks in the order of the sort key, 0 beyond.

    The origin of what is no track is -1.

    Parameters
    ----------
    where : file, for messages
    """
    if card.constituents is None or plan.sort is None:
        raise ValueError(f"card '{card.name}' has no constituents")
    maximum, names = card.constituents.maximum, card.inputs.tracks
    key = columns.per_track(plan.sort)
    rows, leading = key.rows, key.order
    slot = rows.place
    fits = slot < maximum
    first = np.empty(len(columns), np.int64)
    first[order.jets] = np.arange(len(columns)) * maximum
    leading, place = leading[fits], (first[rows.jet] + slot)[fits]
    contents = [columns.per_track(plan.tracks[name]).content for name in names]
    records, others = np.zeros(len(columns) * maximum, kind), {}
    if plan.origin is not None:
        records["origin"] = -1
        others["origin"] = _origins(columns.per_track(plan.origin).content, where=where)
    numbers = as_numbers(records)
    for begin in range(0, len(leading), _TRACKS):
        some, there = leading[begin : begin + _TRACKS], place[begin : begin + _TRACKS]
        block: Array = np.zeros(len(some), kind)
        block["valid"] = True
        for index, content in enumerate(contents):
            as_numbers(block)[:, index] = content[some]
        for name, content in others.items():
            block[name] = content[some]
        numbers[there] = as_numbers(block)
    return records.reshape(len(columns), maximum)


def _origins(values: Array, *, where: str) -> Array:
    """(tracks,) int8: 0 to 7, and -1 where none is known.

    Raises
    ------
    SampleError
        If one is something else.
    """
    known = values >= 0  # false where it is missing
    wrong = known & ~np.isin(values, np.arange(ORIGINS))
    if wrong.any():
        raise SampleError(
            f"{where}: constituents.origin: is {values[wrong][0]:g} for a track; wanted a whole "
            f"number from 0 to {ORIGINS - 1}, or a negative one where it is not known"
        )
    return np.where(known, values, -1).astype(np.int8)
