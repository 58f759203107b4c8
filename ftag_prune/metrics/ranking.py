"""Jets sorted once by their score, and the cuts that tell them apart.

A jet passes a cut if its score is at or above it. Only cuts that change the signal efficiency are
looked at, the tightest for each efficiency, so every efficiency given is one that a user of the
tagger can reach, also with tied or constant scores.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ftag_prune.errors import FtagPruneError

__all__ = [
    "Array",
    "Jets",
    "Ranking",
    "checked_efficiency",
    "jets_of",
    "nearest_cut",
    "rank",
    "share",
]

Array: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]


class Jets(NamedTuple):
    """Jets of one kind that count, their weights above zero."""

    scores: Array  # (seeds, n)
    weight: Array  # (n,)

    @property
    def effective(self) -> float:
        """Number of unweighted jets with the same power, (sum w)^2 / sum w^2."""
        return float(self.weight.sum() ** 2 / (self.weight**2).sum())


class Ranking(NamedTuple):
    """Jets sorted once, the most signal-like first, and how many are at or above each cut."""

    signal: Indices  # (n,)
    background: Indices  # (m,)
    threshold: Array  # (cuts,) distinct signal scores, falling
    signal_above: Indices  # (cuts,)
    background_above: Indices  # (cuts,)


def jets_of(scores: ArrayLike, weight: ArrayLike | None, kind: str) -> Jets:
    """Check scores (n,) or (seeds, n) and weights (n,) of the jets of one kind.

    Jets of weight zero are left out, for they move no cut; the largest weight becomes 1, so that
    its square neither overflows nor vanishes.
    """
    x = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    jets = x.shape[-1]
    if x.size == 0:
        raise FtagPruneError(f"no {kind} jets to measure a working point with")
    if x.ndim != 2:
        raise FtagPruneError(f"scores of {kind} jets have a dimension too many: shape {x.shape}")
    if missing := int(np.isnan(x).any(axis=0).sum()):
        raise FtagPruneError(f"{missing} of {jets} {kind} jets have a score that is not a number")
    w = np.ones(jets) if weight is None else np.asarray(weight, dtype=np.float64)
    if w.shape != (jets,):
        raise FtagPruneError(f"{jets} {kind} jets need as many weights, found shape {w.shape}")
    if not (np.isfinite(w) & (w >= 0)).all():
        raise FtagPruneError(f"weights of {kind} jets must be finite and not negative")
    if not w.any():
        raise FtagPruneError(f"weights of {kind} jets sum to zero")
    return Jets(x[:, w > 0], w[w > 0] / w.max())


def checked_efficiency(efficiency: Array) -> Array:
    """Refuse efficiencies that no cut has."""
    for one in efficiency.flat:
        if not 0 < one <= 1:
            raise FtagPruneError(f"signal efficiency {one:g} is not within (0, 1]")
    return efficiency


def rank(signal: Array, background: Array) -> Ranking:
    """Sort jets and find every cut that changes the signal efficiency."""
    by_signal, by_background = np.argsort(-signal), np.argsort(-background)
    falling = signal[by_signal]
    above = np.append(np.flatnonzero(falling[1:] != falling[:-1]) + 1, len(falling))
    threshold = falling[above - 1]
    passing = np.searchsorted(-background[by_background], -threshold, side="right")
    return Ranking(by_signal, by_background, threshold, above, passing)


def share(order: Indices, above: Indices, weight: Array) -> Array:
    """Share of the weight at or above each cut, rising from cut to cut."""
    cumulated = np.concatenate([[0.0], np.cumsum(weight[order])])
    return np.asarray(cumulated[above] / cumulated[-1])


def nearest_cut(reachable: Array, wanted: Array) -> Indices:
    """Index of the tightest cut whose efficiency is nearest to the wanted one, and above zero."""
    right = np.searchsorted(reachable, wanted).clip(max=len(reachable) - 1)
    above, below = reachable[right], reachable[np.maximum(right - 1, 0)]
    # Of two equally near cuts the looser one, whatever rounding says about "equally".
    closer = (wanted - below < (above - wanted) * (1 - 1e-9)) & (below > 0)
    return np.asarray(np.searchsorted(reachable, np.where(closer, below, above)))
