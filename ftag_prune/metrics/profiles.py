"""Efficiency and rejection against another variable of the jet, at one cut or at one efficiency."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ftag_prune.metrics.columns import binned, checked_classes, checked_values
from ftag_prune.metrics.intervals import wilson
from ftag_prune.metrics.ranking import (
    Array,
    Jets,
    checked_efficiency,
    in_order,
    jets_of,
    share_above,
    weights_of,
)
from ftag_prune.metrics.rejections import Cuts, curve, cuts_at, exactly_at

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
    x = checked_values(value, "value of the discriminant")
    y, bins = checked_classes(label, len(x)), binned(variable, edges, len(x), "variable")
    w = weights_of(weight, len(x), "jets")
    wanted = checked_efficiency(np.array([efficiency], dtype=np.float64))
    places = [np.flatnonzero((y == one) & (w > 0)) for one in (signal, background)]
    signals, _ = (
        jets_of(x[place], w[place], f"class-{one}")
        for one, place in zip((signal, background), places, strict=True)
    )
    given = None if flat else exactly_at(cuts_at(signals, wanted).threshold)
    rows, numbers = [], []
    for number in range(bins.number):
        inside = [place[bins.place[place] == number] for place in places]
        jets = [_some(x[place], w[place]) for place in inside]
        rows.append(_row(jets[0], jets[1], wanted, given))
        numbers.append([len(place) for place in inside])
    low, high = bins.edges[:-1], bins.edges[1:]
    return Profile(low, high, (low + high) / 2, *np.transpose(rows), *np.transpose(numbers))


def _some(scores: Array, weight: Array) -> Jets | None:
    """Jets of one class in one bin, if there are any."""
    return jets_of(scores, weight, "binned") if len(scores) else None


def _row(
    signals: Jets | None, backgrounds: Jets | None, wanted: Array, given: Cuts | None
) -> tuple[float, ...]:
    """Columns of one bin from the cut to the limit; nan where jets are missing."""
    cuts = given
    if cuts is None:
        cuts = exactly_at(np.array([np.nan])) if signals is None else cuts_at(signals, wanted)
    return (cuts.threshold.item(), *_efficiency(cuts, signals), *_rejection(cuts, backgrounds))


def _efficiency(cuts: Cuts, signals: Jets | None) -> tuple[float, ...]:
    """Signal efficiency and its interval."""
    if signals is None:
        return (np.nan,) * 3
    reached = share_above(in_order(signals), cuts.threshold)
    return tuple(one.item() for one in (reached, *wilson(reached, signals.effective)))


def _rejection(cuts: Cuts, backgrounds: Jets | None) -> tuple[float, ...]:
    """Rejection, its interval, and its limit if nothing passes."""
    if backgrounds is None or np.isnan(cuts.threshold).any():
        return (np.nan,) * 4
    one = curve(cuts, backgrounds)
    return tuple(field.item() for field in (one.rejection, one.low, one.high, one.limit))
