"""Fields of structured HDF5 datasets: one record a jet, and a padded row of records for tracks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import h5py
import numpy as np

from ftag_prune.errors import SampleError, nearest
from ftag_prune.expression import Array, Ragged, Rows
from ftag_prune.read.chunk import Chunk, entries_per_step, plain, require, whole_counts
from ftag_prune.read.flat import Flat
from ftag_prune.read.inside import require_inside
from ftag_prune.read.server import openable
from ftag_prune.schema import Branches, Card, Collection, Place

__all__ = ["chunks", "entries", "open_hdf5"]


def entries(path: Place, card: Card) -> int:
    """Jets of the file; SampleError if there are none."""
    with open_hdf5(path, endpoint=card.endpoint) as file:
        return _source(path, file, card).size


def chunks(
    path: Place, card: Card, branches: Branches, *, step: int | str, start: int, stop: int | None
) -> Iterator[Chunk]:
    """Wanted fields of some jets, piece by piece; SampleError if the file lacks them."""
    with open_hdf5(path, endpoint=card.endpoint) as file:
        source = _source(path, file, card)
        read = source.reader(branches)
        size = entries_per_step(step, read.memory)
        end = source.size if stop is None else min(stop, source.size)
        for begin in range(start, end, size):
            yield read.chunk(slice(begin, min(begin + size, end)))


@contextmanager
def open_hdf5(path: Place, *, endpoint: str | None = None) -> Iterator[Any]:
    """An HDF5 file by itself; one sentence for a broken one, and for what breaks in the block."""
    try:
        with openable(path, endpoint=endpoint) as place, _file(place) as file:
            require_inside(path, file)
            yield file
    except FileNotFoundError:
        raise SampleError(f"{path}: no such file") from None
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, MemoryError) as bad:
        number = getattr(bad, "errno", None)  # HDF5 says the reason at the end of a long text
        said = os.strerror(number) if number else " ".join(str(bad).split())[:100]
        reason = said or type(bad).__name__
        raise SampleError(f"{path}: cannot be read as HDF5 ({reason})") from None


def _file(place: Any) -> Any:
    if isinstance(place, str | os.PathLike):
        # Locks fail on Lustre and EOS, and nobody writes to a sample while it is read.
        return h5py.File(place, "r", locking=False)
    return h5py.File(place, "r")


class _Source(Protocol):
    """Jets of a file, however it lays them out."""

    size: int

    def reader(self, branches: Branches) -> _Reader:
        """Reads some branches; SampleError if the file does not hold them."""


class _Reader(Protocol):
    memory: float  # bytes of a jet

    def chunk(self, part: slice) -> Chunk:
        """Jets of a part of the file."""


def _source(path: Place, file: Any, card: Card) -> _Source:
    """Records, or a group of columns; SampleError without jets."""
    found = file.get(card.dataset)
    source: _Source = (
        Flat(path, found, card) if isinstance(found, h5py.Group) else _Records(path, file, card)
    )
    if source.size == 0:
        raise SampleError(f"{path}, dataset '{card.dataset}': holds no jets")
    return source


class _Records:
    """One record a jet, and for each collection a padded row of records."""

    def __init__(self, path: Place, file: Any, card: Card) -> None:
        self.path, self._file, self._card = path, file, card
        self.size = len(_dataset(path, file, card.dataset, (), dimensions=1))

    def reader(self, branches: Branches) -> _RecordsReader:
        """Reads some fields."""
        card, path = self._card, self.path
        jets = _dataset(path, self._file, card.dataset, branches.jets, dimensions=1)
        within = {}
        for name, wanted in branches.within.items():
            one = card.within[name]
            flag = () if one.counter else (one.valid,)
            fields = (*(one.branch(each) for each in wanted), *flag)
            found = _dataset(path, self._file, one.dataset, fields, dimensions=2)
            _as_long(path, jets, found)
            within[name] = _Padded(path, found, one, wanted)
        counters = [one.collection.counter for one in within.values()]
        more = tuple(name for name in counters if name)
        require(more, jets.dtype.names, where=f"{path}, dataset '{card.dataset}'")
        return _RecordsReader(path, jets, branches.jets, within)


class _Padded(NamedTuple):
    """Records (jets, slots) of one collection."""

    path: Place
    dataset: Any
    collection: Collection
    wanted: tuple[str, ...]

    def read(self, part: slice, jets: Array) -> dict[str, Ragged]:
        """Those that there are; the padding is gone."""
        one, where = self.collection, _where(self.path, self.dataset)
        records = self.dataset[part]
        valid = (
            np.arange(records.shape[1]) < self._counts(jets)[:, None]
            if one.counter
            else _flags(records[one.valid], name=one.valid, where=where)
        )
        rows, some = Rows(valid.sum(axis=1)), records[valid]
        branches = {name: one.branch(name) for name in self.wanted}
        return {
            name: Ragged(plain(some[branch], branch=branch, where=where), rows)
            for name, branch in branches.items()
        }

    def _counts(self, jets: Array) -> Array:
        counter = str(self.collection.counter)
        where = f"{self.path}, dataset of the jets"
        return whole_counts(jets[counter], branch=counter, where=where)


class _RecordsReader:
    """Reads records."""

    def __init__(
        self, path: Place, jets: Any, wanted: tuple[str, ...], within: Mapping[str, _Padded]
    ) -> None:
        self._jets, self._wanted, self._within = jets, wanted, within
        self._where = _where(path, jets)
        slots = [one.dataset.shape[1] * one.dataset.dtype.itemsize for one in within.values()]
        self.memory = float(jets.dtype.itemsize + sum(slots))

    def chunk(self, part: slice) -> Chunk:
        """Jets of a part of the file."""
        records = self._jets[part]
        return Chunk(
            part.stop - part.start,
            {name: plain(records[name], branch=name, where=self._where) for name in self._wanted},
            {name: one.read(part, records) for name, one in self._within.items()},
        )


def _dataset(path: Place, file: Any, name: str, wanted: tuple[str, ...], *, dimensions: int) -> Any:
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        known = [key for key, one in file.items() if isinstance(one, h5py.Dataset)]
        raise SampleError(f"{path}: no dataset '{name}'{nearest(name, known)}")
    if found.dtype.names is None or found.ndim != dimensions:
        raise SampleError(
            f"{path}: dataset '{name}' holds {found.dtype} {found.shape}, "
            f"not records in {dimensions} dimension{'s' * (dimensions > 1)}"
        )
    require(wanted, found.dtype.names, where=f"{path}, dataset '{name}'")
    return found


def _as_long(path: Place, jets: Any, tracks: Any) -> None:
    if len(jets) != len(tracks):
        raise SampleError(
            f"{path}: '{jets.name}' holds {len(jets)} jets, '{tracks.name}' {len(tracks)}"
        )


def _flags(valid: Array, *, name: str, where: str) -> Array:
    """(jets, slots): whether a slot holds a constituent."""
    if valid.dtype.kind not in "biu" or valid.ndim != 2:
        raise SampleError(f"{where}: branch '{name}' is no flag for each slot")
    return valid.astype(bool)


def _where(path: Place, dataset: Any) -> str:
    return f"{path}, dataset '{dataset.name.lstrip('/')}'"
