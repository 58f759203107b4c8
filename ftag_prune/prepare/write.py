"""Prepared files: made whole, filled at known places, described at the end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.expression import Array

__all__ = ["Target", "append", "create", "describe", "put", "writing"]

# From version 1.8 on attributes may exceed 64 kB, as long lists of sources do.
# Locks fail on Lustre and EOS, and nobody else knows the temporary names.
_HOW: Mapping[str, Any] = {"libver": ("v108", "latest"), "locking": False}


class Target(NamedTuple):
    """A file that is filled.

    Attributes
    ----------
    path : where it is now
    name : what it will be called
    rows : jets in it
    jets, tracks : where the first byte of each dataset stands; None without tracks
    """

    path: Path
    name: Path
    rows: int
    jets: int
    tracks: int | None


@contextmanager
def writing(name: Path) -> Iterator[None]:
    """One sentence if the disk is full, or a file cannot be written for another reason."""
    try:
        yield
    except (OSError, RuntimeError) as bad:
        reason = getattr(bad, "strerror", None) or " ".join(str(bad).split())[:100]
        raise SampleError(f"{name}: cannot be written ({reason})") from None


def create(
    path: Path, name: Path, kinds: Mapping[str, np.dtype[Any]], *, rows: int, tracks: int
) -> Target:
    """Make an HDF5 file with room for so many jets, and tracks of each.

    They are contiguous and uncompressed, so that they can be written at any place by any process,
    and mapped into memory later.
    """
    shapes = {"jets": (rows,), "tracks": (rows, tracks)}
    with writing(name), h5py.File(path, "w", **_HOW) as file:
        places = {}
        for key, dtype in kinds.items():
            how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            how.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            how.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            made = file.create_dataset(key, shape=shapes[key], dtype=dtype, dcpl=how)
            places[key] = made.id.get_offset()
    return Target(path, name, rows, places["jets"], places.get("tracks"))


def append(path: Path, records: Array) -> None:
    """Add records to a raw file."""
    with writing(path), path.open("ab") as file:
        file.write(np.ascontiguousarray(records).view(np.uint8).data)


def put(file: int, records: Array, offset: int) -> None:
    """Write records at a place of an open file."""
    rest = np.ascontiguousarray(records).view(np.uint8).reshape(-1).data
    while len(rest):
        done = os.pwrite(file, rest, offset)
        rest, offset = rest[done:], offset + done


def describe(target: Target, attributes: Mapping[str, Any]) -> None:
    """Add attributes, numbers, texts and arrays as they are, all else as JSON; then all is on disk.

    A disk may tell only now that it is full: before any of the files gets its name.
    """
    with writing(target.name):
        with h5py.File(target.path, "r+", **_HOW) as file:
            for key, value in attributes.items():
                plain = isinstance(value, int | str | np.ndarray)
                file.attrs[key] = value if plain else json.dumps(value)
        with target.path.open("rb") as written:
            os.fsync(written.fileno())
