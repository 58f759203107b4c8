"""Values per constituent: one flat array, and how many of its values belong to each jet."""

from __future__ import annotations

from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ftag_prune.errors import ConfigError

__all__ = ["Array", "Ragged", "Rows", "common_rows"]

Array: TypeAlias = npt.NDArray[Any]


class Rows:
    """How many constituents each jet has, shared by all columns of the constituents.

    Parameters
    ----------
    counts : (jets,) integers, not negative
    """

    def __init__(self, counts: Array) -> None:
        self.counts = counts.astype(np.int64, copy=False)

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def starts(self) -> Array:
        """(jets + 1,): first constituent of each jet, and the number of all of them."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.counts)])

    @cached_property
    def jet(self) -> Array:
        """(constituents,): the jet that each belongs to."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @cached_property
    def place(self) -> Array:
        """(constituents,): 0, 1, 2, ... in each jet."""
        return np.arange(len(self.jet)) - self.starts[self.jet]

    def same_as(self, other: Rows) -> bool:
        """Whether two columns belong to the same constituents, as far as counts can tell."""
        return self is other or np.array_equal(self.counts, other.counts)


class Ragged:
    """A column of constituents.

    Parameters
    ----------
    content : (constituents,)
        Jet by jet.
    rows : Rows
    """

    def __init__(self, content: Array, rows: Rows) -> None:
        self.content, self.rows = content, rows

    @cached_property
    def order(self) -> Array:
        """(constituents,): their numbers, jet by jet, in each with the largest value first.

        Equal values keep their order, NaN comes last.
        """
        return _descending(self.content, self.rows)

    def place(self, k: int) -> tuple[Array, Array]:
        """Jets with a k-th largest value (k = 1, 2, ...) that is not NaN, and its number."""
        jets = np.flatnonzero(self.rows.counts >= k)
        number = self.order[self.rows.starts[jets] + (k - 1)]
        if self.content.dtype.kind == "f":
            known = ~np.isnan(self.content[number])
            if not known.all():
                return jets[known], number[known]
        return jets, number


def common_rows(columns: list[Ragged]) -> Rows:
    """Rows that all columns share; ConfigError if their constituents are not the same."""
    first = columns[0].rows
    for other in columns[1:]:
        if not first.same_as(other.rows):
            raise ConfigError("mixes constituents that differ in number")
    return first


def _descending(key: Array, rows: Rows) -> Array:
    """Order by jet, then by falling key: one sort of packed integers, ten times a lexsort's speed.

    A packed number holds, from its highest bit: the jet, the reversed key, the place in the jet.
    """
    most = int(rows.counts.max(initial=0))
    place_bits, jet_bits = max(1, most.bit_length()), len(rows).bit_length()
    narrow = key.dtype.itemsize < 4 or key.dtype in (np.int32, np.float32)
    if not narrow or place_bits + jet_bits + 32 > 64:
        return _descending_slowly(key, rows)
    packed = _falling(key).astype(np.uint64) << np.uint64(place_bits)
    packed |= rows.place.astype(np.uint64)
    packed |= rows.jet.astype(np.uint64) << np.uint64(32 + place_bits)
    packed.sort()
    place = (packed & np.uint64((1 << place_bits) - 1)).astype(np.int64)
    return rows.starts[rows.jet] + place


def _falling(key: Array) -> npt.NDArray[np.uint32]:
    """Unsigned integers whose order is the reverse of the key's; NaN is the largest of them."""
    if key.dtype.kind != "f":
        return (np.int64(2**31 - 1) - key.astype(np.int64)).astype(np.uint32)
    single = key.astype(np.float32) + np.float32(0)  # -0 and +0 are equal
    bits = single.view(np.int32)
    rising = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))
    rising[np.isnan(single)] = np.iinfo(np.int32).min
    # ~rising falls from -1 - min to -1 - max; the flipped sign bit makes that order unsigned.
    return (~rising).view(np.uint32) ^ np.uint32(0x80000000)


def _descending_slowly(key: Array, rows: Rows) -> Array:
    if key.dtype.kind == "f":
        rising = np.where(np.isnan(key), np.inf, -key)
        return np.lexsort((np.isnan(key), rising, rows.jet))
    # ~x falls as x rises, without the overflow of -x at the least integer.
    return np.lexsort((~key, rows.jet))
