"""Efficiency and rejection against another variable of the jet, at one cut or at one efficiency."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ftag_prune.metrics.ranking import Array

__all__ = ["Profile", "profile"]


class Profile(NamedTuple):
    """One row a bin, arrays (bins,); nan where the jets that it takes are missing.

    Attributes
    ----------
    low, high, centre : (bins,)
        Edges and middle of the bins.
    cut : (bins,)
        A jet passes if its discriminant is at or above it.
    efficiency, efficiency_low, efficiency_high : (bins,)
        Signal efficiency that was achieved, and Wilson's interval at 68 % confidence.
    rejection, rejection_low, rejection_high : (bins,)
        Rejection and its 68 % interval; inf, and no upper end, if no background jet passes.
    limit : (bins,)
        Lower limit on the rejection at 95 % confidence if nothing passes, nan otherwise.
    signal_jets, background_jets : (bins,), integer
        Jets in the bin, without their weights; those of weight zero do not count.
    """

    low: Array
    high: Array
    centre: Array
    cut: Array
    efficiency: Array
    efficiency_low: Array
    efficiency_high: Array
    rejection: Array
    rejection_low: Array
    rejection_high: Array
    limit: Array
    signal_jets: NDArray[np.int64]
    background_jets: NDArray[np.int64]


def profile(
    variable: ArrayLike,
    value: ArrayLike,
    label: ArrayLike,
    *,
    signal: int,
    background: int,
    edges: ArrayLike,
    efficiency: float,
    flat: bool,
    weight: ArrayLike | None = None,
) -> Profile:
    """Efficiency and rejection in bins of a variable, as pt or eta.

    Parameters
    ----------
    variable, value, label : (n,)
        What is binned, the discriminant, and the class of the jets.
    edges : (bins + 1,), rising
        Jets beyond them are in no bin; the last bin holds its upper edge.
    efficiency : float in (0, 1]
        Wanted signal efficiency.
    flat : bool
        False: one cut, that of the efficiency for all signal jets, in a bin or not. Its own error
        is common to all bins and left out. True: a cut in each bin with this efficiency, whose
        placing on the signal jets of the bin is part of the rejection's interval.

    Raises
    ------
    FtagPruneError
        A class without jets, a variable that is not finite, nan scores, impossible weights, edges
        or efficiency.
    """
    raise NotImplementedError
