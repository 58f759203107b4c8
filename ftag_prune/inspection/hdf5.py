"""Datasets of an HDF5 file, and the fields of one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ftag_prune.expression import Array
from ftag_prune.inspection.column import Column, Shape, describe, jagged, padded
from ftag_prune.inspection.contents import Contents, Piece, choose
from ftag_prune.read.hdf5 import open_hdf5

__all__ = ["inspect"]

_VALID = "valid"  # flag of the slots that hold a track


def inspect(path: Path, *, tree: str | None, jets: int) -> Contents:
    """Contents of an HDF5 file; SampleError if it is broken."""
    with open_hdf5(path) as file:
        pieces = tuple(_piece(one) for one in _datasets(file))
        chosen = choose(path, pieces, tree)
        dataset, stop = file[chosen.name], min(jets, chosen.entries)
        if tree is None and dataset.dtype.names is None:
            return _group(pieces, dataset, stop)
        return Contents(pieces, chosen, stop, tuple(_columns(chosen.name, dataset, stop)))


def _group(pieces: tuple[Piece, ...], dataset: Any, stop: int) -> Contents:
    """Contents where each column is a dataset of its own: those beside it of the same length."""
    group = dataset.parent
    columns = tuple(
        column
        for name, one in group.items()
        if isinstance(one, h5py.Dataset) and one.shape and len(one) == len(dataset)
        if one.dtype.names is None
        for column in _columns(name, one, stop)
    )
    chosen = Piece(group.name.lstrip("/") or "/", "group", len(dataset), len(columns))
    return Contents(pieces, chosen, stop, columns)


def _datasets(file: Any) -> list[Any]:
    found: list[Any] = []

    def keep(_: str, one: Any) -> None:
        # One value alone, or none, is a note about the file and not a sample.
        if isinstance(one, h5py.Dataset) and one.shape:
            found.append(one)

    file.visititems(keep)
    return found


def _piece(dataset: Any) -> Piece:
    columns = len(dataset.dtype.names or ("",))
    name = dataset.name.lstrip("/")
    return Piece(name, "dataset", dataset.shape[0], columns, tuple(dataset.shape[1:]))


def _columns(name: str, dataset: Any, stop: int) -> Iterator[Column]:
    records = dataset[:stop]
    names = records.dtype.names
    if names is None:
        yield _column(name, records, None)
        return
    valid = records[_VALID] if _VALID in names and records.ndim > 1 else None
    valid = valid if valid is not None and valid.dtype == np.bool_ else None
    for field in names:
        yield _column(field, records[field], None if field == _VALID else valid)


def _column(name: str, values: Array, valid: Array | None) -> Column:
    """Column of a field (entries, ...); of its valid slots where these are known."""
    if values.dtype.kind == "O":
        return _of_objects(name, values)
    if values.dtype.names is not None:
        return Column(name, "records", "scalar")
    single = values.ndim == 1
    shape = Shape("scalar") if single else padded(values.shape, valid=valid is not None)
    return describe(name, values if valid is None else values[valid], shape=shape)


def _of_objects(name: str, values: Array) -> Column:
    """Column of variable length: numbers, or text."""
    rows = values.ravel()
    if not rows.size or not all(isinstance(row, np.ndarray) for row in rows):
        return Column(name, "string", "scalar")
    counts = np.array([len(row) for row in rows])
    return describe(name, np.concatenate(rows), shape=jagged(counts))
