"""When a training writes a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ftag_prune.errors import TrainingError
from ftag_prune.train.state import State, save

__all__ = ["Keeper"]


class Keeper:
    """Writes a checkpoint after an epoch when the last one is old enough."""

    def __init__(self, path: Path, identity: str, seconds: float) -> None:
        self.path, self.identity, self._seconds = path, identity, seconds
        self._last = time.monotonic()

    @contextmanager
    def named_if_it_fails(self) -> Iterator[None]:
        """A training that fails says where it can be taken up again."""
        try:
            yield
        except TrainingError as wrong:
            left = f"; the last good checkpoint is {self.path}" if self.path.exists() else ""
            raise TrainingError(f"{wrong}{left}") from None

    def __call__(self, state: State) -> None:
        """Write the state, if it is time."""
        if time.monotonic() - self._last >= self._seconds:
            save(self.path, state, identity=self.identity)
            self._last = time.monotonic()
