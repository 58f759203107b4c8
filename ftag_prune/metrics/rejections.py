"""Working points and ROC curves: background rejection at a signal efficiency, with its error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ftag_prune.metrics.ranking import (
    Array,
    Indices,
    checked_efficiency,
    jets_of,
    nearest_cut,
    rank,
    share,
)

__all__ = ["Rejection", "RocCurve", "rejection", "roc"]

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
    """

    value: float
    error: float
    background_error: float
    signal_error: float
    limit: float
    efficiency: float
    threshold: float
    passing: int


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
    curve = roc(
        signal,
        background,
        efficiencies=[efficiency],
        signal_weight=signal_weight,
        background_weight=background_weight,
    )
    return Rejection._make(field.item() for field in curve)


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
    ranking = rank(signals.scores[0], backgrounds.scores[0])

    reachable = share(ranking.signal, ranking.signal_above, signals.weight)
    cut = nearest_cut(reachable, wanted)
    mistag = share(ranking.background, ranking.background_above, backgrounds.weight)
    value, background_error, signal_error = _with_errors(
        reachable, mistag, cut, signals.effective, backgrounds.effective
    )
    # 1 - (1 - CL)^(1/N) is the binomial upper limit on the efficiency when none of N jets passes.
    at_least = 1 / -np.expm1(np.log1p(-_CONFIDENCE) / backgrounds.effective)
    return RocCurve(
        rejection=value,
        error=np.hypot(background_error, signal_error),
        background_error=background_error,
        signal_error=signal_error,
        limit=np.where(mistag[cut] > 0, np.nan, at_least),
        efficiency=reachable[cut],
        threshold=ranking.threshold[cut],
        passing=ranking.background_above[cut].astype(np.int64),
    )


def _with_errors(
    reachable: Array, mistag: Array, cut: Indices, signal_jets: float, background_jets: float
) -> tuple[Array, Array, Array]:
    """Rejection with its background and signal errors; all inf where nothing passes.

    sigma_R / R = sqrt((R - 1) / N_bkg) = sqrt((1 - e) / (e N_bkg)) for a background efficiency e,
    and |dlnR / deff| sqrt(eff (1 - eff) / N_sig). The slope is taken across two standard
    deviations of the signal efficiency on either side: a narrower one is noise of few jets.
    """
    efficiency, e = reachable[cut], mistag[cut]
    sigma = np.sqrt(efficiency * (1 - efficiency) / signal_jets)
    lower, upper = (nearest_cut(reachable, efficiency + side * sigma) for side in (-2, 2))
    run, rise = (along[upper] - along[lower] for along in (reachable, mistag))
    slope = np.divide(rise, run, out=np.zeros_like(run), where=run > 0)
    value, on_background, on_signal = (np.full_like(e, np.inf) for _ in range(3))
    some = e > 0
    value[some] = 1 / e[some]
    on_background[some] = value[some] * np.sqrt((1 - e[some]) / (e[some] * background_jets))
    on_signal[some] = value[some] * slope[some] * sigma[some] / e[some]
    return value, on_background, on_signal
