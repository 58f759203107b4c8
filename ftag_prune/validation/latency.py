"""How long a network takes for a jet, with ONNX Runtime on one thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from ftag_prune.errors import FtagPruneError
from ftag_prune.export import feed, session
from ftag_prune.model import Model
from ftag_prune.tensors import Source, unshuffled

__all__ = ["BATCHES", "Latency", "latency", "timed"]

# One jet, as a trigger sees them; many, as an analysis does.
BATCHES = (1, 1000)

_SHARE = 0.15  # seconds of repeats for each batch
_LEAST, _MOST = 15, 2000  # repeats
_WARM = 5  # repeats that do not count: caches and first allocations


class Latency(NamedTuple):
    """Time a jet in microseconds: median over repeats, and the quartiles.

    Attributes
    ----------
    batch : jets that are scored at once
    repeats : that were measured
    """

    batch: int
    median: float
    low: float
    high: float
    repeats: int


def latency(model: Model, jets: Source) -> tuple[Latency, ...]:
    """Measure a model on the first of the jets, for each size of batch.

    Parameters
    ----------
    jets : opened with ``inputs=model.about.inputs``; at least one
    """
    ready = session(model)
    found = []
    for batch in BATCHES:
        first = next(unshuffled(jets, batch), None)
        if first is None or first.number == 0:
            raise FtagPruneError("no jets to measure the time of a network with")
        given = feed(model, first)
        found.append(timed(partial(ready.run, None, given), jets=first.number))
    return tuple(found)


def timed(call: Callable[[], object], *, jets: int) -> Latency:
    """Repeat a call that scores some jets, for a short while.

    The median does not see the repeats that something else on the machine has interrupted.
    """
    for _ in range(_WARM):
        call()
    spans: list[float] = []
    end = time.perf_counter() + _SHARE
    while len(spans) < _LEAST or (len(spans) < _MOST and time.perf_counter() < end):
        begin = time.perf_counter()
        call()
        spans.append(time.perf_counter() - begin)
    low, median, high = 1e6 / jets * np.quantile(spans, (0.25, 0.5, 0.75))
    return Latency(jets, float(median), float(low), float(high), len(spans))
