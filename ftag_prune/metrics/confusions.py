"""The confusion matrix: which class is the most probable for the jets of each class."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ftag_prune.metrics.ranking import Array

__all__ = ["Confusion", "confusion"]


class Confusion(NamedTuple):
    """Rows are the true classes, columns the most probable ones.

    Attributes
    ----------
    shares : (k, k)
        Share of a class's jets, of their weight if they have weights; rows sum to one, and are nan
        for a class without jets.
    errors, low, high : (k, k)
        Half the width and the ends of Wilson's interval at 68 % confidence.
    counts : (k, k), integer
        Jets without their weights; those of weight zero do not count.
    """

    shares: Array
    errors: Array
    low: Array
    high: Array
    counts: NDArray[np.int64]


def confusion(
    probabilities: ArrayLike, label: ArrayLike, *, weight: ArrayLike | None = None
) -> Confusion:
    """Count jets by their class and the most probable one, the first of equally probable ones.

    Parameters
    ----------
    probabilities : (n, k)
        Network outputs after the softmax.
    label : (n,), integer in [0, k)
        Class of the jets, as index of their column.
    """
    raise NotImplementedError
