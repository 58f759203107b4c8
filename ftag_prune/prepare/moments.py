"""Means and standard deviations of the inputs over the training jets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.expression import Array
from ftag_prune.prepare.balance import blocks
from ftag_prune.schema import as_numbers

__all__ = ["Moments", "jet_rows", "moments", "track_rows"]

_TRACK_BLOCK = 4_096  # jets


class Moments(NamedTuple):
    """Mean and standard deviation, (inputs,), float64; 1 for an input that is constant."""

    mean: Array
    std: Array


def moments(rows: Iterable[Array], names: Sequence[str], *, where: str) -> Moments:
    """Moments of columns that come in pieces; missing (NaN) and infinite values are left out.

    Parameters
    ----------
    rows : arrays (n, inputs), float32
    names : of the inputs

    Raises
    ------
    SampleError
        If an input has no value at all.
    """
    shift = np.zeros(len(names))
    number, first, second = (np.zeros(len(names)) for _ in range(3))
    for index, block in enumerate(rows):
        wide = block.astype(np.float64)
        good = np.isfinite(wide)
        complete = bool(good.all())
        if not complete:
            wide[~good] = np.nan
        if index == 0:
            # Sums of squares lose digits far from zero: count from a typical row instead.
            shift = _typical(wide)
        wide -= shift
        if not complete:
            wide[~good] = 0.0
        number += good.sum(axis=0) if not complete else len(wide)
        first += wide.sum(axis=0)
        second += np.einsum("ij,ij->j", wide, wide)
    for name, values in zip(names, number, strict=True):
        if values == 0:
            raise SampleError(f"{where}: input '{name}' has no value for any training jet")
    mean = first / number
    spread = np.sqrt(np.maximum(second / number - mean**2, 0.0))
    mean = mean + shift
    constant = spread <= 1e-7 * np.abs(mean)  # as exact as float32 can be
    return Moments(mean, np.where(constant, 1.0, spread))


def _typical(block: Array) -> Array:
    known = ~np.isnan(block)
    number = np.maximum(known.sum(axis=0), 1)
    return np.asarray(np.where(known, block, 0.0).sum(axis=0) / number)


def jet_rows(jets: Array, inputs: int) -> Iterator[Array]:
    """Inputs (n, inputs) of jets, piece by piece, as views."""
    matrix = as_numbers(jets)[:, :inputs]
    for part in blocks(len(jets)):
        yield matrix[part]


def track_rows(tracks: Array, inputs: int) -> Iterator[Array]:
    """Inputs (n, inputs) of valid tracks, piece by piece."""
    matrix = as_numbers(tracks)[..., :inputs]
    for part in blocks(len(tracks), _TRACK_BLOCK):
        yield matrix[part][tracks["valid"][part]]
