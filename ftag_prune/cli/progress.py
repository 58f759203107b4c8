"""What a verb says while it works: a line, or how far it has come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import typer

__all__ = ["counter", "say"]

_QUIET = 60.0  # seconds between two lines of progress in a log


def say(line: str) -> None:
    """One line for whoever waits."""
    typer.echo(line, err=True)


class _Pace(NamedTuple):
    """Speed so far, and what is left at that speed."""

    rate: float
    seconds: float

    def __str__(self) -> str:
        left = f"{self.seconds / 60:.0f} min" if self.seconds > 90 else f"{self.seconds:.0f} s"
        return f"{self.rate:,.0f}/s, {left} left"


def _pace(done: int, total: int, seconds: float) -> _Pace:
    rate = done / max(seconds, 1e-9)
    return _Pace(rate, (total - done) / max(rate, 1e-9))


@contextmanager
def counter(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with speed and time left on a terminal; the same as a line a minute in a log."""
    started = time.monotonic()
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task(what, total=None)

            def show(done: int, total: int) -> None:
                pace = _pace(done, total, time.monotonic() - started)
                progress.update(bar, completed=done, total=total, description=f"{what}, {pace}")

            yield show
        return
    last = started

    def tell(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > _QUIET:
            last = now
            say(f"{done:,} of {total:,} {what}, {_pace(done, total, now - started)}")

    yield tell
