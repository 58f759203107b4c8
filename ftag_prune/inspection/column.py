"""A column in a few numbers: range, share of missing values, and the values of a label."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["FEW", "Column", "describe", "jagged", "padded"]

FEW = 12  # distinct values of integers that are still listed, as labels are


class Column(NamedTuple):
    """What is known of a branch or a field.

    `low` and `high` are of the finite values and None without any; `bad` is the share of NaN or
    infinite values, None where there can be none; `values` are pairs of a value and its count, of
    integers and flags with few distinct values, in ascending order.
    """

    name: str
    kind: str
    shape: str
    low: int | float | None = None
    high: int | float | None = None
    bad: float | None = None
    values: tuple[tuple[int, int], ...] = ()


def describe(
    name: str, content: npt.NDArray[Any], *, kind: str = "", shape: str = "scalar"
) -> Column:
    """Column of its numbers, of any dimension; integers never pass through a float.

    Parameters
    ----------
    kind : name of the type; the array's own if empty
    shape : how the numbers belong to the jets, see `jagged` and `padded`
    """
    found = Column(name, kind or str(content.dtype.newbyteorder("=")), shape)
    if content.dtype.kind not in "biuf" or not content.size:
        return found
    if content.dtype.kind != "f":
        return _of_integers(found, content)
    good = content[np.isfinite(content)]
    found = found._replace(bad=1 - good.size / content.size)
    return found._replace(low=good.min().item(), high=good.max().item()) if good.size else found


def jagged(counts: npt.NDArray[np.integer[Any]]) -> str:
    """Shape of a column with several values a jet, from their numbers (jets,)."""
    return f"jagged, {counts.min()} to {counts.max()}" if counts.size else "jagged"


def padded(shape: tuple[int, ...], *, valid: bool = False) -> str:
    """Shape of a column with room for the same number of values in each jet.

    `valid` says that only the slots with a true ``valid`` count.
    """
    sizes = ", ".join(str(size) for size in shape)
    return f"padded ({sizes})" + (", valid ones" if valid else "")


def _of_integers(found: Column, content: npt.NDArray[Any]) -> Column:
    numbers = content.astype(np.int8) if content.dtype.kind == "b" else content
    values, counts = np.unique(numbers, return_counts=True)
    low, high = values[0].item(), values[-1].item()
    few = zip(values.tolist(), counts.tolist(), strict=True) if len(values) <= FEW else ()
    return found._replace(low=low, high=high, values=tuple(few))
