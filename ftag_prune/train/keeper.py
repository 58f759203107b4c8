"""When a training writes a checkpoint, and where it stops if it is asked to."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ftag_prune.claim import CLAIM, Claim, Holder, claimed
from ftag_prune.errors import TrainingError
from ftag_prune.process import machine
from ftag_prune.record import move, temporaries
from ftag_prune.train.checkpoints import previous_of, save
from ftag_prune.train.state import State
from ftag_prune.train.stopping import Stop

__all__ = ["BusyError", "Habits", "Keeper", "forget"]

_log = logging.getLogger(__name__)

_LOOK = 2.0  # seconds between two looks at a run that another process trains


class BusyError(Exception):
    """Another process trains this run; whoever has others to train does them first."""


class Habits(NamedTuple):
    """How a job goes about its trainings.

    Attributes
    ----------
    seconds : between two checkpoints
    stop : who may ask to stop
    patient : wait for a run that another process trains; else BusyError
    """

    seconds: float
    stop: Stop
    patient: bool = True

    @contextmanager
    def hold(self, folder: Path) -> Iterator[Claim]:
        """Be the only process that trains the run of a folder; a folder left empty goes away."""
        told: list[str] = []

        def wait(holder: Holder | None) -> None:
            self.stop.check(f"{folder.name}: waiting for another process")
            if not self.patient:
                raise BusyError
            if not told:
                told.append(f"{folder.name}: is trained by {holder or 'another process'}; waiting")
                _log.info("%s", told[0])
            self.stop.sleep(_LOOK)

        try:
            with claimed(folder / CLAIM, wait=wait) as claim:
                _clear(folder)
                yield claim
        finally:
            with suppress(OSError):
                folder.rmdir()


def _clear(folder: Path) -> None:
    """Remove what writers have left that were killed, on whatever machine: now nobody writes."""
    for path, writer in temporaries(folder):
        if writer.pid != os.getpid() or writer.machine != machine():
            path.unlink(missing_ok=True)


class Keeper:
    """Writes a checkpoint after a batch or an epoch when the last one is old enough.

    One that is made between two batches counts when the next loss is a number: weights that broke
    in a step are found there. The one before is kept too.
    """

    def __init__(self, path: Path, identity: str, habits: Habits, claim: Claim) -> None:
        self.path, self.identity, self.claim = path, identity, claim
        self._habits = habits
        self._fresh = path.with_name(f"{path.stem}.next{path.suffix}")
        self._waits = False
        self._last = time.monotonic()

    @contextmanager
    def named_if_it_fails(self) -> Iterator[None]:
        """A training that fails says where it can be taken up again."""
        try:
            yield
        except TrainingError as wrong:
            left = f"; the last good checkpoint is {self.path}" if self.path.exists() else ""
            raise TrainingError(f"{wrong}{left}") from None
        finally:
            self._fresh.unlink(missing_ok=True)

    def __call__(self, state: State) -> None:
        """Write the state, if it is time or if this is the end."""
        if self._waits:
            self._count()
        stopping = self._habits.stop.asked
        if not stopping and time.monotonic() - self._last < self._habits.seconds:
            return
        self.claim.check()
        save(self._fresh, state, identity=self.identity)
        self._last, self._waits = time.monotonic(), True
        if stopping or state.begun is None:
            self._count()
        self._habits.stop.check(f"{self.path.parent.name}: {_place(state)} kept")

    def _count(self) -> None:
        """The newest checkpoint becomes the one before, and the fresh one the newest."""
        self._waits = False
        if self.path.exists():
            self.path.replace(previous_of(self.path))
        move(self._fresh, self.path)


def forget(path: Path) -> None:
    """Remove the checkpoints of a training that is finished."""
    for one in (path, previous_of(path), path.with_name(f"{path.stem}.next{path.suffix}")):
        one.unlink(missing_ok=True)


def _place(state: State) -> str:
    batches = "" if state.begun is None else f" and {len(state.begun.steps)} batches"
    return f"{state.epoch} epochs{batches}"
