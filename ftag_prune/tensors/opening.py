"""A prepared file opened: mapped into memory, or left on the disk if it is too large for that."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ftag_prune.errors import ConfigError, nearest
from ftag_prune.tensors.disk import JetsOnDisk, Records, stamp
from ftag_prune.tensors.jets import Columns, Jets, from_records
from ftag_prune.tensors.meaning import Description, description, prepared_file

__all__ = ["load", "load_within"]

_log = logging.getLogger(__name__)


def load(path: Path, *, inputs: Sequence[str] | None = None) -> Jets:
    """Jets of a prepared file.

    With all inputs in their order, x and tracks are views of the memory-mapped file; changes to
    them do not reach the file.

    Parameters
    ----------
    inputs : some jet inputs, in the wanted order; default all of them
    """
    columns = _columns(path, description(path), inputs)
    with prepared_file(path) as file:
        jets = _mapped(path, file["jets"])
        tracks = _mapped(path, file["tracks"]) if "tracks" in file else None
    return from_records(jets, tracks, columns)


def load_within(
    path: Path, memory: float, *, inputs: Sequence[str] | None = None
) -> Jets | JetsOnDisk:
    """Jets of a prepared file: as `load` does if they fit into the memory, else left on the disk.

    Parameters
    ----------
    memory : bytes that the jets may take
    inputs : some jet inputs, in the wanted order; default all of them
    """
    with prepared_file(path) as file:
        state = stamp(path.stat())
        found = [file[name] for name in ("jets", "tracks") if name in file]
        size = sum(one.nbytes for one in found)
        # What is compressed by others cannot be read in pieces of our own.
        if size > memory and all(one.id.get_offset() is not None for one in found):
            lying = [Records(one.dtype, one.id.get_offset(), one.shape) for one in found]
        else:
            lying = []
    if not lying:
        return load(path, inputs=inputs)
    _log.info("%s: %.3g GB, read in chunks (%.3g GB allowed)", path, size / 1e9, memory / 1e9)
    columns = _columns(path, description(path), inputs)
    # The other half is for what is made of a window: its labels, its order, its batches.
    return JetsOnDisk(path, state, tuple(lying), columns, int(memory) // 2)


def _columns(path: Path, about: Description, inputs: Sequence[str] | None) -> Columns:
    """A slice, which makes a view, if all are wanted."""
    if inputs is None or tuple(inputs) == about.inputs:
        return slice(0, len(about.inputs))
    if not inputs:
        raise ConfigError(f"{path}: no inputs are asked for")
    for name in inputs:
        if name not in about.inputs:
            raise ConfigError(f"{path}: no input '{name}'{nearest(name, about.inputs)}")
    return [about.inputs.index(name) for name in inputs]


def _mapped(path: Path, dataset: Any) -> npt.NDArray[Any]:
    """Records as they lie on disk, copied on writing; read if they are compressed or empty."""
    offset = dataset.id.get_offset()
    if offset is None or dataset.size == 0:
        return np.asarray(dataset[:])
    return np.memmap(path, dataset.dtype, "c", offset=offset, shape=dataset.shape)
