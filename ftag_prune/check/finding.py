"""Something that a human should know about a sample, as a sentence with a severity."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

__all__ = ["Finding", "Severity", "doubtful", "note", "percent", "serious"]


class Severity(StrEnum):
    """How bad it is: prepare fails or the result is surely wrong; look at it; good to know."""

    SERIOUS = "serious"
    DOUBTFUL = "doubtful"
    NOTE = "note"


class Finding(NamedTuple):
    """A sentence about a key of the card, or about a file."""

    severity: Severity
    key: str
    text: str


def serious(key: str, text: str) -> Finding:
    """Makes prepare fail, or is surely wrong."""
    return Finding(Severity.SERIOUS, key, text)


def doubtful(key: str, text: str) -> Finding:
    """May be meant; somebody should look."""
    return Finding(Severity.DOUBTFUL, key, text)


def note(key: str, text: str) -> Finding:
    """Good to know."""
    return Finding(Severity.NOTE, key, text)


def percent(share: float) -> str:
    """A share for a sentence; not 0 % or 100 % unless it is."""
    if 0 < share < 0.001:
        return "less than 0.1 %"
    if 0.999 < share < 1:
        return "more than 99.9 %"
    return f"{100 * share:.3g} %"
