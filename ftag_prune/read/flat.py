"""HDF5 files with a dataset for each column: values of jets, and constituents with a counter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import h5py
import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.expression import Array, Ragged, Rows
from ftag_prune.read.chunk import Chunk, plain, require
from ftag_prune.schema import Branches, Card, Collection, Place

__all__ = ["Flat"]


class Flat:
    """A group whose datasets are columns, as long as the first one in one dimension.

    Constituents are padded (jets, slots), or stand in one row, jet by jet; the card's counter says
    how many belong to each jet. Without a counter all slots are taken.
    """

    def __init__(self, path: Place, group: Any, card: Card) -> None:
        self._group, self._card = group, card
        self._where = f"{path}, group '{card.dataset}'"
        self._known = {name: one for name, one in group.items() if isinstance(one, h5py.Dataset)}
        self.size = self._size(_names(card))

    def _size(self, names: Iterable[str]) -> int:
        for name in names:
            if name in self._known and self._known[name].ndim == 1:
                return len(self._known[name])
        raise SampleError(f"{self._where}: no branch of jets that the card names")

    def reader(self, branches: Branches) -> _FlatReader:
        """Reads some columns; SampleError for one that is not there or not as long."""
        counters = [self._card.within[name].counter for name in branches.within]
        jets = [*branches.jets, *(name for name in counters if name)]
        require(jets, self._known, where=self._where)
        for name in jets:
            found = self._known[name]
            if found.shape != (self.size,):
                raise SampleError(
                    f"{self._where}: branch '{name}' has the shape {found.shape}, "
                    f"not ({self.size},) as other jets"
                )
        within = {
            name: _Slots(self._known, self._card.within[name], wanted, self.size, self._where)
            for name, wanted in branches.within.items()
        }
        return _FlatReader(self._known, branches.jets, within, self._where)


def _names(card: Card) -> list[str]:
    """Names in the expressions of jets; those of branches are among them."""
    expressions = [*card.jets.values(), *card.labels.values()]
    return list(dict.fromkeys(name for one in expressions for name in one.names))


class _Slots:
    """Constituents of one collection."""

    def __init__(
        self,
        known: dict[str, Any],
        one: Collection,
        wanted: tuple[str, ...],
        size: int,
        where: str,
    ) -> None:
        branches = {name: one.branch(name) for name in wanted}
        require(branches.values(), known, where=where)
        self._columns = {name: known[branch] for name, branch in branches.items()}
        self._where, self._one = where, one
        counter = None if one.counter is None else known[one.counter]
        shapes = {column.shape for column in self._columns.values()}
        if len(shapes) != 1:
            raise SampleError(f"{where}: branches '{one.prefix}*' differ in length")
        (self.shape,) = shapes
        self._counts = None if counter is None else _whole(counter[:], one, where)
        self._padded = len(self.shape) == 2 and self.shape[0] == size
        total = None if self._counts is None else int(self._counts.sum())
        if not self._padded and self.shape != (total,):
            raise SampleError(
                f"{where}: branches '{one.prefix}*' have the shape {self.shape}, neither one row "
                f"for each of {size} jets nor as many values as the counter '{one.counter}' says"
            )
        self._starts = np.zeros(1, np.int64) if self._counts is None else _starts(self._counts)

    def read(self, part: slice) -> dict[str, Ragged]:
        """Those of some jets."""
        if self._padded:
            return self._of_slots(part)
        rows = Rows(self._starts[part.start + 1 : part.stop + 1] - self._starts[part])
        inside = slice(int(self._starts[part.start]), int(self._starts[part.stop]))
        return {
            name: Ragged(plain(column[inside], branch=name, where=self._where), rows)
            for name, column in self._columns.items()
        }

    def _of_slots(self, part: slice) -> dict[str, Ragged]:
        number, slots = part.stop - part.start, self.shape[1]
        counts = np.full(number, slots) if self._counts is None else self._counts[part]
        # More than there is room for: the first ones were kept.
        rows = Rows(np.minimum(counts, slots))
        valid = np.arange(slots) < counts[:, None]
        return {
            name: Ragged(plain(column[part][valid], branch=name, where=self._where), rows)
            for name, column in self._columns.items()
        }


class _FlatReader:
    """Reads columns."""

    def __init__(
        self,
        known: dict[str, Any],
        jets: tuple[str, ...],
        within: dict[str, _Slots],
        where: str,
    ) -> None:
        self._jets, self._within, self._where = {n: known[n] for n in jets}, within, where
        self.memory = 8.0 * (len(jets) + sum(40 * len(one.shape) for one in within.values()))

    def chunk(self, part: slice) -> Chunk:
        """Jets of a part of the file."""
        return Chunk(
            part.stop - part.start,
            {
                name: plain(column[part], branch=name, where=self._where)
                for name, column in self._jets.items()
            },
            {name: one.read(part) for name, one in self._within.items()},
        )


def _whole(counts: Array, one: Collection, where: str) -> Array:
    """Counts as integers; some writers keep them as fractions."""
    good = counts.dtype.kind in "iuf" and counts.ndim == 1 and bool(np.all(counts >= 0))
    whole = counts.astype(np.int64) if good else counts
    if not good or not np.array_equal(whole, counts):
        raise SampleError(f"{where}: branch '{one.counter}' is no whole number per jet")
    return whole


def _starts(counts: Array) -> Array:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
