"""Constituents: jets without any, jets with too many, and padding that is read as tracks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ftag_prune.check.finding import Finding, doubtful, note, percent, serious
from ftag_prune.expression import Array

__all__ = ["empty_slots", "numbers", "padding"]

_MOST = 0.5
_LEAK = 0.01


def numbers(counts: Array, *, maximum: int) -> Iterator[Finding]:
    """What the numbers of constituents (jets,) say."""
    if not len(counts):
        return
    none, cut = float((counts == 0).mean()), float((counts > maximum).mean())
    if none == 1:
        yield serious("constituents", "no jet has any")
        return
    if none > 0:
        yield (doubtful if none > _MOST else note)(
            "constituents", f"{percent(none)} of the jets have none"
        )
    if cut > 0:
        lost = float(np.maximum(counts - maximum, 0).sum() / counts.sum())
        yield (doubtful if lost > _MOST else note)(
            "constituents.maximum",
            f"{percent(cut)} of the jets have more than {maximum} (up to {counts.max()}); "
            f"{percent(lost)} of the constituents are dropped",
        )


def empty_slots(variables: Mapping[str, Array]) -> float:
    """Share of constituents (n,) of which all variables are 0 or missing."""
    columns = [np.nan_to_num(np.asarray(values, np.float64)) for values in variables.values()]
    if not columns or not len(columns[0]):
        return 0.0
    return float((np.stack(columns) == 0).all(axis=0).mean())


def padding(variables: Mapping[str, Array]) -> Iterator[Finding]:
    """Whether slots without a constituent are read as some."""
    if len(variables) > 1 and (share := empty_slots(variables)) > _LEAK:
        yield doubtful(
            "constituents",
            f"{percent(share)} have 0 in all of {', '.join(list(variables)[:4])}"
            f"{', ...' if len(variables) > 4 else ''}; is padding read as tracks?",
        )
