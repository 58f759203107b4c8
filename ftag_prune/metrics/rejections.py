"""Working points and ROC curves: background rejection at a signal efficiency, with its error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ftag_prune.metrics.intervals import wilson
from ftag_prune.metrics.ranking import (
    Array,
    Indices,
    Jets,
    checked_efficiency,
    in_order,
    jets_of,
    nearest_threshold,
    passing,
    share_above,
)

__all__ = ["Cuts", "Rejection", "RocCurve", "curve", "cuts_at", "exactly_at", "rejection", "roc"]

_CONFIDENCE = 0.95


class Rejection(NamedTuple):
    """Background rejection, 1 / (background efficiency), at one signal efficiency.

    Attributes
    ----------
    value, error : float
        Rejection and its standard error, both inf if no background jet passes.
    background_error, signal_error : float
        The two parts of `error`: counting background jets, and placing the cut on signal jets.
    limit : float
        Lower limit on the rejection at 95 % confidence if nothing passes, nan otherwise.
    efficiency, threshold : float
        Signal efficiency that was achieved and the score that a passing jet reaches at least.
    passing : int
        Background jets that pass, without their weights.
    low, high : float
        Interval at 68 % confidence. Its background part is Wilson's for the background efficiency,
        with the effective number of jets; the signal part is added in quadrature, in ln(rejection).
        If nothing passes, `high` is inf and `low` the rejection of Wilson's upper end. `high` is
        also inf where the cut is placed by too few signal jets to say anything.
    """

    value: float
    error: float
    background_error: float
    signal_error: float
    limit: float
    efficiency: float
    threshold: float
    passing: int
    low: float
    high: float


class RocCurve(NamedTuple):
    """What `Rejection` holds, as arrays (k,) in the order of the wanted efficiencies."""

    rejection: Array
    error: Array
    background_error: Array
    signal_error: Array
    limit: Array
    efficiency: Array
    threshold: Array
    passing: NDArray[np.int64]
    low: Array
    high: Array


class Cuts(NamedTuple):
    """Where signal jets are cut, as arrays (k,): all that a rejection needs to know of them."""

    threshold: Array
    efficiency: Array
    passing: Indices
    sigma: Array  # standard deviation of the efficiency
    around: tuple[Array, Array]  # thresholds two sigma below and above in efficiency
    run: Array  # difference of efficiency between these


def rejection(
    signal: ArrayLike,
    background: ArrayLike,
    *,
    efficiency: float,
    signal_weight: ArrayLike | None = None,
    background_weight: ArrayLike | None = None,
) -> Rejection:
    """Background rejection at one signal efficiency.

    Parameters
    ----------
    signal, background : (n,), (m,)
        Discriminant of the jets; larger is more signal-like, infinities allowed.
    efficiency : float in (0, 1]
        Wanted signal efficiency. With tied scores the nearest reachable one above zero is used and
        returned; of two equally near ones, the larger.
    signal_weight, background_weight : (n,), (m,), optional
        Weights of the jets, not negative, with a sum above zero.

    Raises
    ------
    FtagPruneError
        No jets, nan scores, impossible weights or efficiency.
    """
    one = roc(
        signal,
        background,
        efficiencies=[efficiency],
        signal_weight=signal_weight,
        background_weight=background_weight,
    )
    return Rejection._make(field.item() for field in one)


def roc(
    signal: ArrayLike,
    background: ArrayLike,
    *,
    efficiencies: ArrayLike,
    signal_weight: ArrayLike | None = None,
    background_weight: ArrayLike | None = None,
) -> RocCurve:
    """Background rejection at many signal efficiencies, in any order; see `rejection`."""
    wanted = checked_efficiency(np.atleast_1d(np.asarray(efficiencies, dtype=np.float64)))
    signals = jets_of(np.atleast_1d(signal)[None], signal_weight, "signal")
    backgrounds = jets_of(np.atleast_1d(background)[None], background_weight, "background")
    return curve(cuts_at(signals, wanted), backgrounds)


def cuts_at(signals: Jets, wanted: Array) -> Cuts:
    """Sort signal jets and place the cuts for checked efficiencies (k,)."""
    jets = in_order(signals)
    threshold = nearest_threshold(jets, wanted)
    efficiency = share_above(jets, threshold)
    sigma = np.sqrt(efficiency * (1 - efficiency) / signals.effective)
    # Across two standard deviations on either side: a narrower slope is noise of few jets.
    lower, upper = (nearest_threshold(jets, efficiency + side * sigma) for side in (-2, 2))
    run = share_above(jets, upper) - share_above(jets, lower)
    return Cuts(threshold, efficiency, passing(jets, threshold), sigma, (lower, upper), run)


def exactly_at(threshold: Array) -> Cuts:
    """Cuts (k,) that are given: no signal jets have placed them, so they have no error."""
    zero, unknown = np.zeros_like(threshold), np.full_like(threshold, np.nan)
    jets = np.zeros(threshold.shape, dtype=np.intp)
    return Cuts(threshold, unknown, jets, zero, (threshold, threshold), zero)


def curve(cuts: Cuts, backgrounds: Jets) -> RocCurve:
    """Sort the jets of one background and count what passes the cuts."""
    jets = in_order(backgrounds)
    mistag = share_above(jets, cuts.threshold)
    lower, upper = (share_above(jets, threshold) for threshold in cuts.around)
    slope = np.divide(upper - lower, cuts.run, out=np.zeros_like(cuts.run), where=cuts.run > 0)
    shift = slope * cuts.sigma
    value, on_background, on_signal = _with_errors(mistag, shift, backgrounds.effective)
    low, high = _interval(mistag, shift, backgrounds.effective)
    return RocCurve(
        rejection=value,
        error=np.hypot(on_background, on_signal),
        background_error=on_background,
        signal_error=on_signal,
        limit=_limit(mistag, backgrounds.effective),
        efficiency=cuts.efficiency,
        threshold=cuts.threshold,
        passing=passing(jets, cuts.threshold).astype(np.int64),
        low=low,
        high=high,
    )


def _limit(mistag: Array, jets: float) -> Array:
    """Lower limit on the rejection at 95 % confidence where nothing passes, nan elsewhere.

    1 - (1 - CL)^(1/N) is the binomial upper limit on the efficiency when none of N jets passes.
    """
    at_least = 1 / -np.expm1(np.log1p(-_CONFIDENCE) / jets)
    return np.where(mistag > 0, np.nan, at_least)


def _with_errors(mistag: Array, shift: Array, jets: float) -> tuple[Array, Array, Array]:
    """Rejection with its background and signal errors; all inf where nothing passes.

    sigma_R / R = sqrt((R - 1) / N_bkg) = sqrt((1 - e) / (e N_bkg)) for a background efficiency e,
    and |dlnR / deff| sqrt(eff (1 - eff) / N_sig), where `shift` is what the latter root does to e.
    """
    value, on_background, on_signal = (np.full_like(mistag, np.inf) for _ in range(3))
    some = mistag > 0
    e = mistag[some]
    value[some] = 1 / e
    on_background[some] = value[some] * np.sqrt((1 - e) / (e * jets))
    on_signal[some] = value[some] * shift[some] / e
    return value, on_background, on_signal


def _interval(mistag: Array, shift: Array, jets: float) -> tuple[Array, Array]:
    """Ends of the rejection, both errors added in quadrature in its logarithm."""
    ends = wilson(mistag, jets)
    low, high = 1 / ends.high, np.full_like(mistag, np.inf)
    some = mistag > 0
    e, relative = mistag[some], shift[some] / mistag[some]
    low[some] = np.maximum(np.exp(-np.hypot(np.log(ends.high[some] / e), relative)) / e, 1)
    with np.errstate(divide="ignore", over="ignore"):  # beyond all numbers: inf
        high[some] = np.exp(np.hypot(np.log(e / ends.low[some]), relative)) / e
    return low, high
