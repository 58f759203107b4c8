"""Event numbers and weights of jets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ftag_prune.check.finding import Finding, doubtful, note, percent, serious
from ftag_prune.expression import Array

__all__ = ["chi2", "effective", "numbers", "repeated", "tenths", "weights"]

_ENOUGH = 100  # events that a statement about their last digits needs
_UNEVEN = 40.0  # chi2 of ten digits; for even ones that happens once in 10^5 times
_FLUCTUATING = 0.1


def repeated(event: Array, pt: Array, eta: Array) -> int:
    """Jets that stand in the sample before, with the same event, pt and eta; arrays (jets,)."""
    known = np.isfinite(pt) & np.isfinite(eta)
    jets = np.rec.fromarrays([event[known], pt[known], eta[known]])
    return int(len(jets) - len(np.unique(jets)))


def tenths(event: Array) -> Array:
    """(10,): events (not jets) with each last digit."""
    different = np.unique(event)
    last = (different % different.dtype.type(10)).astype(np.int64)
    return np.bincount(last, minlength=10)


def chi2(counts: Array) -> float:
    """Distance from equal counts; about 9 +- 4 for ten of them."""
    mean = counts.mean()
    return float(((counts - mean) ** 2).sum() / mean) if mean > 0 else 0.0


def numbers(
    event: Array, pt: Array, eta: Array, *, splits: Mapping[str, range]
) -> Iterator[Finding]:
    """What is odd with event numbers.

    Parameters
    ----------
    event, pt, eta : (jets,); event is of integers
    splits : last digits of the events of each split
    """
    if (again := repeated(event, pt, eta)) > 0:
        yield serious(
            "event",
            f"{again} of {len(event)} jets are there twice (event, pt and eta are the same); is a "
            f"file named twice, or copied?",
        )
    if event.dtype.kind == "i" and (below := int((event < 0).sum())):
        yield doubtful(
            "event", f"is negative for {below} of {len(event)} jets; numbers may have overflowed"
        )
    yield from _digits(tenths(event), splits)


def _digits(counts: Array, splits: Mapping[str, range]) -> Iterator[Finding]:
    events = int(counts.sum())
    if events < _ENOUGH:
        return
    for name, digits in splits.items():
        if len(digits) and not counts[list(digits)].any():
            yield serious(
                "event",
                f"none of {events} events ends on a digit of the split '{name}' "
                f"({', '.join(map(str, digits))}); is it a number of the event?",
            )
            return
    if chi2(counts) > _UNEVEN:
        shown = ", ".join(str(count) for count in counts)
        yield doubtful(
            "event",
            f"the last digits 0 to 9 are not equally frequent ({shown}), so that the splits are "
            f"not as large as asked for",
        )


def effective(weight: Array) -> float:
    """(sum w)^2 / (n sum w^2): share of the jets that, all alike, would be worth as much."""
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / (len(weight) * squares) if squares > 0 else 0.0


def weights(weight: Array, label: Array, classes: tuple[str, ...]) -> Iterator[Finding]:
    """What is odd with the generator's weights of jets (jets,) and their classes."""
    bad = int(np.count_nonzero(~np.isfinite(weight)))
    if bad:
        yield serious("weight", f"is missing or infinite for {bad} of {len(weight)} jets")
        return
    wide = np.asarray(weight, np.float64)
    for share, what in (((wide == 0).mean(), "zero"), ((wide < 0).mean(), "negative")):
        if share > 0:
            yield note("weight", f"is {what} for {percent(float(share))} of the jets")
    for index, name in enumerate(classes):
        mine = wide[label == index]
        if not len(mine):
            continue
        if mine.sum() <= 0:
            yield serious("weight", f"adds up to {mine.sum():.3g} for class '{name}'")
        elif (share := effective(mine)) < _FLUCTUATING:
            yield doubtful(
                "weight",
                f"differs so much that the {len(mine)} jets of class '{name}' are worth "
                f"{share * len(mine):.0f}; are samples with different weights mixed?",
            )
