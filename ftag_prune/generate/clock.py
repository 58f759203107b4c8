"""CPU seconds by stage, for benchmarks and logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Clock"]


class Clock:
    """Adds up the CPU time of named stages: ``with clock("tracks"): ...``."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Charge the block's CPU time to `stage`."""
        begun = time.process_time()
        try:
            yield
        finally:
            spent = time.process_time() - begun
            self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
