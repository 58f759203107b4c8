"""How small can it be? The smallest network that is shown to lose no more than is allowed.

Many networks are looked at, and the best of many is partly luck. Here the test jets are asked in an
order that is fixed before they are seen: the networks are sorted by size, those that a smaller one
beats in validation loss are left out, and each of the others is tested, from large to small, until
the first that is not shown to be safe. Each test has the full confidence, and so has the answer: a
wrong one needs a wrong verdict at the first network that is not safe (fixed-sequence test, Maurer,
Hothorn and Lehmacher 1995). A network is safe if it loses no more than is allowed of every
background that matters, each shown by itself (intersection-union test, Berger 1982).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist
from typing import NamedTuple

from scipy.special import stdtrit

from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics import equivalence
from ftag_prune.validation.front import front

__all__ = ["Answer", "Candidate", "Kept", "Verdict", "answer", "judge"]


class Kept(NamedTuple):
    """What a network keeps of the reference's rejection of one background.

    Attributes
    ----------
    background : name of the class
    ratio : of the rejections, on the same jets
    statistical : its error from the number of jets
    spread : its standard error over trainings; nan for one, which does not know it
    trainings : that were averaged
    """

    background: str
    ratio: float
    statistical: float
    spread: float = math.nan
    trainings: int = 1

    @property
    def error(self) -> float:
        """Both errors in quadrature."""
        return math.hypot(self.statistical, 0.0 if math.isnan(self.spread) else self.spread)


class Candidate(NamedTuple):
    """A network that may be small enough.

    Attributes
    ----------
    name : text
    size : what the smallest has least of
    validation_loss : mean over trainings; nan if unknown
    kept : of the backgrounds that matter
    """

    name: str
    size: float
    validation_loss: float
    kept: tuple[Kept, ...]


class Verdict(NamedTuple):
    """What the test jets say of a candidate.

    Attributes
    ----------
    safe : it is shown that no background that matters loses more than is allowed
    lost : it is shown that one of them does
    lowest : lower ends of the ratios, in the order of `kept`, each at the confidence
    jets_factor : times the present number of jets that would show it to be safe, if the ratios
        stay; inf if no number would
    both_factor : the same with as many times the trainings; inf if a ratio is itself too low
    """

    candidate: Candidate
    safe: bool
    lost: bool
    lowest: tuple[float, ...]
    jets_factor: float
    both_factor: float


class Answer(NamedTuple):
    """The smallest safe network, and how it was found.

    Attributes
    ----------
    smallest : verdict on it; None if not even the largest candidate is shown to be safe
    tested : verdicts in their order, only the last of which may be on a network that is not safe
    looked_at : candidates smaller than the reference
    passed_over : those among them that a smaller one beats in validation loss
    likely : the smallest candidate that keeps enough by the ratios alone, whatever their errors;
        nothing is shown of it
    """

    smallest: Verdict | None
    tested: tuple[Verdict, ...]
    looked_at: int
    passed_over: int
    likely: Candidate | None = None

    @property
    def stopped_at(self) -> Verdict | None:
        """The first network that is not shown to be safe; None if all are."""
        last = self.tested[-1] if self.tested else None
        return last if last is not None and not last.safe else None


def answer(
    candidates: Iterable[Candidate], *, below: float, tolerance: float, confidence: float
) -> Answer:
    """Test networks from large to small until the first that is not shown to be safe.

    Parameters
    ----------
    candidates : in any order
    below : size of the reference; what is not smaller is not looked at
    tolerance : loss of rejection that is allowed, 0.1 for 10 %
    confidence : of the answer, one-sided

    Notes
    -----
    Without the validation losses of all candidates none is passed over.
    """
    smaller = [one for one in candidates if one.size < below]
    ordered = _in_order(smaller)
    tested: list[Verdict] = []
    for one in ordered:
        tested.append(judge(one, tolerance=tolerance, confidence=confidence))
        if not tested[-1].safe:
            break
    safe = [one for one in tested if one.safe]
    return Answer(
        smallest=safe[-1] if safe else None,
        tested=tuple(tested),
        looked_at=len(smaller),
        passed_over=len(smaller) - len(ordered),
        likely=min(
            (one for one in smaller if all(k.ratio >= 1 - tolerance for k in one.kept)),
            key=lambda one: one.size,
            default=None,
        ),
    )


def _in_order(candidates: Sequence[Candidate]) -> list[Candidate]:
    """From large to small, without those that a smaller one beats in validation loss."""
    losses = [one.validation_loss for one in candidates]
    kept = list(candidates)
    if not any(map(math.isnan, losses)):
        ahead = front([one.size for one in candidates], [-loss for loss in losses])
        kept = [one for one, good in zip(candidates, ahead, strict=True) if good]
    return sorted(kept, key=lambda one: (-one.size, one.name))


def judge(candidate: Candidate, *, tolerance: float, confidence: float) -> Verdict:
    """What the test jets say of one candidate.

    The spread of n trainings is known as well as n numbers tell: it counts as Student's t with
    n - 1 degrees of freedom does beside a Gaussian (2.13 / 1.64 for five trainings at 95 %).
    """
    if not candidate.kept:
        raise FtagPruneError(
            f"{candidate.name}: no background matters, so that nothing can be lost; "
            "wanted a fraction above the threshold"
        )
    single = [_judged(one, tolerance, confidence) for one in candidate.kept]
    return Verdict(
        candidate,
        safe=all(one.safe for one in single),
        lost=any(one.lost for one in single),
        lowest=tuple(one.low for one in single),
        jets_factor=max(one.jets_factor for one in single),
        both_factor=max(one.both_factor for one in single),
    )


class _Single(NamedTuple):
    """Verdict on one background."""

    safe: bool
    lost: bool
    low: float
    jets_factor: float = math.inf
    both_factor: float = math.inf


def _judged(kept: Kept, tolerance: float, confidence: float) -> _Single:
    spread = _widened(kept, confidence)
    error = math.hypot(kept.statistical, spread)
    if not (math.isfinite(kept.ratio) and math.isfinite(error)):
        return _Single(safe=False, lost=False, low=math.nan)
    found = equivalence(kept.ratio, error, within=tolerance, confidence=confidence)
    allowed = (kept.ratio - (1 - tolerance)) / _sigmas(confidence)
    jets, both = math.inf, math.inf
    if allowed > 0:
        both = (error / allowed) ** 2
    if allowed > spread:  # only the statistical error shrinks with the jets
        jets = kept.statistical**2 / (allowed**2 - spread**2)
    return _Single(found.not_worse, found.high < 1 - tolerance, found.low, jets, both)


def _widened(kept: Kept, confidence: float) -> float:
    """Spread over trainings, times what Student's t is beyond the Gaussian."""
    if math.isnan(kept.spread):
        return 0.0
    return kept.spread * float(stdtrit(kept.trainings - 1, confidence)) / _sigmas(confidence)


def _sigmas(confidence: float) -> float:
    return NormalDist().inv_cdf(confidence)
