"""From entries to jets: an entry is a jet, or an event with any number of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ftag_prune.errors import SampleError
from ftag_prune.expression import Ragged
from ftag_prune.read.chunk import Chunk, shared_rows

__all__ = ["ROWS"]


class _Jets(Protocol):
    def __call__(self, chunk: Chunk, *, where: str) -> Chunk: ...


def _as_read(chunk: Chunk, *, where: str) -> Chunk:
    """An entry is a jet."""
    del where
    return chunk


def _of_events(chunk: Chunk, *, where: str) -> Chunk:
    """An entry is an event: its jets one by one, each with what the event has one of.

    SampleError if no branch has a value per jet, or two differ in the number of jets.
    """
    several = {name: column for name, column in chunk.jets.items() if isinstance(column, Ragged)}
    if not several:
        raise SampleError(
            f"{where}: '{next(iter(chunk.jets))}' and all other branches of the card hold one "
            f"value per entry, not per jet, but the card says rows: events"
        )
    event = shared_rows(several, where=where).jet
    jets = {
        name: column.content if isinstance(column, Ragged) else column[event]
        for name, column in chunk.jets.items()
    }
    return Chunk(len(event), jets, {})


# How the entries of a file become jets, by the card's `rows`.
ROWS: Mapping[str, _Jets] = {"jets": _as_read, "events": _of_events}
