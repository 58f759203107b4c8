"""A column in a few numbers: range, share of missing values, and the values of a label."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["FEW", "Column", "Missing", "Shape", "describe", "jagged", "padded", "sentinel"]

FEW = 12  # distinct values of integers that are still listed, as labels are

_PILE = 0.005  # share of the values from which on a repeated number may stand for "missing"
_SPIKE = 5  # times the next most frequent number
_USUAL = (-1.0, -2.0, -3.0, -5.0)  # stand for "missing" in ratios and scores; beyond -9 all may


class Shape(NamedTuple):
    """How the numbers of a column belong to the entries.

    Attributes
    ----------
    text : for people
    most : largest number of values of an entry, or slots of a padded one; None for a single value
    rows : fingerprint of the numbers of values; equal for columns of the same objects
    """

    text: str
    most: int | None = None
    rows: int | None = None


class Missing(NamedTuple):
    """A number that stands for "missing", its share, and the range of the other numbers."""

    value: float
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Column:
    """What is known of a branch or a field.

    `low` and `high` are of the finite values and None without any; `bad` is the share of NaN or
    infinite values, None where there can be none; `values` are pairs of a value and its count, of
    integers and flags with few distinct values, in ascending order. What only a guess needs is not
    compared: `middle` is the median, `missing` tells of a number that stands for "missing", `most`
    and `rows` are those of its `Shape`.
    """

    name: str
    kind: str
    shape: str
    low: int | float | None = None
    high: int | float | None = None
    bad: float | None = None
    values: tuple[tuple[int, int], ...] = ()
    middle: float | None = field(default=None, compare=False)
    missing: Missing | None = field(default=None, compare=False)
    most: int | None = field(default=None, compare=False)
    rows: int | None = field(default=None, compare=False)


_SINGLE = Shape("scalar")


def describe(
    name: str, content: npt.NDArray[Any], *, kind: str = "", shape: Shape = _SINGLE
) -> Column:
    """Column of its numbers, of any dimension; integers never pass through a float.

    Parameters
    ----------
    kind : name of the type; the array's own if empty
    shape : how the numbers belong to the jets, see `jagged` and `padded`
    """
    kind = kind or str(content.dtype.newbyteorder("="))
    found = Column(name, kind, shape.text, most=shape.most, rows=shape.rows)
    if content.dtype.kind not in "biuf" or not content.size:
        return found
    return _of_floats(found, content) if content.dtype.kind == "f" else _of_integers(found, content)


def jagged(counts: npt.NDArray[np.integer[Any]]) -> Shape:
    """Shape of a column with several values a jet, from their numbers (jets,)."""
    if not counts.size:
        return Shape("jagged", 0, 0)
    rows = zlib.crc32(np.ascontiguousarray(counts, np.int64).tobytes())
    return Shape(f"jagged, {counts.min()} to {counts.max()}", int(counts.max()), rows)


def padded(shape: tuple[int, ...], *, valid: bool = False) -> Shape:
    """Shape of a column with room for the same number of values in each jet.

    `valid` says that only the slots with a true ``valid`` count.
    """
    sizes = ", ".join(str(size) for size in shape)
    text = f"padded ({sizes})" + (", valid ones" if valid else "")
    return Shape(text, int(np.prod(shape[1:])), -int(np.prod(shape[1:])))


def sentinel(content: npt.NDArray[Any]) -> Missing | None:
    """Negative whole number that stands for "missing"; None if there is none.

    A number below -9 far from all others, or -1, -2, -3 or -5 below all others by as much as its
    own half, or any of these that is many times as frequent as every other number but 0.

    Parameters
    ----------
    content : (n,), finite
    """
    negative = content[(content < 0) & (content == np.floor(content))]
    if negative.size < max(2.0, _PILE * content.size):
        return None
    values, counts = np.unique(negative, return_counts=True)
    value, count = float(values[counts.argmax()]), int(counts.max())
    if count < max(2.0, _PILE * content.size) or not (value <= -9 or value in _USUAL):
        return None
    others = content[content != value]
    near = others[np.abs(others - value) <= abs(value) / 2]
    if near.size:
        most = np.unique(others[others != 0], return_counts=True)[1].max(initial=0)
        if count < _SPIKE * most or count < 2 * _PILE * content.size:
            return None
    rest = others if others.size else content
    return Missing(value, count / content.size, rest.min().item(), rest.max().item())


def _of_floats(found: Column, content: npt.NDArray[Any]) -> Column:
    good = content[np.isfinite(content)]
    found = replace(found, bad=1 - good.size / content.size)
    if not good.size:
        return found
    number = replace(
        found,
        low=good.min().item(),
        high=good.max().item(),
        middle=float(np.median(good)),
        missing=sentinel(good.ravel()),
    )
    flags = ((good == 0) | (good == 1)).all()  # one-hot labels are often floats
    return replace(number, values=_counted(good.astype(np.int8))) if flags else number


def _of_integers(found: Column, content: npt.NDArray[Any]) -> Column:
    numbers = content.astype(np.int8) if content.dtype.kind == "b" else content
    values = _counted(numbers)
    low, high = numbers.min().item(), numbers.max().item()
    far = numbers[numbers <= -9] if numbers.dtype.kind == "i" else numbers[:0]
    return replace(
        found,
        low=low,
        high=high,
        values=values if len(values) <= FEW else (),
        middle=float(np.median(numbers)),
        # Not -1, which is a charge, or an index of none.
        missing=sentinel(numbers.ravel()) if far.size else None,
    )


def _counted(numbers: npt.NDArray[Any]) -> tuple[tuple[int, int], ...]:
    values, counts = np.unique(numbers, return_counts=True)
    return tuple(zip(values.tolist(), counts.tolist(), strict=True))
