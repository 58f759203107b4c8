"""How the classes of the training jets are spread in some columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ftag_prune.expression import Array

__all__ = ["edges_of", "limits", "spectra"]

_BINS = 40
_ROUND = np.array([1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0])
_LOGARITHMIC = frozenset({"pt"})


def limits(blocks: Iterable[Array], columns: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Least and largest finite magnitude of each column; (0.1, 1) if there is none."""
    low, high = dict.fromkeys(columns, np.inf), dict.fromkeys(columns, 0.0)
    for block in blocks:
        for name in columns:
            values = np.abs(block[name])
            values = values[np.isfinite(values) & ((values > 0) | (name not in _LOGARITHMIC))]
            low[name] = min(low[name], float(values.min(initial=np.inf)))
            high[name] = max(high[name], float(values.max(initial=0.0)))
    return {name: (low[name], high[name]) if high[name] > 0 else (0.1, 1.0) for name in columns}


def edges_of(name: str, low: float, high: float) -> Array:
    """(41,): round ends, equal steps between them; of the logarithm for a transverse momentum."""
    top = _round_up(high)
    if name in _LOGARITHMIC:
        return np.geomspace(min(_round_down(low), top / 2), top, _BINS + 1)
    bottom = _round_down(low) if low > 0.1 * high else 0.0
    return np.linspace(bottom, top, _BINS + 1)


def _round_up(value: float) -> float:
    power = 10.0 ** np.floor(np.log10(value))
    return float(_ROUND[np.searchsorted(_ROUND, value / power * (1 - 1e-6))] * power)


def _round_down(value: float) -> float:
    power = 10.0 ** np.floor(np.log10(value))
    return float(_ROUND[np.searchsorted(_ROUND, value / power * (1 + 1e-6), "right") - 1] * power)


def spectra(
    blocks: Iterable[tuple[Array, Array]], edges: Mapping[str, Array], classes: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Sums of weights and of their squares, by column, class and bin.

    Parameters
    ----------
    blocks : records of jets with ``label`` and the columns, and the weight of each, (n,)
    edges : by column; jets outside are left out, missing values too
    """
    sums = {name: np.zeros((2, len(classes), len(at) - 1)) for name, at in edges.items()}
    for jets, weight in blocks:
        for name, at in edges.items():
            place = np.searchsorted(at.astype(np.float32), np.abs(jets[name]), side="right") - 1
            inside = (place >= 0) & (place < len(at) - 1)
            flat = (jets["label"].astype(np.int64) * (len(at) - 1) + place)[inside]
            for row, power in enumerate((1, 2)):
                found = np.bincount(
                    flat, weight[inside].astype(np.float64) ** power, sums[name][row].size
                )
                sums[name][row] += found.reshape(sums[name][row].shape)
    return {
        name: {
            flavour: {"sum": both[0, index].tolist(), "sum2": both[1, index].tolist()}
            for index, flavour in enumerate(classes)
        }
        for name, both in sums.items()
    }
