"""Which split a jet belongs to: by the number of its event, or by the jet itself where none is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ftag_prune.config import Split
from ftag_prune.expression import Array

__all__ = ["fingerprints", "mixed", "splits"]

# SplitMix64 (Steele, Lea and Flood, doi:10.1145/2714064.2660195) with the mixer 13 of Stafford.
_STEP = np.uint64(0x9E3779B97F4A7C15)
_ROUNDS = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
_LAST = np.uint64(31)


def mixed(number: Array) -> Array:
    """(n,), uint64: 64-bit numbers with their bits mixed, different ones staying different."""
    z = number.view(np.uint64) + _STEP  # wraps, as it should
    for shift, factor in _ROUNDS:
        z = (z ^ (z >> shift)) * factor
    return np.asarray(z ^ (z >> _LAST))


def fingerprints(columns: Sequence[Array]) -> Array:
    """(n,), uint64: a number for each jet from its values in float32, the same for equal jets."""
    found = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        single = column.astype(np.float32) + np.float32(0)  # -0 and +0 are equal
        single[np.isnan(single)] = np.nan  # in one of its many bit patterns
        found = mixed(found ^ single.view(np.uint32).astype(np.uint64))
    return found


_NUMBERS: Mapping[str, Callable[[Array], Array]] = {"modulo": lambda number: number, "hash": mixed}


def splits(event: Array, split: Split) -> Array:
    """(n,), int8: index of each jet's split; jets of one event stay together."""
    number, parts = _NUMBERS[split.by](event), np.array(split.parts, np.int8)
    return np.asarray(parts[(number % number.dtype.type(len(parts))).astype(np.int64)])
