"""Two taggers on the same jets, and one tagger over several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics.ranking import (
    Array,
    Jets,
    Ranking,
    checked_efficiency,
    jets_of,
    nearest_cut,
    rank,
    share,
)
from ftag_prune.metrics.replicas import draw, rejections, resample

__all__ = ["Combined", "PairedRatio", "combine", "paired_ratio", "ratio_spread"]

_INTERVAL = (0.16, 0.84)
_Taggers: TypeAlias = Sequence[Sequence[Ranking]]  # the seeds of a and of b

_TOGETHER = 100  # replicas that are in memory at once, a byte for each jet


class PairedRatio(NamedTuple):
    """Rejection of tagger a over that of tagger b on the same jets, in the shape of `efficiency`.

    `low` and `high` bound the central 68 % of the bootstrap replicas and `error` is their standard
    deviation. A replica in which nothing passes b (a) has the ratio 0 (inf), and widens the
    interval on both sides if nothing passes either; `error` is inf if any replica is not finite.
    """

    ratio: Array
    low: Array
    high: Array
    error: Array


class Combined(NamedTuple):
    """Mean over trainings that differ by their seed, and its two errors.

    `statistical` is the mean of the errors: all seeds score the same test jets, whose fluctuation
    does not average out. `spread` is the standard error of the mean, std / sqrt(seeds), and nan
    for a single seed, which cannot know it.
    """

    mean: float
    statistical: float
    spread: float
    seeds: int

    @property
    def total(self) -> float:
        """Both errors in quadrature; the statistical one alone for a single seed."""
        return float(np.hypot(self.statistical, np.nan_to_num(self.spread, nan=0.0, posinf=np.inf)))


def paired_ratio(
    signal_a: ArrayLike,
    background_a: ArrayLike,
    signal_b: ArrayLike,
    background_b: ArrayLike,
    *,
    efficiency: ArrayLike,
    replicas: int,
    rng: np.random.Generator,
    signal_weight: ArrayLike | None = None,
    background_weight: ArrayLike | None = None,
) -> PairedRatio:
    """Ratio of two taggers' rejections on the same jets, with its error from a paired bootstrap.

    Each replica draws as many jets as there are, with replacement, and shows the same jets to both
    taggers: what they share cancels. Scores are sorted once, replicas only change jets' weights.
    Jets without weights are counted in many replicas at once, with the same result.

    Parameters
    ----------
    signal_a, signal_b : (n,) or (seeds, n)
        Discriminants of the same signal jets. The rejections of several seeds are averaged before
        the ratio is taken; a and b may have different numbers of seeds.
    background_a, background_b : (m,) or (seeds, m)
        Discriminants of the same background jets.
    efficiency : float or (k,), in (0, 1]
        Wanted signal efficiency, as in `rejection`.
    replicas : int
        Bootstrap replicas; 500 give the error to 3 %.
    """
    wanted = checked_efficiency(np.asarray(efficiency, dtype=np.float64))
    if replicas < 2:
        raise FtagPruneError(f"a bootstrap needs at least 2 replicas, found {replicas}")
    signals = _paired(signal_a, signal_b, signal_weight, "signal")
    backgrounds = _paired(background_a, background_b, background_weight, "background")
    taggers = [_rank_seeds(*jets) for jets in zip(signals, backgrounds, strict=True)]
    weights = (signals[0].weight, backgrounds[0].weight)
    alike = signals[0].alike and backgrounds[0].alike
    drawn = (_ratios_alike if alike else _ratios_weighted)(taggers, wanted, weights, replicas, rng)
    low, high = (
        np.sort(np.where(np.isnan(drawn), unknown, drawn), axis=0)[round(side * (replicas - 1))]
        for side, unknown in zip(_INTERVAL, (0.0, np.inf), strict=True)
    )
    return PairedRatio(_ratio(taggers, wanted, weights), low, high, _deviation(drawn))


def combine(values: Sequence[float] | Array, errors: Sequence[float] | Array) -> Combined:
    """Mean of one number over seeds, its statistical error and its spread kept apart.

    An infinite value (nothing passed in one training) makes mean and spread infinite.
    """
    x, sigma = np.asarray(values, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if x.ndim != 1 or x.shape != sigma.shape or len(x) == 0:
        raise FtagPruneError(
            f"values of seeds need one error each, found shapes {x.shape} and {sigma.shape}"
        )
    spread = float(_deviation(x)) / len(x) ** 0.5 if len(x) > 1 else np.nan
    return Combined(float(x.mean()), float(sigma.mean()), spread, len(x))


def ratio_spread(values: Sequence[float] | Array, others: Sequence[float] | Array) -> float:
    """Standard error of the ratio of two means over trainings, of what differs between these.

    Pair by pair if there are as many of both, for those of one seed have their batches in common;
    else from the relative errors of the two means. The number of jets is not in it.

    Parameters
    ----------
    values, others : (n,), (m,)
        Rejections, say, of the trainings of two taggers, each in the order of its seeds.

    Returns
    -------
    float
        nan if one is a single training, which cannot know it; inf if a value is infinite.
    """
    x, y = np.asarray(values, dtype=np.float64), np.asarray(others, dtype=np.float64)
    if min(len(x), len(y)) < 2:
        return float(np.nan)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float(np.inf)
    if len(x) == len(y):
        return float(np.std(x / y, ddof=1) / np.sqrt(len(x)))
    parts = [np.std(one, ddof=1) / one.mean() / np.sqrt(len(one)) for one in (x, y)]
    return float(x.mean() / y.mean() * np.hypot(*parts))


def _paired(a: ArrayLike, b: ArrayLike, weight: ArrayLike | None, kind: str) -> tuple[Jets, Jets]:
    """Scores of two taggers on the same jets."""
    if np.shape(a)[-1:] != np.shape(b)[-1:]:
        raise FtagPruneError(
            f"a paired ratio needs the same {kind} jets for both taggers, "
            f"found shapes {np.shape(a)} and {np.shape(b)}"
        )
    return jets_of(a, weight, kind), jets_of(b, weight, kind)


def _rank_seeds(signal: Jets, background: Jets) -> list[Ranking]:
    """One ranking for each seed of a tagger."""
    seeds = len(signal.scores), len(background.scores)
    if seeds[0] != seeds[1]:
        raise FtagPruneError(
            f"signal and background of one tagger need the same seeds, found {seeds[0]}, {seeds[1]}"
        )
    return [rank(*scores) for scores in zip(signal.scores, background.scores, strict=True)]


def _ratios_alike(
    taggers: _Taggers,
    wanted: Array,
    weights: tuple[Array, Array],
    replicas: int,
    rng: np.random.Generator,
) -> Array:
    """Ratios (replicas, *wanted.shape) of jets that weigh the same, many replicas at once."""
    found = []
    for first in range(0, replicas, _TOGETHER):
        jets = draw([len(w) for w in weights], min(_TOGETHER, replicas - first), rng)
        each = [[rejections(one, wanted.ravel(), *jets) for one in tagger] for tagger in taggers]
        found.append(_quotient(*(np.mean(values, axis=0) for values in each)))
    # Contiguous like the other way's, so that sums over replicas round alike.
    return np.ascontiguousarray(np.concatenate(found, axis=1).T).reshape(-1, *wanted.shape)


def _ratios_weighted(
    taggers: _Taggers,
    wanted: Array,
    weights: tuple[Array, Array],
    replicas: int,
    rng: np.random.Generator,
) -> Array:
    """Ratios (replicas, *wanted.shape), one replica after the other; the same for equal weights."""
    signal, background = weights
    return np.array(
        [
            _ratio(
                taggers,
                wanted,
                (signal * resample(len(signal), rng), background * resample(len(background), rng)),
            )
            for _ in range(replicas)
        ]
    )


def _ratio(taggers: _Taggers, wanted: Array, weights: tuple[Array, Array]) -> Array:
    return _quotient(*(_mean_rejection(one, wanted, *weights) for one in taggers))


def _quotient(a: Array, b: Array) -> Array:
    """Not a number where nothing passes either."""
    with np.errstate(invalid="ignore"):
        return np.asarray(a / b)


def _mean_rejection(
    rankings: Sequence[Ranking], wanted: Array, signal_weight: Array, background_weight: Array
) -> Array:
    """Rejection averaged over seeds, in the shape of `wanted`."""
    values = []
    for one in rankings:
        cut = nearest_cut(share(one.signal, one.signal_above, signal_weight), wanted)
        mistag = share(one.background, one.background_above[cut], background_weight)
        values.append(np.divide(1, mistag, out=np.full_like(mistag, np.inf), where=mistag > 0))
    return np.asarray(np.mean(values, axis=0))


def _deviation(values: Array) -> Array:
    """Sample standard deviation along the first axis; inf where a value is not finite."""
    finite = np.isfinite(values).all(axis=0)
    return np.where(finite, np.std(np.where(finite, values, 0.0), axis=0, ddof=1), np.inf)
