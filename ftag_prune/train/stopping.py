"""A batch system that asks for the end of a job, and a training that finds a place to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ftag_prune.errors import StoppedError

__all__ = ["Stop", "stoppable"]

# What batch systems send: at the limit of a job, and a time before that it was submitted with.
_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class Stop:
    """Whether somebody asked to stop, and by which signal."""

    def __init__(self) -> None:
        self._asked, self._signal = threading.Event(), ""

    @property
    def asked(self) -> bool:
        """Whether it is time to come to an end."""
        return self._asked.is_set()

    def ask(self, number: int = signal.SIGTERM, _frame: FrameType | None = None) -> None:
        """Ask; this is what a signal does."""
        self._signal = signal.Signals(number).name
        self._asked.set()

    def sleep(self, seconds: float) -> None:
        """Sleep, but not beyond being asked."""
        self._asked.wait(seconds)

    def check(self, where: str) -> None:
        """Stop if asked; `where` says what is kept.

        Raises
        ------
        StoppedError
            One sentence; the command line ends with the exit code 75.
        """
        if self.asked:
            raise StoppedError(f"{where}: stopped by {self._signal}; called again it goes on there")


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Within it, SIGTERM and SIGUSR1 ask to stop instead of ending the process.

    Only the main thread can be asked by signals.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {one: signal.signal(one, stop.ask) for one in _SIGNALS}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
