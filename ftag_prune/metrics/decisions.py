"""Whether two taggers differ or are the same within some per cent, and whether more jets tell."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

from numpy.typing import ArrayLike

from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics.columns import checked_flags

__all__ = ["Equivalence", "McNemar", "equivalence", "mcnemar"]


# Jets that pass one only: beyond this many the exact p-value and that of chi^2 are the same.
_EXACT = 10_000


class McNemar(NamedTuple):
    """Jets that pass one of two cuts only.

    `statistic` is (only_a - only_b)^2 / (only_a + only_b), 0 without any such jet; `p_value` is
    two-sided.
    """

    only_a: int
    only_b: int
    statistic: float
    p_value: float


class Equivalence(NamedTuple):
    """Verdict on a ratio that should be 1.

    Attributes
    ----------
    equivalent : bool
        The whole interval lies within 1 - within .. 1 + within (two one-sided tests).
    low, high : float
        Interval of the ratio that belongs to the tests: at 90 % for a confidence of 95 %, which
        each of its ends then has.
    sure : bool
        The interval lies within or beyond the margins as a whole: more jets would not change the
        verdict.
    jets_factor : float
        By what the present number of jets must be multiplied for `equivalent`, below 1 if fewer
        would do; inf if the ratio itself is not within the margins.
    not_worse : bool
        The lower end is above 1 - within (one one-sided test).
    jets_factor_not_worse : float
        The same factor for `not_worse`.
    """

    equivalent: bool
    low: float
    high: float
    sure: bool
    jets_factor: float
    not_worse: bool
    jets_factor_not_worse: float


_UNKNOWN = Equivalence(
    equivalent=False,
    low=-math.inf,
    high=math.inf,
    sure=False,
    jets_factor=math.inf,
    not_worse=False,
    jets_factor_not_worse=math.inf,
)


def mcnemar(passed_a: ArrayLike, passed_b: ArrayLike) -> McNemar:
    """McNemar's test of whether two cuts pass equally many of the same jets.

    Parameters
    ----------
    passed_a, passed_b : (n,), bool
        Whether each jet passes the cut of tagger a, of tagger b.

    Returns
    -------
    McNemar
        The p-value is the exact binomial mid-p up to 10 000 jets that pass one only, and that of
        chi^2 with one degree of freedom beyond. It is 1 if there is no such jet.
    """
    a, b = checked_flags(passed_a, "passed a"), checked_flags(passed_b, "passed b")
    if a.shape != b.shape:
        raise FtagPruneError(
            f"McNemar's test needs the same jets for both taggers, found {len(a)} and {len(b)}"
        )
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    either = only_a + only_b
    statistic = (only_a - only_b) ** 2 / either if either else 0.0
    if either > _EXACT:
        return McNemar(only_a, only_b, statistic, math.erfc(math.sqrt(statistic / 2)))
    return McNemar(only_a, only_b, statistic, _mid_p(min(only_a, only_b), either))


def _mid_p(fewer: int, either: int) -> float:
    """Two-sided mid-p of a fair coin (Fagerland, Lydersen, Laake 2013, BMC Med. Res. Meth. 13:91).

    Twice the probability of less than `fewer` heads in `either` tosses and half that of as many.
    """
    half = either * math.log(2)
    logs = [
        math.lgamma(either + 1) - math.lgamma(k + 1) - math.lgamma(either - k + 1) - half
        for k in range(fewer + 1)
    ]
    *less, same = (math.exp(one) for one in logs)
    return min(1.0, 2 * math.fsum(less) + same)


def equivalence(
    ratio: float, error: float, *, within: float, confidence: float = 0.95
) -> Equivalence:
    """Tell from the ratio of two rejections whether the taggers are the same within some per cent.

    Parameters
    ----------
    ratio, error : float
        Ratio and its standard error, as of `paired_ratio`; taken as Gaussian.
    within : float in (0, 1)
        Margin: 0.05 for 5 %.
    confidence : float in (0.5, 1)
        Of each one-sided test.

    Returns
    -------
    Equivalence
        A ratio or an error that is not finite (nothing passes) is no evidence: not equivalent, not
        sure, and no number of jets would help.
    """
    if not 0 < within < 1:
        raise FtagPruneError(f"the margin of an equivalence lies within (0, 1), found {within:g}")
    if not 0.5 < confidence < 1:
        raise FtagPruneError(f"a confidence lies within (0.5, 1), found {confidence:g}")
    if error < 0:
        raise FtagPruneError(f"the error of a ratio is not negative, found {error:g}")
    if not (math.isfinite(ratio) and math.isfinite(error)):
        return _UNKNOWN
    half = NormalDist().inv_cdf(confidence) * error
    low, high = ratio - half, ratio + half
    worst, best = 1 - within, 1 + within
    equivalent = worst < low and high < best
    return Equivalence(
        equivalent=equivalent,
        low=low,
        high=high,
        sure=equivalent or high <= worst or low >= best,
        jets_factor=_factor(half, min(ratio - worst, best - ratio)),
        not_worse=low > worst,
        jets_factor_not_worse=_factor(half, ratio - worst),
    )


def _factor(half: float, room: float) -> float:
    """How many times the jets make a half-width fit, which shrinks as their square root."""
    return (half / room) ** 2 if room > 0 else math.inf
