"""Branches of a ROOT TTree, or fields of an RNTuple."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path
from typing import Any

from ftag_prune.errors import SampleError
from ftag_prune.expression import Array, Ragged, Rows
from ftag_prune.read.chunk import Chunk, entries_per_step, plain, require, shared_rows
from ftag_prune.read.events import ROWS
from ftag_prune.read.tree import opened
from ftag_prune.schema import Branches, Card

__all__ = ["chunks", "open_root", "stumbles"]


def chunks(path: Path, card: Card, branches: Branches, *, step: int | str) -> Iterator[Chunk]:
    """Wanted branches of one file, piece by piece; SampleError if it does not hold them."""
    where = f"{path}, tree '{card.tree}'"
    prefix = card.constituents.prefix if card.constituents else ""
    tracks = {prefix + name: name for name in branches.tracks}
    with open_root(path) as file:
        tree = opened(path, str(card.tree), file)
        wanted = list(dict.fromkeys([*branches.jets, *tracks]))
        require(wanted, tree.names, where=where)
        if tree.size == 0:
            raise SampleError(f"{where}: holds no jets")
        size = entries_per_step(step, tree.memory(wanted))
        for piece in tree.pieces(wanted, size=size):
            chunk = _chunk(piece, branches.jets, tracks, where)
            yield ROWS[card.rows](chunk, where=where)


@contextmanager
def open_root(path: Path) -> Iterator[Any]:
    """A whole ROOT file; one sentence for the many ways in which uproot stumbles over others.

    What is read inside the block is held to the same.
    """
    import uproot  # not above: it takes a second, and HDF5 does without

    try:
        with uproot.open(path) as file:
            _complete(path, file)
            yield file
    except FileNotFoundError:
        raise SampleError(f"{path}: no such file") from None
    except stumbles() as bad:
        reason = " ".join(str(bad).split())[:100] or type(bad).__name__
        raise SampleError(f"{path}: cannot be read as ROOT ({reason})") from None


def stumbles() -> tuple[type[Exception], ...]:
    """What uproot raises when it stumbles over bytes that it cannot read."""
    from cramjam import DecompressionError
    from uproot.deserialization import DeserializationError

    plain_ones = (OSError, ValueError, LookupError, RuntimeError, TypeError)
    odd_ones = (AssertionError, AttributeError, MemoryError, struct.error, zlib.error, LZMAError)
    return (*plain_ones, *odd_ones, DecompressionError, DeserializationError)


def _complete(path: Path, file: Any) -> None:
    """A copy that broke off may open all the same: its header knows how long it should be."""
    wanted, found = file.file.fEND, path.stat().st_size
    if found < wanted:
        raise SampleError(f"{path}: is cut short, {found} of {wanted} bytes")


def _chunk(
    piece: dict[str, Any], jets: tuple[str, ...], tracks: dict[str, str], where: str
) -> Chunk:
    size = len(next(iter(piece.values())))
    columns = {name: _column(piece[name], branch=name, where=where) for name in (*jets, *tracks)}
    return Chunk(
        size, {name: columns[name] for name in jets}, _aligned(columns, tracks, where=where)
    )


def _column(array: Any, *, branch: str, where: str) -> Array | Ragged:
    """NumPy's view of an awkward array, of one or two dimensions."""
    import awkward as ak

    content = ak.flatten(array, axis=1) if array.ndim == 2 and array.layout.is_list else array
    if content.ndim != 1 or not content.layout.is_numpy:
        raise SampleError(f"{where}: branch '{branch}' holds {array.type.content}, not numbers")
    flat = plain(ak.to_numpy(content), branch=branch, where=where)
    return flat if content is array else Ragged(flat, Rows(ak.to_numpy(ak.num(array, axis=1))))


def _aligned(
    columns: dict[str, Array | Ragged], tracks: dict[str, str], *, where: str
) -> dict[str, Ragged]:
    """Tracks that share their rows, so that what is computed of rows is computed once."""
    found: dict[str, Ragged] = {}
    for branch in tracks:
        column = columns[branch]
        if not isinstance(column, Ragged):
            raise SampleError(f"{where}: branch '{branch}' holds one value per jet, not per track")
        found[branch] = column
    if not found:
        return {}
    rows = shared_rows(found, where=where)
    return {tracks[branch]: Ragged(column.content, rows) for branch, column in found.items()}
