"""The columns of one batch in the card's names, each computed when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ftag_prune.errors import ConfigError, SampleError
from ftag_prune.expression import Array, Ragged, Rows, Value, filled, without
from ftag_prune.read.chunk import Chunk
from ftag_prune.schema import JETS, SAMPLE, Column, Entry, Plan

__all__ = ["Columns"]


class _KeyedError(ConfigError):
    """Says already which expression cannot be computed; others only use its column."""


class Columns:
    """Values of a card's expressions for the jets of one chunk.

    Parameters
    ----------
    plan : sources of the names in all expressions
    chunk : the branches
    where : file, for messages
    sample : named part of the sample that the jets belong to
    """

    def __init__(self, plan: Plan, chunk: Chunk, *, where: str, sample: str | None = None) -> None:
        self._plan, self._chunk, self._where, self._sample = plan, chunk, where, sample
        self._known: dict[str, Value] = {}

    def __len__(self) -> int:
        return self._chunk.size

    def per_jet(self, entry: Entry) -> Array:
        """(jets,): values of an expression; ConfigError if it gives a value per track."""
        value = self._value(entry)
        if isinstance(value, Ragged):
            raise ConfigError(
                f"{self._where}: {entry.key}: '{entry.expression}' gives a value per track where "
                f"one per jet is wanted, such as sum(...) or largest(..., 1); a card for entries "
                f"that are events says rows: events"
            )
        return value if isinstance(value, np.ndarray) else np.full(len(self), value)

    def per_track(self, entry: Entry) -> Ragged:
        """Values of an expression for all constituents of its kind; jets' values are repeated."""
        value = self._value(entry)
        if isinstance(value, Ragged):
            return value
        rows = self._rows(entry.space)
        flat = value[rows.jet] if isinstance(value, np.ndarray) else np.full(len(rows.jet), value)
        return Ragged(flat, rows)

    def _rows(self, space: str) -> Rows:
        """Numbers of constituents."""
        for column in self._chunk.within.get(space, {}).values():
            return column.rows
        raise ConfigError("constituents.variables: use no branch of the constituents")

    def pick(self, keep: Array) -> Columns:
        """Columns of the jets with a true `keep`, a flag (jets,)."""
        if keep.all():
            return self
        rows: dict[int, tuple[Rows, Array]] = {}

        def picked(column: Array | Ragged) -> Any:
            if not isinstance(column, Ragged):
                return column[keep]
            if id(column.rows) not in rows:
                number = np.flatnonzero(keep[column.rows.jet])
                rows[id(column.rows)] = Rows(column.rows.counts[keep]), number
            fewer, number = rows[id(column.rows)]
            return Ragged(column.content[number], fewer)

        chunk = Chunk(
            int(np.count_nonzero(keep)),
            {name: picked(column) for name, column in self._chunk.jets.items()},
            {
                space: {name: picked(column) for name, column in table.items()}
                for space, table in self._chunk.within.items()
            },
        )
        return Columns(self._plan, chunk, where=self._where, sample=self._sample)

    def _value(self, entry: Entry) -> Value:
        if entry.key not in self._known:
            try:
                value = entry.expression.value(lambda name: self._column(entry.sources[name]))
            except _KeyedError:
                raise
            except ConfigError as wrong:
                raise _KeyedError(f"{self._where}: {entry.key}: {wrong}") from None
            self._known[entry.key] = (
                value if entry.default is None else filled(value, entry.default)
            )
        return self._known[entry.key]

    def _column(self, column: Column) -> Value:
        if column.made:
            return self._value(self._plan.made(column))
        if column.space == SAMPLE:
            return np.full(len(self), column.name == self._sample)
        value = self._branch(column)
        for condition in self._plan.missing.get(column, ()):
            value = without(value, condition.expression.value(self._raw(condition)))
        return value

    def _raw(self, condition: Entry) -> Callable[[str], Value]:
        return lambda name: self._branch(condition.sources[name])

    def _branch(self, column: Column) -> Value:
        chunk = self._chunk
        table = chunk.jets if column.space == JETS else chunk.within.get(column.space, {})
        found = table.get(column.name)
        if found is None:
            raise SampleError(f"{self._where}: branch '{column.name}' was not read")
        return found
