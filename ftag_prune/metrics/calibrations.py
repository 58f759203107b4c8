"""Calibration: of the jets that are given a probability, how many are of the class."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics.columns import checked_flags, checked_probabilities
from ftag_prune.metrics.intervals import wilson
from ftag_prune.metrics.ranking import Array, weights_of

__all__ = ["Calibration", "calibration"]


class Calibration(NamedTuple):
    """Reliability in bins of the probability, arrays (bins,); nan in bins without jets.

    Attributes
    ----------
    low, high : (bins,)
        Edges of the bins. A probability on an edge belongs to the bin below it, 0 to the first.
    predicted, observed : (bins,)
        Mean probability, and share of the jets that are of the class.
    observed_low, observed_high : (bins,)
        Wilson's interval of the share at 68 % confidence.
    jets : (bins,), integer
        Jets in the bin, without their weights; those of weight zero do not count.
    expected_error : float
        Mean of abs(predicted - observed) over all jets.
    """

    low: Array
    high: Array
    predicted: Array
    observed: Array
    observed_low: Array
    observed_high: Array
    jets: NDArray[np.int64]
    expected_error: float


def calibration(
    probability: ArrayLike, truth: ArrayLike, *, bins: int = 10, weight: ArrayLike | None = None
) -> Calibration:
    """Compare the probability of one class with how often it is right.

    Parameters
    ----------
    probability : (n,), in [0, 1]
        Probability of the class.
    truth : (n,), bool
        Whether the jet is of the class.
    bins : int
        Bins of equal width from 0 to 1.
    weight : (n,), optional
        Weights of the jets, not negative, with a sum above zero.

    Raises
    ------
    FtagPruneError
        No jets, probabilities that are none, impossible weights, no bins.
    """
    p, true = checked_probabilities(probability), checked_flags(truth, "truth")
    if p.shape != true.shape:
        raise FtagPruneError(
            f"every jet needs one probability and one truth, found shapes {p.shape}, {true.shape}"
        )
    if len(p) == 0:
        raise FtagPruneError("no jets to calibrate probabilities with")
    if bins < 1:
        raise FtagPruneError(f"a calibration needs at least 1 bin, found {bins}")
    w = weights_of(weight, len(p), "jets")
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], p)
    total, squares, predicted, observed = (
        np.bincount(place, one, bins) for one in (w, w**2, w * p, w * true)
    )
    some = total > 0
    predicted, observed, jets = (
        np.divide(one, under, out=np.full(bins, np.nan), where=some)
        for one, under in ((predicted, total), (observed, total), (total**2, squares))
    )
    interval = wilson(observed, np.where(some, jets, 0))
    off = np.abs(predicted - observed)[some] @ total[some] / total.sum()
    counts = np.bincount(place[w > 0], minlength=bins)
    return Calibration(edges[:-1], edges[1:], predicted, observed, *interval, counts, float(off))
