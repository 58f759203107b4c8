"""HDF5 files with a dataset for each column: values of jets, and constituents with a counter."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.expression import Array, Ragged, Rows
from ftag_prune.read.chunk import Chunk, plain, require, whole_counts
from ftag_prune.schema import Branches, Card, Collection, Place, branches_of, plan_of

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
        self.size = self._size()

    def _size(self) -> int:
        plan = plan_of(self._card)
        for name in branches_of(plan, plan.everything()).jets:
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
        self._where, self._counter = where, one.counter
        self._numbers = None if one.counter is None else known[one.counter]
        shapes = {column.shape for column in self._columns.values()}
        if len(shapes) != 1:
            raise SampleError(f"{where}: branches '{one.prefix}*' differ in length")
        (shape,) = shapes
        self._padded = len(shape) == 2 and shape[0] == size
        self._starts = np.zeros(1, np.int64) if self._padded else self._in_a_row(size)
        if not self._padded and shape != (self._starts[-1],):
            as_counted = f" nor as many values as the counter '{one.counter}' says"
            raise SampleError(
                f"{where}: branches '{one.prefix}*' have the shape {shape}, not one row for each "
                f"of {size} jets{as_counted if one.counter else ''}"
            )
        bytes_each = sum(column.dtype.itemsize for column in self._columns.values())
        self.memory = bytes_each * float(np.prod(shape)) / size

    def _in_a_row(self, size: int) -> Array:
        """(jets + 1,): where the values of each jet begin, and their number."""
        counts = np.zeros(size, np.int64) if self._numbers is None else self._counts(slice(None))
        return Rows(counts).starts

    def _counts(self, part: slice) -> Array:
        if self._numbers is None:
            raise ValueError("the collection has no counter")
        return whole_counts(self._numbers[part], branch=str(self._counter), where=self._where)

    def read(self, part: slice) -> dict[str, Ragged]:
        """Those of some jets."""
        if self._padded:
            return self._of_slots(part)
        starts = self._starts[part.start : part.stop + 1]
        rows, inside = Rows(np.diff(starts)), slice(int(starts[0]), int(starts[-1]))
        return {name: self._ragged(one[inside], one, rows) for name, one in self._columns.items()}

    def _of_slots(self, part: slice) -> dict[str, Ragged]:
        number, slots = part.stop - part.start, next(iter(self._columns.values())).shape[1]
        counts = np.full(number, slots) if self._numbers is None else self._counts(part)
        # More than there is room for: the first ones were kept.
        rows = Rows(np.minimum(counts, slots))
        valid = np.arange(slots) < counts[:, None]
        return {
            name: self._ragged(one[part][valid], one, rows) for name, one in self._columns.items()
        }

    def _ragged(self, values: Array, column: Any, rows: Rows) -> Ragged:
        branch = column.name.rpartition("/")[2]
        return Ragged(plain(values, branch=branch, where=self._where), rows)


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
        self.memory = 8.0 * len(jets) + sum(one.memory for one in within.values())

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
