"""The interval of a share that was counted, two-sided also where nothing or everything passes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ftag_prune.metrics.ranking import Array

__all__ = ["Interval", "wilson"]


class Interval(NamedTuple):
    """Lower and upper end, in the shape of what was given."""

    low: Array
    high: Array


def wilson(share: ArrayLike, jets: ArrayLike, *, sigmas: float = 1.0) -> Interval:
    """Wilson's interval of a binomial probability (Wilson 1927, JASA 22, 209).

    The probabilities p with (share - p)^2 <= sigmas^2 p (1 - p) / jets. It stays within [0, 1],
    holds the share itself, and has a width where the share is 0 or 1. Its coverage is right on
    average over p, not for each p as with Clopper and Pearson, who cover too much.

    Parameters
    ----------
    share : float in [0, 1]
        Share of the jets that passes, of their weight if they have weights.
    jets : float, not negative
        How many jets were asked; for weighted ones the effective number, (sum w)^2 / sum w^2.
        Where there are none, the interval is nan.
    sigmas : float
        1 for 68 %.
    """
    p, n = np.broadcast_arrays(
        np.asarray(share, dtype=np.float64), np.asarray(jets, dtype=np.float64)
    )
    some = n > 0
    inverse = np.divide(sigmas**2, n, out=np.full(n.shape, np.nan), where=some)
    middle = (p + inverse / 2) / (1 + inverse)
    half = np.sqrt(inverse * p * (1 - p) + inverse**2 / 4) / (1 + inverse)
    # Rounding may leave the end short of the share where nothing or all passes.
    high = np.clip(middle + half, p, 1)
    # The product of both ends; their difference would lose all digits of a tiny share.
    low = np.divide(p**2, (1 + inverse) * high, out=np.full(n.shape, np.nan), where=some)
    return Interval(np.minimum(low, p), high)
