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
    "Indices",
    "Jets",
    "Ordered",
    "Ranking",
    "checked_efficiency",
    "effective",
    "in_order",
    "jets_of",
    "nearest_cut",
    "nearest_threshold",
    "passing",
    "rank",
    "share",
    "share_above",
    "share_beyond",
    "weights_of",
]

Array: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]


class Jets(NamedTuple):
    """Jets of one kind that count, their weights above zero."""

    scores: Array  # (seeds, n)
    weight: Array  # (n,)
    alike: bool  # all weights are 1

    @property
    def effective(self) -> float:
        """Number of unweighted jets with the same power."""
        return float(len(self.weight)) if self.alike else effective(self.weight)


class Ordered(NamedTuple):
    """Jets of one tagger sorted once, the least signal-like first."""

    scores: Array  # (n,) rising
    best: Array | None  # (n + 1,) share of the weight in the k best jets; None for equal weights


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
    if x.size == 0:
        raise FtagPruneError(f"no {kind} jets to measure with")
    if x.ndim != 2:
        raise FtagPruneError(f"scores of {kind} jets have a dimension too many: shape {x.shape}")
    jets = x.shape[-1]
    missing = np.isnan(x)
    if missing.any():
        raise FtagPruneError(
            f"{missing.any(axis=0).sum()} of {jets} {kind} jets have a score that is not a number"
        )
    w = weights_of(weight, jets, f"{kind} jets")
    if weight is None:
        return Jets(x, w, alike=True)
    some = w > 0
    return Jets(x[:, some], w[some], alike=False)


def weights_of(weight: ArrayLike | None, jets: int, kind: str) -> Array:
    """Checked weights (jets,), the largest of them 1; all 1 if there are none."""
    if weight is None:
        return np.ones(jets)
    w = np.asarray(weight, dtype=np.float64)
    if w.shape != (jets,):
        raise FtagPruneError(f"{jets} {kind} need as many weights, found shape {w.shape}")
    if not (np.isfinite(w) & (w >= 0)).all():
        raise FtagPruneError(f"weights of {kind} must be finite and not negative")
    if not w.any():
        raise FtagPruneError(f"weights of {kind} sum to zero")
    return np.asarray(w / w.max())


def effective(weight: Array) -> float:
    """Number of unweighted jets with the same power, (sum w)^2 / sum w^2; 0 without any."""
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squares if squares else 0.0


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


def in_order(jets: Jets, *, tagger: int = 0) -> Ordered:
    """Sort the jets of one tagger: values alone where they weigh the same."""
    scores = jets.scores[tagger]
    if jets.alike:
        return Ordered(np.sort(scores), None)
    order = np.argsort(scores)
    best = np.concatenate([[0.0], np.cumsum(jets.weight[order[::-1]])])
    return Ordered(scores[order], best / best[-1])


def passing(jets: Ordered, threshold: Array) -> Indices:
    """How many jets are at or above each threshold."""
    return np.asarray(len(jets.scores) - np.searchsorted(jets.scores, threshold))


def share_above(jets: Ordered, threshold: Array) -> Array:
    """Share of the weight at or above each threshold."""
    return _share_of_best(jets, passing(jets, threshold))


def share_beyond(jets: Ordered, threshold: Array) -> Array:
    """Share of the weight above each threshold."""
    beyond = len(jets.scores) - np.searchsorted(jets.scores, threshold, side="right")
    return _share_of_best(jets, np.asarray(beyond))


def nearest_threshold(jets: Ordered, wanted: Array) -> Array:
    """Tightest cut whose share of the jets is nearest to the wanted one, and above zero."""
    shares = np.arange(len(jets.scores) + 1) / len(jets.scores) if jets.best is None else jets.best
    reaching = _score_of(jets, np.searchsorted(shares, wanted))
    above, below = share_above(jets, reaching), share_beyond(jets, reaching)
    # Of two equally near cuts the looser one, whatever rounding says about "equally".
    closer = (wanted - below < (above - wanted) * (1 - 1e-9)) & (below > 0)
    return _score_of(jets, np.searchsorted(shares, np.where(closer, below, above)))


def _share_of_best(jets: Ordered, number: Indices) -> Array:
    return np.asarray(number / len(jets.scores) if jets.best is None else jets.best[number])


def _score_of(jets: Ordered, place: Indices) -> Array:
    """Score of the jet at a place from 1, the best, to n."""
    return np.asarray(jets.scores[len(jets.scores) - np.clip(place, 1, len(jets.scores))])
