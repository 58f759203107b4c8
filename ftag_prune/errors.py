"""What a user can cause, said in one sentence: wanted, found, where, and what is near."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ConfigError",
    "FtagPruneError",
    "SampleError",
    "StoppedError",
    "TrainingError",
    "nearest",
    "shortened",
]


class FtagPruneError(Exception):
    """Base of every error that the command line prints as one sentence, without a traceback."""


class ConfigError(FtagPruneError):
    """A study or a card asks for something that cannot be."""


class SampleError(FtagPruneError):
    """A sample does not hold what its card says."""


class TrainingError(FtagPruneError):
    """A training cannot start or go on."""


class StoppedError(FtagPruneError):
    """Somebody asked to stop; the same command, called again, goes on where this one was."""


def nearest(name: str, choices: Iterable[str], *, most: int = 3) -> str:
    """End of a sentence that names the choices closest to a misspelt name.

    Returns
    -------
    str
        ``"; nearest: 'jet_pt', 'jet_eta'"``, or ``"; there is: ..."`` (the first few) when nothing
        is close, or an empty string when there are no choices.
    """
    known = sorted(set(choices))
    close = difflib.get_close_matches(name, known, n=most, cutoff=0.5)
    if close:
        return "; nearest: " + ", ".join(repr(one) for one in close)
    if known:
        more = ", ..." if len(known) > most else ""
        return "; there is: " + ", ".join(repr(one) for one in known[:most]) + more
    return ""


def shortened(text: str, most: int = 60) -> str:
    """A text of somebody as part of a sentence: in one line, its end left out if it is long."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 3] + "..."
