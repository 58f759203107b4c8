"""Calibration: of the jets that are given a probability, how many are of the class."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ftag_prune.metrics.ranking import Array

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
    """
    raise NotImplementedError
