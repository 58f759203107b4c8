"""The pieces of a file that hold entries, and which of them is looked into."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ftag_prune.errors import SampleError, nearest
from ftag_prune.inspection.column import Column

__all__ = ["Contents", "Piece", "choose"]


class Piece(NamedTuple):
    """A tree, an ntuple or a dataset; `slots` is the shape of one of its entries."""

    name: str
    kind: str
    entries: int
    columns: int
    slots: tuple[int, ...] = ()


class Contents(NamedTuple):
    """All pieces of a file, and the columns of the chosen one in its first `read` entries."""

    pieces: tuple[Piece, ...]
    chosen: Piece
    read: int
    columns: tuple[Column, ...]


def choose(path: Path, pieces: Sequence[Piece], name: str | None) -> Piece:
    """The piece of that name, or the largest; SampleError if there is none.

    Largest in entries times columns, because bookkeeping has many entries or many columns but not
    both; jets go before their padded tracks.
    """
    if not pieces:
        raise SampleError(f"{path}: holds no tree, ntuple or dataset")
    if name is None:
        return max(pieces, key=lambda one: (not one.slots, one.entries * one.columns))
    for piece in pieces:
        if piece.name == name.strip("/"):
            return piece
    near = nearest(name, [piece.name for piece in pieces])
    raise SampleError(f"{path}: no tree, ntuple or dataset '{name}'{near}")
