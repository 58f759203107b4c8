"""Pieces of files, which any process can read; and what is done when one cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple, TypeVar

from ftag_prune.config import Split
from ftag_prune.errors import SampleError
from ftag_prune.read import Columns, columns, entries
from ftag_prune.schema import Card, Entry, Place, Plan, plan_of

__all__ = ["Failed", "Piece", "Work", "attempt", "described", "pieces", "read"]

_Result = TypeVar("_Result")


class Work(NamedTuple):
    """What is done with every piece; unlike a card it can be sent to another process.

    Attributes
    ----------
    card : as JSON
    columns : of jets, that weights and spectra look at
    step : entries, or memory, that are read at once
    """

    card: str
    columns: tuple[str, ...]
    split: Split
    constituents: bool
    step: int | str


class Piece(NamedTuple):
    """Consecutive entries of a file; `file` is its number in the list."""

    file: int
    path: Place
    start: int
    stop: int


class Failed(NamedTuple):
    """A file that cannot be read, and why."""

    file: int
    reason: str


class _UnreadableError(SampleError):
    """The file is to blame, not what the card makes of it."""


@cache
def described(card: str) -> tuple[Card, Plan]:
    """Card and plan of a card's JSON."""
    made = Card.model_validate_json(card)
    return made, plan_of(made)


def attempt(card: Card, file: int, call: Callable[[], _Result]) -> _Result | Failed:
    """Result of a call that reads a file; or, where the card skips such files, why it cannot be."""
    try:
        return call()
    except _UnreadableError as bad:
        if card.on_error == "skip":
            return Failed(file, str(bad))
        raise SampleError(str(bad)) from None


def pieces(work: Work, most: int, numbered: tuple[int, Place]) -> list[Piece] | Failed:
    """Pieces of a file, each of `most` entries or fewer."""
    (card, _), (file, path) = described(work.card), numbered

    def cut() -> list[Piece]:
        try:
            size = entries(card, path)
        except SampleError as bad:
            raise _UnreadableError(str(bad)) from None
        starts = range(0, size, most)
        return [Piece(file, path, start, min(start + most, size)) for start in starts]

    return attempt(card, file, cut)


def read(work: Work, piece: Piece, wanted: Sequence[Entry]) -> Iterator[Columns]:
    """Columns of a piece, batch by batch."""
    card, plan = described(work.card)
    start, stop = piece.start, piece.stop
    try:
        yield from columns(
            card, piece.path, plan=plan, wanted=wanted, step=work.step, start=start, stop=stop
        )
    except SampleError as bad:
        raise _UnreadableError(str(bad)) from None
