"""Records of all kept jets on disk, in the order of the files: memory stays flat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ftag_prune.expression import Array
from ftag_prune.prepare.count import SPLITS, Tally
from ftag_prune.prepare.piece import Piece
from ftag_prune.prepare.scan import Scanned, columns_in
from ftag_prune.prepare.write import append

__all__ = ["BLOCK", "Part", "Spool", "Training", "regular"]

BLOCK = 65_536  # jets in one sum; fixed, so that sums do not depend on how the files were read


class Part(NamedTuple):
    """Where the kept jets of a piece are.

    Attributes
    ----------
    begin, number : first of its records in the spool, and how many there are
    splits : jets in each split
    """

    piece: Piece
    begin: int
    number: int
    splits: tuple[int, ...]
    event: np.dtype[Any]
    tally: Tally


class Spool:
    """A raw file of records.

    Parameters
    ----------
    path : is made
    """

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self.path, self.dtype = path, dtype
        self._number = 0
        path.touch()

    def add(self, scanned: Scanned) -> Part:
        """Records of the next piece."""
        records, begin = scanned.records, self._number
        append(self.path, records)
        self._number += len(records)
        splits = np.bincount(records["split"], minlength=len(SPLITS)).tolist()
        piece, tally = scanned.piece, scanned.tally
        return Part(piece, begin, len(records), tuple(splits), scanned.event, tally)


def regular(arrays: Iterable[Array], length: int = BLOCK) -> Iterator[Array]:
    """The same rows in arrays of equal length; the last may be shorter."""
    rest: list[Array] = []
    for array in arrays:
        rest.append(array)
        while sum(map(len, rest)) >= length:
            whole = np.concatenate(rest)
            yield whole[:length]
            rest = [whole[length:]]
    last = np.concatenate(rest) if rest else np.zeros(0)
    if len(last):
        yield last


class Training:
    """Records of the training jets, in blocks of `BLOCK`, as often as they are asked for."""

    def __init__(self, spool: Spool, parts: Sequence[Part]) -> None:
        self._spool, self._parts = spool, parts

    @property
    def columns(self) -> tuple[str, ...]:
        """Those that weights and spectra look at."""
        return columns_in(self._spool.dtype)

    def __iter__(self) -> Iterator[Array]:
        return regular(self._records())

    def _records(self) -> Iterator[Array]:
        spool, size = self._spool, self._spool.dtype.itemsize
        for part in self._parts:
            found = np.fromfile(spool.path, spool.dtype, part.number, offset=part.begin * size)
            yield found[found["split"] == 0]
