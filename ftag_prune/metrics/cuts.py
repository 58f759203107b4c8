"""Working points: the cut for a signal efficiency, and what it does to every background."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics.columns import checked_classes, checked_values
from ftag_prune.metrics.ranking import Jets, checked_efficiency, jets_of
from ftag_prune.metrics.rejections import Rejection, curve, cuts_at

__all__ = ["WorkingPoint", "working_points"]


class WorkingPoint(NamedTuple):
    """One cut on the discriminant.

    Attributes
    ----------
    asked, efficiency : float
        Wanted signal efficiency, and the nearest one that a cut reaches.
    cut : float
        A jet passes if its discriminant is at or above it.
    passing : int
        Signal jets that pass, without their weights.
    rejections : tuple of Rejection
        One for each background, in the order asked.
    """

    asked: float
    efficiency: float
    cut: float
    passing: int
    rejections: tuple[Rejection, ...]


def working_points(
    value: ArrayLike,
    label: ArrayLike,
    *,
    signal: int,
    backgrounds: Sequence[int],
    efficiencies: ArrayLike,
    weight: ArrayLike | None = None,
) -> tuple[WorkingPoint, ...]:
    """Cuts for signal efficiencies, in the order asked.

    Parameters
    ----------
    value : (n,)
        Discriminant of the jets; larger is more signal-like, infinities allowed.
    label : (n,), integer
        Class of the jets. Those that are neither signal nor background are not looked at.
    efficiencies : float or (k,), in (0, 1]
        In any order; with tied scores the nearest reachable ones, as in `rejection`.
    weight : (n,), optional
        Weights of the jets, not negative; every class asked for needs a sum above zero.

    Raises
    ------
    FtagPruneError
        A class without jets, nan scores, impossible weights or efficiencies.
    """
    wanted = checked_efficiency(np.atleast_1d(np.asarray(efficiencies, dtype=np.float64)))
    signals, *others = _split(value, label, weight, (signal, *backgrounds))
    cuts = cuts_at(signals, wanted)
    found = [curve(cuts, one) for one in others]
    rejections = [[Rejection._make(row) for row in _rows(one)] for one in found]
    return tuple(
        WorkingPoint(asked, reached, cut, passing, tuple(one[place] for one in rejections))
        for place, (asked, reached, cut, passing) in enumerate(
            _rows((wanted, cuts.efficiency, cuts.threshold, cuts.passing))
        )
    )


def _rows(columns: Iterable[NDArray[Any]]) -> Iterable[tuple[Any, ...]]:
    """Plain numbers of arrays (k,), one tuple for each of k."""
    return zip(*(column.tolist() for column in columns), strict=True)


def _split(
    value: ArrayLike, label: ArrayLike, weight: ArrayLike | None, classes: Sequence[int]
) -> list[Jets]:
    """Jets of each class asked for."""
    x = checked_values(value, "value of the discriminant")
    y, w = checked_classes(label, len(x)), None if weight is None else np.asarray(weight)
    if w is not None and w.shape != x.shape:
        raise FtagPruneError(f"{len(x)} jets need as many weights, found shape {w.shape}")
    places = (np.flatnonzero(y == one) for one in classes)
    return [
        jets_of(x[place], None if w is None else w[place], f"class-{one}")
        for one, place in zip(classes, places, strict=True)
    ]
