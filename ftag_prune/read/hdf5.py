"""Fields of structured HDF5 datasets: one record a jet, and a padded row of records for tracks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ftag_prune.errors import SampleError, nearest
from ftag_prune.expression import Array, Ragged, Rows
from ftag_prune.read.chunk import Chunk, entries_per_step, plain, require
from ftag_prune.schema import Branches, Card, Constituents

__all__ = ["chunks", "open_hdf5"]


def chunks(path: Path, card: Card, branches: Branches, *, step: int | str) -> Iterator[Chunk]:
    """Wanted fields of one file, piece by piece; SampleError if it does not hold them."""
    with open_hdf5(path) as file:
        jets = _dataset(path, file, card.dataset, branches.jets, dimensions=1)
        tracks = None
        within = card.constituents
        if within is not None and branches.tracks:
            wanted = (*branches.tracks, within.valid)
            tracks = _dataset(path, file, within.dataset, wanted, dimensions=2)
            _as_long(path, jets, tracks)
        if len(jets) == 0:
            raise SampleError(f"{path}, dataset '{card.dataset}': holds no jets")
        size = entries_per_step(step, _memory(jets, tracks))
        for begin in range(0, len(jets), size):
            part = slice(begin, min(begin + size, len(jets)))
            yield Chunk(
                part.stop - part.start,
                _jets(jets, branches.jets, part, path),
                _tracks(tracks, branches.tracks, part, within, path) if tracks and within else {},
            )


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """An HDF5 file; one sentence for a broken one, and for what breaks inside the block."""
    try:
        # Locks fail on Lustre and EOS, and nobody writes to a sample while it is read.
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except FileNotFoundError:
        raise SampleError(f"{path}: no such file") from None
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, MemoryError) as bad:
        reason = " ".join(str(bad).split())[:100] or type(bad).__name__
        raise SampleError(f"{path}: cannot be read as HDF5 ({reason})") from None


def _dataset(path: Path, file: Any, name: str, wanted: tuple[str, ...], *, dimensions: int) -> Any:
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


def _as_long(path: Path, jets: Any, tracks: Any) -> None:
    if len(jets) != len(tracks):
        raise SampleError(
            f"{path}: '{jets.name}' holds {len(jets)} jets, '{tracks.name}' {len(tracks)}"
        )


def _memory(jets: Any, tracks: Any) -> float:
    slots = tracks.shape[1] * tracks.dtype.itemsize if tracks is not None else 0
    return float(jets.dtype.itemsize + slots)


def _jets(dataset: Any, names: tuple[str, ...], part: slice, path: Path) -> dict[str, Array]:
    where = f"{path}, dataset '{dataset.name.lstrip('/')}'"
    records = dataset[part]
    return {name: plain(records[name], branch=name, where=where) for name in names}


def _tracks(
    dataset: Any, names: tuple[str, ...], part: slice, within: Constituents, path: Path
) -> dict[str, Ragged]:
    """Valid tracks alone; the padding is gone."""
    where = f"{path}, dataset '{dataset.name.lstrip('/')}'"
    records = dataset[part]
    valid = records[within.valid].astype(bool)
    rows, number = Rows(valid.sum(axis=1)), np.flatnonzero(valid)
    flat = records.reshape(-1)
    return {
        name: Ragged(plain(flat[name][number], branch=name, where=where), rows) for name in names
    }
