"""Whether two taggers differ or are the same within some per cent, and whether more jets tell."""

from __future__ import annotations

from typing import NamedTuple

from numpy.typing import ArrayLike

__all__ = ["Equivalence", "McNemar", "equivalence", "mcnemar"]


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
    raise NotImplementedError


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
    """
    raise NotImplementedError
