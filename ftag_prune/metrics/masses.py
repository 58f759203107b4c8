"""Mass sculpting: how far a cut on the tagger bends the mass spectrum of a background."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics.columns import Flags, binned, checked_flags
from ftag_prune.metrics.ranking import Array, Indices, weights_of

__all__ = ["Sculpting", "sculpting"]


class Sculpting(NamedTuple):
    """Mass spectra before and after a cut, and how far they are apart.

    Attributes
    ----------
    edges : (bins + 1,)
    before, before_error, after, after_error : (bins,)
        Share of the jets within the edges that is in each bin (sum one), and its error.
    divergence, error : float
        Jensen-Shannon divergence of the two in bits, 0 (the same shape) to 1 (no common bin), and
        its error. Few jets alone make it differ from zero: see `unsculpted`.
    unsculpted : float
        Mean divergence if as many jets passed, chosen by chance.
    """

    edges: Array
    before: Array
    before_error: Array
    after: Array
    after_error: Array
    divergence: float
    error: float
    unsculpted: float


class _Jets(NamedTuple):
    """Jets within the edges, and how often to draw them."""

    bin: Indices  # (n,)
    passed: Flags  # (n,)
    weight: Array | None  # (n,)
    bins: int
    replicas: int


def sculpting(
    mass: ArrayLike,
    passed: ArrayLike,
    *,
    edges: ArrayLike,
    replicas: int,
    rng: np.random.Generator,
    weight: ArrayLike | None = None,
) -> Sculpting:
    """Mass spectrum of background jets before and after a cut.

    Parameters
    ----------
    mass : (n,), finite
    passed : (n,), bool
        Whether the jet passes the cut.
    edges : (bins + 1,), rising
        Jets beyond them are left out; the last bin holds its upper edge.
    replicas : int
        Bootstrap replicas behind the errors.

    Returns
    -------
    Sculpting
        If no jet passes, `after` and the divergences are nan. Replicas in which none passes are
        left out; errors are nan if fewer than two are left.

    Raises
    ------
    FtagPruneError
        No jets within the edges, a mass that is not finite, impossible weights or edges, fewer
        than two replicas.
    """
    chosen = checked_flags(passed, "passed")
    bins = binned(mass, edges, len(chosen), "mass")
    w = weights_of(weight, len(chosen), "jets")
    if replicas < 2:
        raise FtagPruneError(f"a bootstrap needs at least 2 replicas, found {replicas}")
    kept = np.flatnonzero((bins.place >= 0) & (w > 0))
    if len(kept) == 0:
        raise FtagPruneError(f"no jets with a mass from {bins.edges[0]:g} to {bins.edges[-1]:g}")
    jets = _Jets(
        bins.place[kept], chosen[kept], None if weight is None else w[kept], bins.number, replicas
    )
    before, after = (_shares(one) for one in _spectra(jets, w[kept]))
    drawn = [_shares(one) for one in _bootstrap(jets, rng)]
    by_chance = _divergence(before, _shares(_chosen_by_chance(jets, rng)))
    before_error, after_error, error = (
        _spread(one) for one in (*drawn, _divergence(*drawn)[:, None])
    )
    return Sculpting(
        bins.edges,
        before,
        before_error,
        after,
        after_error,
        float(_divergence(before, after)),
        float(error[0]),
        float(by_chance.mean()),
    )


def _spectra(jets: _Jets, weight: Array) -> tuple[Array, Array]:
    """Weight in each bin, before and after the cut."""
    cell = 2 * jets.bin + jets.passed
    table = np.bincount(cell, weight, 2 * jets.bins).astype(np.float64).reshape(jets.bins, 2)
    return table.sum(axis=1), table[:, 1]


def _bootstrap(jets: _Jets, rng: np.random.Generator) -> tuple[Array, Array]:
    """Spectra (replicas, bins) of as many jets, drawn with replacement."""
    number = len(jets.bin)
    if jets.weight is None:  # jets of one bin and one decision are alike: draw how many
        table = np.stack(_spectra(jets, np.ones(number)), axis=1)
        table[:, 0] -= table[:, 1]
        drawn = rng.multinomial(number, (table / number).ravel(), size=jets.replicas)
        cells = drawn.reshape(jets.replicas, jets.bins, 2).astype(np.float64)
        return cells.sum(axis=2), cells[:, :, 1]
    spectra = [
        _spectra(jets, jets.weight * np.bincount(rng.integers(number, size=number), None, number))
        for _ in range(jets.replicas)
    ]
    before, after = zip(*spectra, strict=True)
    return np.array(before), np.array(after)


def _chosen_by_chance(jets: _Jets, rng: np.random.Generator) -> Array:
    """Spectra (replicas, bins) of as many jets as pass, drawn without replacement."""
    passing = int(jets.passed.sum())
    if jets.weight is None:
        table = np.bincount(jets.bin, None, jets.bins)
        return np.asarray(
            rng.multivariate_hypergeometric(table, passing, jets.replicas, method="marginals"),
            dtype=np.float64,
        )
    chosen = (rng.permutation(len(jets.bin))[:passing] for _ in range(jets.replicas))
    return np.array([np.bincount(jets.bin[one], jets.weight[one], jets.bins) for one in chosen])


def _shares(spectrum: Array) -> Array:
    """Spectra (..., bins) with their sum as one; nan where they are empty."""
    total = spectrum.sum(axis=-1, keepdims=True)
    unknown = np.full_like(spectrum, np.nan)
    return np.asarray(np.divide(spectrum, total, out=unknown, where=total > 0))


def _divergence(first: Array, second: Array) -> Array:
    """Jensen-Shannon divergence in bits (Lin 1991, IEEE Trans. Inf. Theory 37, 145, eq. 3.4)."""
    middle = (first + second) / 2
    return np.asarray((_surprise(first, middle) + _surprise(second, middle)) / 2)


def _surprise(found: Array, expected: Array) -> Array:
    """Kullback-Leibler divergence in bits, along the last axis."""
    ratio = np.divide(found, expected, out=np.ones_like(expected), where=found != 0)
    return np.asarray((found * np.log2(ratio)).sum(axis=-1))


def _spread(drawn: Array) -> Array:
    """Standard deviation over the replicas that have one."""
    known = drawn[np.isfinite(drawn).all(axis=1)]
    if len(known) < 2:
        return np.full(drawn.shape[1], np.nan)
    return np.asarray(np.std(known, axis=0, ddof=1))
