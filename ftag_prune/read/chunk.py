"""A piece of a file as it was read, and what all formats have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ftag_prune.errors import ConfigError, SampleError, nearest
from ftag_prune.expression import Array, Ragged, Rows

__all__ = ["Chunk", "entries_per_step", "plain", "require", "shared_rows", "whole_counts"]

_MOST = 200_000_000  # bytes of a batch: events with all their particles are many times a jet
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}


class Chunk(NamedTuple):
    """Branches of consecutive jets; within each collection without prefix, with the same rows."""

    size: int
    jets: Mapping[str, Array | Ragged]
    within: Mapping[str, Mapping[str, Ragged]]


def require(wanted: Iterable[str], known: Iterable[str], *, where: str) -> None:
    """SampleError for the first branch that is not there; `where` is file and tree or dataset."""
    there = set(known)
    for name in wanted:
        if name not in there:
            raise SampleError(f"{where}: no branch '{name}'{nearest(name, there)}")


def shared_rows(columns: Mapping[str, Ragged], *, where: str) -> Rows:
    """Rows of the first branch; SampleError for a branch with other numbers of values."""
    (first, column), *others = columns.items()
    for name, other in others:
        if not column.rows.same_as(other.rows):
            raise SampleError(f"{where}: branches '{first}' and '{name}' differ in length")
    return column.rows


def plain(array: Array, *, branch: str, where: str) -> Array:
    """Contiguous numbers in native byte order; half precision becomes single.

    Contiguous, because NumPy's results may depend in the last digit on the stride.
    """
    if array.dtype.kind not in "biuf":
        raise SampleError(f"{where}: branch '{branch}' holds {array.dtype}, not numbers")
    if array.ndim != 1:
        raise SampleError(f"{where}: branch '{branch}' holds {array.shape[1:]} numbers, not one")
    native = array.dtype.newbyteorder("=")
    kind = np.dtype(np.float32) if native == np.float16 else native
    return np.ascontiguousarray(array, dtype=kind)


def whole_counts(counter: Any, *, branch: str, where: str) -> Array:
    """(jets,): a counter as integers; some writers keep it as fractions.

    SampleError if it is something else than a whole number for each jet, 0 or more.
    """
    good = isinstance(counter, np.ndarray) and counter.dtype.kind in "iuf" and counter.ndim == 1
    # The bound refuses NaN, and what an integer cannot hold.
    good = good and bool(np.all((counter >= 0) & (counter < 2**31)))
    if not good or not np.array_equal(np.floor(counter), counter):
        raise SampleError(f"{where}: branch '{branch}' is no whole number per jet")
    return np.asarray(counter.astype(np.int64))


def entries_per_step(step: int | str, bytes_per_entry: float) -> int:
    """Entries that are read at once, from their number or from a memory like ``"100 MB"``.

    A number is an upper limit: where entries are large, fewer of them fill the memory.
    """
    if isinstance(step, int) and not isinstance(step, bool) and step >= 1:
        return min(step, max(1, int(_MOST / max(bytes_per_entry, 1.0))))
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kMG]?)B\s*", str(step))
    if found is None:
        raise ConfigError(f"step '{step}' is neither a number of jets nor a memory like '100 MB'")
    memory = float(found.group(1)) * _UNITS[found.group(2)]
    return max(1, int(memory / max(bytes_per_entry, 1.0)))
