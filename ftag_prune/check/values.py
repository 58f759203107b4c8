"""Columns: ranges, missing values, constants, twins, and those that give the label away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ftag_prune.check.finding import Finding, doubtful, note, percent, serious
from ftag_prune.expression import Array

__all__ = [
    "Summary",
    "absent",
    "explained",
    "leaks",
    "oddities",
    "separation",
    "summarise",
    "twins",
]

_MANY_MISSING = 0.5
_NAMED = 4
_HUGE = 1e6  # an input beyond it is no measurement, or wants a logarithm
_EXPLAINED = 0.999  # share of the variance that lies between classes
_SEPARATED = 0.9999  # area under the ROC curve
_FEW = 20  # jets of a class that a statement about it needs


class Summary(NamedTuple):
    """A column in a few numbers.

    Attributes
    ----------
    name : as the card calls it
    chosen : whether it is an input
    low, middle, high : of the finite values; NaN without any
    nan, inf : shares of the values
    """

    name: str
    chosen: bool
    low: float
    middle: float
    high: float
    nan: float
    inf: float


def summarise(name: str, values: Array, *, chosen: bool) -> Summary:
    """Range and shares of a column (n,)."""
    wide = np.asarray(values, np.float64)
    good = wide[np.isfinite(wide)]
    number = max(len(wide), 1)
    nan, inf = (float(np.count_nonzero(flag) / number) for flag in (np.isnan(wide), np.isinf(wide)))
    if not len(good):
        return Summary(name, chosen, np.nan, np.nan, np.nan, nan, inf)
    return Summary(
        name, chosen, float(good.min()), float(np.median(good)), float(good.max()), nan, inf
    )


def oddities(one: Summary, key: str, *, jets: int) -> Iterator[Finding]:
    """Infinite, huge and constant values of a column, and one that is missing everywhere.

    Parameters
    ----------
    jets : number of them that the summary is about; of a few, each may lack the value
    """
    if one.nan + one.inf >= 1:
        sure = one.chosen and jets >= _FEW
        yield (serious if sure else doubtful)(key, "has no finite value")
        return
    if one.inf:
        yield doubtful(key, f"is infinite in {percent(one.inf)} of the values")
    if one.chosen and one.low == one.high:
        what = f"is {one.low:g} wherever it is known" if one.nan else f"is always {one.low:g}"
        yield doubtful(key, f"{what}; the network learns nothing from it")
    if one.chosen and max(abs(one.low), abs(one.high)) > _HUGE:
        yield doubtful(
            key,
            f"goes from {one.low:.3g} to {one.high:.3g}; cut it with clip(), or take slog() of it",
        )


def absent(several: Sequence[Summary]) -> Iterator[Finding]:
    """Inputs that most values lack, all in one sentence: there may be many of one kind."""
    rare = [one for one in several if one.chosen and _MANY_MISSING < one.nan + one.inf < 1]
    if rare:
        names = ", ".join(one.name for one in rare[:_NAMED])
        more = f" and {len(rare) - _NAMED} more" if len(rare) > _NAMED else ""
        most = max(one.nan for one in rare)
        yield note("inputs", f"{names}{more}: missing in up to {percent(most)} of the values")


def twins(columns: Mapping[str, Array]) -> list[tuple[str, str]]:
    """Pairs of columns with equal values in all jets (missing ones are equal), the first named.

    Constant columns are no twins.
    """
    found: list[tuple[str, str]] = []
    first: dict[bytes, str] = {}
    for name, values in columns.items():
        wide = np.asarray(values, np.float64)
        known = wide[~np.isnan(wide)]
        if not len(known) or (known == known[0]).all():
            continue
        key = np.where(np.isnan(wide), np.nan, wide + 0.0).tobytes()  # -0 is 0
        if key in first:
            found.append((first[key], name))
        else:
            first[key] = name
    return found


def explained(values: Array, label: Array) -> float:
    """Share of the variance that lies between the classes: 1 if the class decides the value.

    Parameters
    ----------
    values : (n,), missing and infinite ones are left out
    label : (n,), index of the class
    """
    good = np.isfinite(values)
    x, y = np.asarray(values, np.float64)[good], label[good].astype(np.int64)
    if not len(x) or len(np.unique(y)) < 2:
        return 0.0
    x = x - x.mean()
    total = float((x**2).sum())
    if total == 0:
        return 0.0
    counts = np.bincount(y)
    sums = np.bincount(y, weights=x)
    between = float((sums[counts > 0] ** 2 / counts[counts > 0]).sum())
    return between / total


def separation(values: Array, flag: Array) -> float:
    """Area under the ROC curve of a class against all others, 0.5 to 1; ties count half."""
    good = np.isfinite(values)
    x, y = values[good], flag[good].astype(bool)
    inside, outside = int(y.sum()), int((~y).sum())
    if not inside or not outside:
        return 0.5
    _, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    rank = last - (counts - 1) / 2
    area = (float(rank[place][y].sum()) - inside * (inside + 1) / 2) / (inside * outside)
    return max(area, 1 - area)


def leaks(
    name: str, values: Array, label: Array, classes: tuple[str, ...], *, key: str
) -> Iterator[Finding]:
    """Whether an input gives the class away, as truth would."""
    wide = np.asarray(values, np.float64)
    known = np.isfinite(wide)
    counts = np.bincount(label[known].astype(np.int64), minlength=len(classes))
    present = [index for index in range(len(classes)) if counts[index] >= _FEW]
    if len(present) < 2:
        return
    share = explained(wide, label)
    if share > _EXPLAINED:
        yield serious(key, f"is decided by the class of the jet; '{name}' leaks the truth")
        return
    if known.mean() < _MANY_MISSING:
        return
    for index in present:
        if separation(wide, label == index) > _SEPARATED:
            yield doubtful(
                key,
                f"tells class '{classes[index]}' from all others (nearly) without fault, as truth "
                f"would",
            )
            return
