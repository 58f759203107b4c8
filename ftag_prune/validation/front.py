"""Networks that no other one beats: larger gain for less size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["front"]


def front(size: npt.ArrayLike, gain: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which points are on the Pareto front, by value: errors are not looked at.

    Parameters
    ----------
    size : (n,), smaller is better
    gain : (n,), larger is better, inf allowed

    Returns
    -------
    (n,) bool
        False where another point is at least as good in both and better in one, and where size or
        gain is nan. Of equal points all are on the front, or none.
    """
    x, y = np.asarray(size, dtype=np.float64), np.asarray(gain, dtype=np.float64)
    as_good = (x[:, None] <= x) & (y[:, None] >= y)  # (n, n), row beats column
    better = (x[:, None] < x) | (y[:, None] > y)
    return ~(as_good & better).any(axis=0) & ~np.isnan(x) & ~np.isnan(y)
