"""Means and standard deviations of the inputs over the training jets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.expression import Array
from ftag_prune.prepare.spool import BLOCK
from ftag_prune.prepare.write import Target
from ftag_prune.schema import as_numbers

__all__ = ["Moments", "jet_rows", "moments", "track_rows"]

_JETS = 100_000  # whose tracks are looked at
_TRACK_BLOCK = 4_096  # jets


class Moments(NamedTuple):
    """Mean and standard deviation, (inputs,), float64; 1 for an input that is constant."""

    mean: Array
    std: Array


@np.errstate(invalid="ignore")  # a NaN of any bit pattern is a missing value
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


def jet_rows(target: Target, dtype: np.dtype[Any], inputs: int) -> Iterator[Array]:
    """Inputs (n, inputs) of all jets of a file that is being made, piece by piece."""
    for begin in range(0, target.rows, BLOCK):
        number = min(BLOCK, target.rows - begin)
        offset = target.jets + begin * dtype.itemsize
        yield as_numbers(np.fromfile(target.path, dtype, number, offset=offset))[:, :inputs]


def track_rows(target: Target, dtype: np.dtype[Any], maximum: int) -> Iterator[Array]:
    """Inputs (n, inputs) of the valid tracks of at most 100,000 jets, evenly spaced in the file."""
    step, size = -(-target.rows // _JETS), maximum * dtype.itemsize
    chosen = range(0, target.rows, step)
    with target.path.open("rb") as file:
        for begin in range(0, len(chosen), _TRACK_BLOCK):
            raw = bytearray()
            for row in chosen[begin : begin + _TRACK_BLOCK]:
                file.seek((target.tracks or 0) + row * size)
                raw += file.read(size)
            tracks = np.frombuffer(raw, dtype)
            yield as_numbers(tracks)[tracks["valid"], :-1]
