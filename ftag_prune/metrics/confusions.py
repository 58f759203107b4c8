"""The confusion matrix: which class is the most probable for the jets of each class."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics.columns import checked_classes, checked_probabilities
from ftag_prune.metrics.intervals import wilson
from ftag_prune.metrics.ranking import Array, effective, weights_of

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
    weight : (n,), optional
        Weights of the jets, not negative, with a sum above zero.

    Raises
    ------
    FtagPruneError
        No jets, probabilities that are none, a label without a column, impossible weights.
    """
    p = checked_probabilities(probabilities)
    if p.ndim != 2 or p.size == 0:
        raise FtagPruneError(f"probabilities need the shape (jets, classes), found {p.shape}")
    classes = p.shape[1]
    y, w = checked_classes(label, len(p)), weights_of(weight, len(p), "jets")
    if y.min() < 0 or y.max() >= classes:
        raise FtagPruneError(
            f"labels of jets number {classes} columns from 0, found {y.min()} to {y.max()}"
        )
    cell = y * classes + p.argmax(axis=1)
    table = np.bincount(cell, w, classes**2).reshape(classes, classes)
    counts = np.bincount(cell[w > 0], minlength=classes**2).reshape(classes, classes)
    total = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, total, out=np.full(table.shape, np.nan), where=total > 0)
    jets = [effective(w[y == one]) for one in range(classes)]
    low, high = wilson(shares, np.array(jets)[:, None])
    return Confusion(shares, (high - low) / 2, low, high, counts)
