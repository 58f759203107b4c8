"""What jets come with, checked at the door: classes, flags, probabilities, a variable in bins."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics.ranking import Array

__all__ = [
    "Bins",
    "Classes",
    "Flags",
    "binned",
    "checked_classes",
    "checked_flags",
    "checked_probabilities",
    "checked_values",
]

Classes: TypeAlias = NDArray[np.integer]
Flags: TypeAlias = NDArray[np.bool_]


class Bins(NamedTuple):
    """Edges, and the bin of each jet; -1 for a jet beyond them."""

    edges: Array  # (bins + 1,)
    place: NDArray[np.intp]  # (n,)

    @property
    def number(self) -> int:
        """How many bins."""
        return len(self.edges) - 1


def checked_values(values: ArrayLike, what: str) -> Array:
    """One number for each jet (n,), of whatever size."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1:
        raise FtagPruneError(f"every jet needs one {what}, found shape {x.shape}")
    return x


def checked_classes(label: ArrayLike, jets: int) -> Classes:
    """Classes of the jets, whole numbers (jets,)."""
    y = np.ascontiguousarray(label)  # a column of records is slow to compare, again and again
    if y.shape != (jets,):
        raise FtagPruneError(f"{jets} jets need as many labels, found shape {y.shape}")
    if jets and not np.issubdtype(y.dtype, np.integer):
        raise FtagPruneError(f"labels of jets are whole numbers, found {y.dtype}")
    return y.astype(np.intp) if y.dtype.kind == "u" or not jets else y


def checked_flags(flags: ArrayLike, what: str) -> Flags:
    """Yes or no for each jet (n,): booleans, or numbers that are 0 or 1."""
    x = np.asarray(flags)
    if x.ndim != 1:
        raise FtagPruneError(f"every jet needs one flag '{what}', found shape {x.shape}")
    if x.dtype != np.bool_ and not np.isin(x, (0, 1)).all():
        raise FtagPruneError(f"the flag '{what}' is yes or no, found values other than 0 and 1")
    return x.astype(np.bool_)


def checked_probabilities(probabilities: ArrayLike) -> Array:
    """Probabilities of any shape, jets first; what rounding leaves beyond 0 and 1 is cut."""
    p = np.asarray(probabilities, dtype=np.float64)
    if missing := int(np.isnan(p).any(axis=tuple(range(1, p.ndim))).sum()):
        raise FtagPruneError(f"{missing} of {len(p)} jets have a probability that is not a number")
    if p.size and not (p.min() >= -1e-6 and p.max() <= 1 + 1e-6):
        raise FtagPruneError(f"probabilities lie within [0, 1], found {p.min():g} to {p.max():g}")
    return np.clip(p, 0, 1)


def binned(variable: ArrayLike, edges: ArrayLike, jets: int, what: str) -> Bins:
    """Find the bin of each jet; the last bin holds its upper edge.

    Raises
    ------
    FtagPruneError
        Other than one finite value a jet, or edges that do not rise.
    """
    x, e = np.asarray(variable, dtype=np.float64), np.asarray(edges, dtype=np.float64)
    if x.shape != (jets,):
        raise FtagPruneError(f"{jets} jets need as many values of {what}, found shape {x.shape}")
    if missing := int((~np.isfinite(x)).sum()):
        raise FtagPruneError(f"{missing} of {jets} jets have a {what} that is not finite")
    if e.ndim != 1 or len(e) < 2 or not (np.isfinite(e).all() and (np.diff(e) > 0).all()):
        raise FtagPruneError(
            f"bins of {what} need two edges or more, finite and rising, found {e.tolist()}"
        )
    place = np.searchsorted(e, x, side="right") - 1
    place[x == e[-1]] -= 1
    place[x > e[-1]] = -1
    return Bins(e, place)
