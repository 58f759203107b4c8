"""One process or several that share the pieces of a sample."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Protocol, TypeVar

from ftag_prune.errors import ConfigError, SampleError

__all__ = ["Map", "workers"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Map(Protocol):
    """``map``, wherever it runs; results come in the order of the items."""

    def __call__(
        self, function: Callable[[_Item], _Result], items: Iterable[_Item], /
    ) -> Iterator[_Result]:
        """Result of each item."""


@contextmanager
def workers(number: int) -> Iterator[Map]:
    """Processes that are started afresh: a file's handle that crosses a fork reads garbage.

    After an exception nothing that waits is begun. SampleError if a process is killed.
    """
    if number < 1:
        raise ConfigError(f"workers {number}: wanted at least 1")
    if number == 1:
        yield map
        return
    pool = ProcessPoolExecutor(number, get_context("spawn"), initializer=_deaf)
    try:
        yield pool.map
    except BrokenProcessPool:
        raise SampleError(
            "a worker process was killed, mostly for want of memory; take fewer workers or a "
            "smaller step"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _deaf() -> None:
    """Ctrl-C reaches all processes of a terminal; the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
