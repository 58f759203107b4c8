"""Bootstrap replicas of jets that weigh the same: many at once, counted from the best jet on.

A replica draws as many jets as there are, with replacement. What one jet was drawn in many replicas
lies together in memory, so that bringing jets into the order of a tagger moves rows instead of
numbers. The draws of the best jets are then summed over blocks; single jets are looked at only in
the blocks where a cut falls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ftag_prune.metrics.ranking import Array, Indices, Ranking

__all__ = ["Draws", "Ranked", "draw", "in_rank", "rejections", "resample"]

# (jets, replicas). A byte suffices: a jet is drawn once on average, and 256 times in one of 256!.
Draws: TypeAlias = NDArray[np.uint8]

_BLOCK = 32  # jets; 32 and 64 are the fastest of 16 to 128 for 100 000 jets


class Ranked(NamedTuple):
    """Draws of jets that are in order, the most signal-like first.

    Attributes
    ----------
    draws : (blocks, _BLOCK, replicas), filled up with at least one jet that nobody draws
    before : (replicas, blocks + 1), draws of all jets before each block, and of all jets
    """

    draws: Draws
    before: Indices

    def best(self, jets: Indices) -> Indices:
        """Draws of the best so many jets, (points, replicas) as asked."""
        block, more = jets // _BLOCK, jets % _BLOCK
        within = np.arange(_BLOCK) < more[..., None]
        return np.asarray(self._before(block) + (self._within(block) * within).sum(axis=-1))

    def until(self, draws: Indices) -> Indices:
        """The fewest best jets with at least so many draws, one or more; (points, replicas)."""
        # One search for all replicas: each begins with the number that the one before ends with.
        begin = np.arange(len(self.before)) * self.before[0, -1]
        found = np.searchsorted((self.before + begin[:, None]).ravel(), draws + begin)
        block = found - np.arange(len(self.before)) * self.before.shape[1] - 1
        reached = np.cumsum(self._within(block), axis=-1) + self._before(block)[..., None]
        return np.asarray(block * _BLOCK + (reached < draws[..., None]).sum(axis=-1) + 1)

    def _before(self, block: Indices) -> Indices:
        return np.asarray(self.before[np.arange(len(self.before)), block])

    def _within(self, block: Indices) -> NDArray[Any]:
        """(points, replicas, _BLOCK): draws of the jets in one block for each replica."""
        _, size, replicas = self.draws.shape
        first = block * (size * replicas) + np.arange(replicas)
        places = first[..., None] + np.arange(size) * replicas
        return np.asarray(np.take(self.draws, places))


def resample(jets: int, rng: np.random.Generator) -> Indices:
    """How often each jet is drawn when as many jets are drawn with replacement."""
    return np.bincount(rng.integers(jets, size=jets), minlength=jets)


def draw(jets: Sequence[int], replicas: int, rng: np.random.Generator) -> list[Draws]:
    """Draws of each kind of jets, given how many there are; one replica after the other."""
    kinds = [np.empty((replicas, number), np.uint8) for number in jets]
    for replica in range(replicas):
        for kind in kinds:
            kind[replica] = resample(kind.shape[1], rng)
    return [np.ascontiguousarray(kind.T) for kind in kinds]


def in_rank(draws: Draws, order: Indices) -> Ranked:
    """Draws of the jets in the order given, which may leave jets out."""
    blocks, replicas = len(order) // _BLOCK + 1, draws.shape[1]
    rows = np.empty((blocks * _BLOCK, replicas), np.uint8)
    np.take(draws, order, axis=0, out=rows[: len(order)], mode="clip")
    rows[len(order) :] = 0
    ranked = rows.reshape(blocks, _BLOCK, replicas)
    before = np.zeros((replicas, blocks + 1), np.intp)
    np.cumsum(ranked.sum(axis=1, dtype=np.uint16).T, axis=1, out=before[:, 1:])
    return Ranked(ranked, before)


def rejections(one: Ranking, wanted: Array, signal: Draws, background: Draws) -> Array:
    """Rejections (points, replicas) of one tagger at the efficiencies wanted (points,)."""
    cut = _nearest_cut(one, wanted[:, None], in_rank(signal, one.signal))
    above = one.background_above[cut]
    mistag = in_rank(background, one.background[: above.max()]).best(above) / len(background)
    return np.divide(1, mistag, out=np.full_like(mistag, np.inf), where=mistag > 0)


def _nearest_cut(one: Ranking, wanted: Array, signal: Ranked) -> Indices:
    """`nearest_cut` in each replica, where every efficiency is a number of draws out of all."""
    total = len(one.signal)
    enough = np.searchsorted(np.arange(total + 1) / total, wanted)
    right = _cut_of(one, signal.until(np.repeat(enough, len(signal.before), axis=1)))
    above, below = (signal.best(one.signal_above[c]) for c in (right, np.maximum(right - 1, 0)))
    closer = (wanted - below / total < (above / total - wanted) * (1 - 1e-9)) & (below > 0)
    return _cut_of(one, signal.until(np.where(closer, below, above)))


def _cut_of(one: Ranking, jets: Indices) -> Indices:
    """The tightest cut that lets the best so many signal jets pass."""
    return np.asarray(np.searchsorted(one.signal_above, jets))
