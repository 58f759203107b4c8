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
from ftag_prune.read.server import in_s3, openable
from ftag_prune.read.tables import chunk_of, needed
from ftag_prune.read.tree import opened
from ftag_prune.schema import Branches, Card, Place

__all__ = ["chunks", "entries", "open_root", "stumbles", "unique"]


def entries(path: Place, card: Card) -> int:
    """Entries of the tree; SampleError if there are none."""
    with open_root(path, endpoint=card.endpoint) as file:
        tree = opened(path, str(card.tree), file)
        longest = max(tree.lengths(tree.names).values(), default=0)
    if tree.size < 1:
        raise SampleError(f"{path}, tree '{card.tree}': holds no jets")
    if tree.size != longest:
        raise SampleError(
            f"{path}, tree '{card.tree}': has {tree.size} entries, but its longest branch {longest}"
        )
    return tree.size


def unique(path: Place, *, endpoint: str | None = None) -> tuple[str, int]:
    """Number that ROOT gave the file when it was made, and its size in bytes."""
    with open_root(path, endpoint=endpoint) as file:
        return str(file.file.uuid), int(file.file.fEND)


def chunks(
    path: Place, card: Card, branches: Branches, *, step: int | str, start: int, stop: int | None
) -> Iterator[Chunk]:
    """Wanted branches of some entries, piece by piece; SampleError if the file lacks them."""
    where = f"{path}, tree '{card.tree}'"
    with open_root(path, endpoint=card.endpoint) as file:
        tree = opened(path, str(card.tree), file)
        wanted = needed(card, branches)
        require(wanted, tree.names, where=where)
        if tree.size < 1:
            raise SampleError(f"{where}: holds no jets")
        for name, length in tree.lengths(wanted).items():
            if length != tree.size:
                raise SampleError(
                    f"{where}: branch '{name}' has {length} entries, but the tree {tree.size}"
                )
        size = entries_per_step(step, tree.memory(wanted))
        end = tree.size if stop is None else min(stop, tree.size)
        pieces = tree.pieces(wanted, size=size, start=start, stop=end)
        for begin, piece in zip(range(start, end, size), pieces, strict=True):
            yield chunk_of(piece, card, branches, size=min(size, end - begin), where=where)


@contextmanager
def open_root(path: Place, *, endpoint: str | None = None) -> Iterator[Any]:
    """A whole ROOT file; one sentence for the many ways in which uproot stumbles over others.

    What is read inside the block is held to the same.
    """
    import uproot  # not above: it takes a second, and HDF5 does without

    try:
        with openable(path, endpoint=endpoint) as place, uproot.open(place) as file:
            _complete(path, file, place)
            yield file
    except FileNotFoundError:
        raise SampleError(f"{path}: no such file") from None
    except ImportError as missing:
        package = str(missing.name or missing).partition(". ")[0]
        raise SampleError(
            f"{path}: needs a package that is not installed ({package}); for root:// install "
            f"ftag_prune[xrootd]"
        ) from None
    except stumbles() as bad:
        reason = " ".join(str(bad).split())[:150] or type(bad).__name__
        raise SampleError(f"{path}: cannot be read as ROOT ({reason})") from None


def stumbles() -> tuple[type[Exception], ...]:
    """What uproot raises when it stumbles over bytes that it cannot read."""
    from cramjam import DecompressionError
    from uproot.deserialization import DeserializationError

    plain_ones = (OSError, ValueError, LookupError, RuntimeError, TypeError)
    odd_ones = (AssertionError, AttributeError, MemoryError, struct.error, zlib.error, LZMAError)
    return (*plain_ones, *odd_ones, DecompressionError, DeserializationError)


def _complete(path: Place, file: Any, place: Any) -> None:
    """A copy that broke off may open all the same: its header knows how long it should be."""
    wanted, found = file.file.fEND, file.file.source.num_bytes
    if found is None and in_s3(path):
        found = place.size()
    if found is not None and found < wanted:  # some servers do not say how long a file is
        raise SampleError(f"{path}: is cut short, {found} of {wanted} bytes")
