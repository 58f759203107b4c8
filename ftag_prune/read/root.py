"""Branches of a ROOT TTree, or fields of an RNTuple."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from lzma import LZMAError
from typing import Any

from ftag_prune.errors import SampleError
from ftag_prune.read.chunk import Chunk, entries_per_step, require
from ftag_prune.read.tables import chunk_of, needed
from ftag_prune.read.tree import opened
from ftag_prune.schema import Branches, Card, Place

__all__ = ["chunks", "entries", "open_root", "stumbles", "unique"]


def entries(path: Place, card: Card) -> int:
    """Entries of the tree; SampleError if there are none."""
    with open_root(path) as file:
        size = opened(path, str(card.tree), file).size
    if size == 0:
        raise SampleError(f"{path}, tree '{card.tree}': holds no jets")
    return size


def unique(path: Place) -> tuple[str, int]:
    """Number that ROOT gave the file when it was made, and its size in bytes."""
    with open_root(path) as file:
        return str(file.file.uuid), int(file.file.fEND)


def chunks(
    path: Place, card: Card, branches: Branches, *, step: int | str, start: int, stop: int | None
) -> Iterator[Chunk]:
    """Wanted branches of some entries, piece by piece; SampleError if the file lacks them."""
    where = f"{path}, tree '{card.tree}'"
    with open_root(path) as file:
        tree = opened(path, str(card.tree), file)
        wanted = needed(card, branches)
        require(wanted, tree.names, where=where)
        if tree.size == 0:
            raise SampleError(f"{where}: holds no jets")
        size = entries_per_step(step, tree.memory(wanted))
        for piece in tree.pieces(wanted, size=size, start=start, stop=stop):
            yield chunk_of(piece, card, branches, where=where)


@contextmanager
def open_root(path: Place) -> Iterator[Any]:
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
    except ImportError as missing:
        package = str(missing.name or missing).splitlines()[0]
        raise SampleError(
            f"{path}: needs a package that is not installed ({package}); for root:// install "
            f"ftag_prune[xrootd]"
        ) from None
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


def _complete(path: Place, file: Any) -> None:
    """A copy that broke off may open all the same: its header knows how long it should be."""
    if isinstance(path, str):
        return  # a server does not say how long its file is
    wanted, found = file.file.fEND, path.stat().st_size
    if found < wanted:
        raise SampleError(f"{path}: is cut short, {found} of {wanted} bytes")
