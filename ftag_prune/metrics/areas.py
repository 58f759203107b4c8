"""The area under a ROC curve: how often a signal jet is scored above a background jet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ftag_prune.metrics.ranking import Array, Jets, in_order, jets_of, share_above, share_beyond

__all__ = ["Area", "auc"]


class Area(NamedTuple):
    """Area and its standard error; nan for the error if there is one jet of a kind only."""

    value: float
    error: float


def auc(
    signal: ArrayLike,
    background: ArrayLike,
    *,
    signal_weight: ArrayLike | None = None,
    background_weight: ArrayLike | None = None,
) -> Area:
    """Probability that a signal jet is scored above a background jet; ties count half.

    The error is that of DeLong, DeLong, Clarke-Pearson (Biometrics 44, 837): the variance over
    signal jets of the background they are above, and the reverse, each by its number of jets,
    for weighted jets the effective one. It is zero for constant scores and for perfect ones.

    Parameters
    ----------
    signal, background : (n,), (m,)
        Discriminant of the jets; larger is more signal-like, infinities allowed.
    signal_weight, background_weight : (n,), (m,), optional
        Weights of the jets, not negative, with a sum above zero.

    Raises
    ------
    FtagPruneError
        No jets, nan scores, impossible weights.
    """
    signals = _sorted(jets_of(np.atleast_1d(signal)[None], signal_weight, "signal"))
    backgrounds = _sorted(jets_of(np.atleast_1d(background)[None], background_weight, "background"))
    beaten, lost = _placements(signals, backgrounds), _placements(backgrounds, signals)
    value = float(np.average(beaten, weights=signals.weight))
    return Area(value, float(np.sqrt(_variance(beaten, signals) + _variance(lost, backgrounds))))


def _sorted(jets: Jets) -> Jets:
    """Jets in the order of their scores: neighbours look up neighbours, which is much quicker."""
    if jets.alike:
        return jets._replace(scores=np.sort(jets.scores))
    order = np.argsort(jets.scores[0])
    return jets._replace(scores=jets.scores[:, order], weight=jets.weight[order])


def _placements(jets: Jets, others: Jets) -> Array:
    """Share of the other jets that each jet is scored above, ties counting half; (n,)."""
    ordered = in_order(others)
    x = jets.scores[0]
    return 1 - (share_above(ordered, x) + share_beyond(ordered, x)) / 2


def _variance(placement: Array, jets: Jets) -> float:
    """Variance of a weighted mean; nan for a single jet, which cannot know it."""
    w, total = jets.weight, jets.weight.sum()
    spread = w * (placement - w @ placement / total)
    left = total**2 - w @ w
    return float(spread @ spread / left) if left > 0 else np.nan
