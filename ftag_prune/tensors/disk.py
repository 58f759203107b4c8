"""Jets that stay on the disk and come in windows: chunks from all over the file, mixed in memory.

The file is cut into as many stretches as a window has chunks, and every window takes one chunk,
drawn at random, of each stretch. So each window is composed as the file is, even where the jets
stand in blocks of one class, and each chunk is read once an epoch.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ftag_prune.errors import SampleError
from ftag_prune.tensors.jets import Columns, Jets, from_records

__all__ = ["JetsOnDisk", "Records", "Stamp", "mixed_windows", "stamp"]

# Chunks of a window. In a file whose blocks are as short as a chunk its composition then varies no
# more than that of a usual batch does anyway.
CHUNKS = 1024

# A window does not grow beyond this: chunks of 1 MiB are as quick to read as larger ones, and
# trainings side by side have a window each.
LARGEST = 2**30

# Bytes that are read at once in the order of the file.
_IN_ORDER = 2**23

Pieces = npt.NDArray[np.int64]  # (pieces, 2): first jet, and the one after the last

_NONE: Pieces = np.empty((0, 2), np.int64)


class Stamp(NamedTuple):
    """Tells one state of a file from another."""

    inode: int
    size: int
    changed: int


def stamp(found: os.stat_result) -> Stamp:
    """What tells the state of a file, from its entry in the folder."""
    return Stamp(found.st_ino, found.st_size, found.st_mtime_ns)


class Records(NamedTuple):
    """Where the records of a dataset lie in a file, contiguous and uncompressed.

    Attributes
    ----------
    offset : bytes before the first
    shape : (n,) jets or (n, tracks)
    """

    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        """Bytes of a jet."""
        return self.dtype.itemsize * math.prod(self.shape[1:])

    def read(
        self, file: BufferedReader, pieces: Pieces, space: npt.NDArray[np.uint8]
    ) -> npt.NDArray[Any]:
        """Records of the jets in some pieces, one piece after another, in `space` (n, bytes)."""
        filled = 0
        for begin, end in pieces.tolist():
            part = space[filled : filled + end - begin]
            file.seek(self.offset + begin * self.width)
            # Read, not mapped: mapped pages would stay in the memory of this process.
            if file.readinto(part.data) != part.nbytes:
                raise SampleError(f"{file.name}: ends before its jets do")
            filled += len(part)
        return space[:filled].reshape(-1).view(self.dtype).reshape(filled, *self.shape[1:])

    def announce(self, file: BufferedReader, pieces: Pieces) -> None:
        """Let the operating system fetch some pieces while this process computes."""
        if hasattr(os, "posix_fadvise"):
            for begin, end in (self.offset + pieces * self.width).tolist():
                os.posix_fadvise(file.fileno(), begin, end - begin, os.POSIX_FADV_WILLNEED)


@dataclass(frozen=True)
class JetsOnDisk:
    """Jets of a prepared file that is too large for the memory; a `Source`.

    Attributes
    ----------
    stamp : state of the file when the places of its records were found
    records : of the jets, and of their tracks if there are any
    window : bytes of the jets that are in memory at a time, about
    """

    path: Path
    stamp: Stamp
    records: tuple[Records, ...]
    columns: Columns
    window: int

    @property
    def number(self) -> int:
        """Jets in the file."""
        return self.records[0].shape[0]

    def mixed(self, size: int, *, rng: np.random.Generator) -> Iterator[Jets]:
        """Windows with chunks from all over the file; each overwrites the one before."""
        # A batch is in memory at least.
        wanted = max(min(self.window, LARGEST), size * self._width)
        count = math.ceil(self.number * self._width / wanted)
        windows = mixed_windows(self.number, size, count=count, rng=rng)
        longest = max(np.diff(pieces).sum() for pieces in windows)
        space = self._space(longest)
        with self._opened() as file:
            for pieces, following in zip(windows, [*windows[1:], _NONE], strict=True):
                window = self._read(file, pieces, space)
                for one in self.records:
                    one.announce(file, following)
                yield window

    def in_order(self, size: int) -> Iterator[Jets]:
        """Windows in the order of the file."""
        step = max(1, min(self.window, _IN_ORDER) // self._width // size) * size
        with self._opened() as file:
            for begin in range(0, self.number, step):
                pieces = np.array([[begin, min(begin + step, self.number)]])
                yield self._read(file, pieces, self._space(step))

    @property
    def _width(self) -> int:
        return sum(one.width for one in self.records)

    def _space(self, jets: int) -> list[npt.NDArray[np.uint8]]:
        return [np.empty((jets, one.width), np.uint8) for one in self.records]

    def _opened(self) -> BufferedReader:
        """The file, anew each time: an open handle must not cross a fork."""
        try:
            file = self.path.open("rb")
        except OSError as bad:
            raise SampleError(f"{self.path}: cannot be read any more ({bad.strerror})") from None
        if stamp(os.fstat(file.fileno())) != self.stamp:
            file.close()
            raise SampleError(f"{self.path}: has changed since it was opened")
        return file

    def _read(
        self, file: BufferedReader, pieces: Pieces, space: list[npt.NDArray[np.uint8]]
    ) -> Jets:
        read = [one.read(file, pieces, its) for one, its in zip(self.records, space, strict=True)]
        return from_records(read[0], read[1] if read[1:] else None, self.columns)


def mixed_windows(number: int, size: int, *, count: int, rng: np.random.Generator) -> list[Pieces]:
    """Pieces of a file of `number` jets for each of about `count` windows, in ascending order.

    Every jet is in one piece; all windows but the last hold a multiple of `size` jets.
    """
    total = CHUNKS * count
    edges = np.arange(total + 1) * number // total
    # A row is a window with a chunk of each stretch, in random order, for windows end at a
    # multiple of `size`, and what is left of a row goes to the next.
    drawn = rng.permuted(np.arange(total).reshape(CHUNKS, count), axis=1).T
    stream = rng.permuted(drawn, axis=1).ravel()
    begins, lengths = edges[stream], np.diff(edges)[stream]
    places = np.cumsum(lengths) - lengths
    ends = [min(-(-row * number // (count * size)) * size, number) for row in range(count + 1)]
    return [
        _between(begins, lengths, first - places, last - places)
        for first, last in pairwise(ends)
        if last > first
    ]


def _between(begins: Pieces, lengths: Pieces, first: Pieces, last: Pieces) -> Pieces:
    """Parts of chunks between two places, which are given as seen from each chunk's begin."""
    low, high = first.clip(0, lengths), last.clip(0, lengths)
    pieces = np.stack([begins + low, begins + high], axis=1)[high > low]
    return pieces[np.argsort(pieces[:, 0])]
