"""The background fractions of a discriminant that reject most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from numpy.typing import ArrayLike

from ftag_prune.flavours import Task
from ftag_prune.metrics.ranking import Array

__all__ = ["Scan", "scan_fractions"]


class Scan(NamedTuple):
    """Rejections over a grid of fractions.

    Attributes
    ----------
    backgrounds : (k,) names
        Classes of the columns.
    fractions, rejections : (points, k)
        Fractions, summing to one, and the rejection of each background with them; inf where
        nothing passes.
    efficiency : (points,)
        Signal efficiency that was achieved.
    mean : (points,)
        Geometric mean of the rejections, where half a jet passes if none does.
    best : mapping
        Fraction of each background where `mean` is largest, the first of equal ones.
    """

    backgrounds: tuple[str, ...]
    fractions: Array
    rejections: Array
    efficiency: Array
    mean: Array
    best: Mapping[str, float]


def scan_fractions(
    probabilities: ArrayLike,
    label: ArrayLike,
    task: Task,
    *,
    signal: str,
    efficiency: float,
    step: float = 0.05,
    weight: ArrayLike | None = None,
) -> Scan:
    """Rejections at one signal efficiency for every mixture of backgrounds on a grid.

    Parameters
    ----------
    probabilities : (n, classes)
        Network outputs after the softmax, columns in the order of `task.classes`.
    label : (n,), integer
        Class of the jets, as index in `task.classes`.
    step : float in (0, 1]
        Distance of the grid's points, of which a whole number makes 1.
    """
    raise NotImplementedError
