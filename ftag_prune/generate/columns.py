"""Tables of equally long columns, and rows that stand together (the tracks of a jet, an event)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = [
    "Bools",
    "Columns",
    "Floats",
    "Ints",
    "join",
    "pairs",
    "place",
    "ranges",
    "starts",
    "take",
    "totals",
]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Columns: TypeAlias = dict[str, npt.NDArray[Any]]


# A NamedTuple whose fields are columns of equal length.
SomeTable = TypeVar("SomeTable", bound=tuple[Any, ...])


def take(table: SomeTable, rows: Ints | Bools) -> SomeTable:
    """Rows of a table, by their numbers or by a flag for each."""
    make: Callable[..., SomeTable] = type(table)
    return make(*(column[rows] for column in table))


def join(first: SomeTable, second: SomeTable) -> SomeTable:
    """Rows of one table followed by those of another."""
    make: Callable[..., SomeTable] = type(first)
    return make(*(np.concatenate(both) for both in zip(first, second, strict=True)))


def starts(counts: Ints) -> Ints:
    """First row of each group, and the number of all rows at the end; (groups + 1,)."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def ranges(first: Ints, counts: Ints) -> Ints:
    """Numbers ``first[k], ..., first[k] + counts[k] - 1`` of all groups, one after another."""
    return np.arange(counts.sum()) + np.repeat(first - starts(counts)[:-1], counts)


def place(groups: Ints) -> Ints:
    """Place 0, 1, ... of each row in its group; `groups` is sorted."""
    return np.arange(len(groups)) - np.searchsorted(groups, groups)


def pairs(left: Ints, right: Ints, *, events: int) -> tuple[Ints, Ints]:
    """All pairs of rows in the same event.

    Parameters
    ----------
    left : (n,)
        Event of each left row, in any order.
    right : (m,)
        Event of each right row, sorted.
    events : int
        Number of events.

    Returns
    -------
    tuple
        Left and right row of each pair, sorted by the left row.
    """
    counts = np.bincount(right, minlength=events)
    mine = counts[left]
    return np.repeat(np.arange(len(left)), mine), ranges(starts(counts)[left], mine)


def totals(groups: Ints, values: Floats, *, size: int) -> Floats:
    """Sum of the values (rows, k) in each group; (size, k)."""
    sums = [np.bincount(groups, weights=column, minlength=size) for column in values.T]
    return np.stack(sums, axis=1)
