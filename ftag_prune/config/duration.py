"""How long a training takes, roughly: what a job of a given length is made of.

Seconds = 2 + epochs * (batches * 1 ms + jets * weights * 60 ps), from docs/speed.md: a step of
perceptrons costs 55 to 60 ps for each weight and jet on one core, and about a millisecond for
itself. Layers that see tracks do so for each of them, 40 are assumed. For perceptrons this is right
to some ten percent on a processor as there; for other kinds it is the order of magnitude.
"""

from __future__ import annotations

import math
from itertools import pairwise

from ftag_prune.architecture import Architecture
from ftag_prune.config.run import Run

__all__ = ["seconds_of"]

_START, _BATCH, _WEIGHT = 2.0, 1e-3, 60e-12  # seconds
_INPUTS, _TRACKS = 45, 40


def seconds_of(run: Run, jets: int) -> float:
    """Seconds that a training on so many jets takes on one core."""
    training = run.training
    step = math.ceil(jets / training.batch_size) * _BATCH + jets * _weights(run.network) * _WEIGHT
    return _START + training.epochs.total * step


def _weights(network: Architecture) -> int:
    sizes = [_INPUTS, *network.nodes.values()]
    often = _TRACKS if network.needs_tracks else 1
    return often * sum(before * after for before, after in pairwise(sizes))
