"""The background fractions of a discriminant that reject most."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ftag_prune.errors import ConfigError, FtagPruneError, nearest
from ftag_prune.flavours import Task
from ftag_prune.metrics.columns import Classes, checked_classes, checked_probabilities
from ftag_prune.metrics.discriminants import discriminant
from ftag_prune.metrics.ranking import (
    Array,
    Jets,
    checked_efficiency,
    effective,
    in_order,
    nearest_threshold,
    weights_of,
)

__all__ = ["Scan", "scan_fractions"]


class Scan(NamedTuple):
    """Rejections over a grid of fractions.

    Attributes
    ----------
    backgrounds : (k,) names
        Classes of the columns.
    fractions, rejections : (points, k)
        Fractions, summing to one, and the rejection of each background with them; inf where
        nothing passes.
    efficiency : (points,)
        Signal efficiency that was achieved.
    mean : (points,)
        Geometric mean of the rejections, where half a jet passes if none does.
    best : mapping
        Fraction of each background where `mean` is largest, the first of equal ones.
    """

    backgrounds: tuple[str, ...]
    fractions: Array
    rejections: Array
    efficiency: Array
    mean: Array
    best: Mapping[str, float]


class _Class(NamedTuple):
    """Jets of one class."""

    p: Array  # (jets, classes)
    weight: Array  # (jets,)


def scan_fractions(
    probabilities: ArrayLike,
    label: ArrayLike,
    task: Task,
    *,
    signal: str,
    efficiency: float,
    step: float = 0.05,
    weight: ArrayLike | None = None,
) -> Scan:
    """Rejections at one signal efficiency for every mixture of backgrounds on a grid.

    Parameters
    ----------
    probabilities : (n, classes)
        Network outputs after the softmax, columns in the order of `task.classes`.
    label : (n,), integer
        Class of the jets, as index in `task.classes`.
    step : float in (0, 1]
        Distance of the grid's points, of which a whole number makes 1.

    Raises
    ------
    FtagPruneError
        A class without jets, probabilities that are none, impossible weights, efficiency or signal,
        a step that does not divide 1.
    """
    if signal not in task.classes:
        raise ConfigError(
            f"signal '{signal}' is no class of task '{task.name}'{nearest(signal, task.classes)}"
        )
    p = checked_probabilities(probabilities)
    y, w = checked_classes(label, len(p)), weights_of(weight, len(p), "jets")
    wanted = checked_efficiency(np.array([efficiency], dtype=np.float64))
    names = tuple(name for name in task.classes if name != signal)
    grid = _grid(step, len(names))
    classes = [_class_of(p, y, w, task, name) for name in (signal, *names)]
    found = []
    for fractions in grid:
        mixture = dict(zip(names, fractions.tolist(), strict=True))
        values = [discriminant(one.p, task, signal=signal, fractions=mixture) for one in classes]
        found.append(_shares(values, [one.weight for one in classes], wanted))
    efficiencies, mistags = np.split(np.array(found), [1], axis=1)
    half = 0.5 / np.array([effective(one.weight) for one in classes[1:]])
    with np.errstate(divide="ignore"):
        rejections = 1 / mistags
    mean = np.exp(-np.log(np.where(mistags > 0, mistags, half)).mean(axis=1))
    best = dict(zip(names, grid[np.argmax(mean)].tolist(), strict=True))
    return Scan(names, grid, rejections, efficiencies[:, 0], mean, best)


def _grid(step: float, parts: int) -> Array:
    """All fractions that are multiples of the step and sum to one; (points, parts)."""
    steps = round(1 / step) if 0 < step <= 1 else 0
    if abs(steps * step - 1) > 1e-9:
        raise FtagPruneError(f"a grid of fractions needs a step that divides 1, found {step:g}")
    # A whole number is parted by bars between its units: every choice of their places is a point.
    bars = combinations(range(steps + parts - 1), parts - 1)
    places = [(-1, *one, steps + parts - 1) for one in bars]
    return np.asarray((np.diff(places, axis=1) - 1) / steps)


def _class_of(p: Array, y: Classes, w: Array, task: Task, name: str) -> _Class:
    """Jets of one class that have a weight."""
    kept = np.flatnonzero((y == task.classes.index(name)) & (w > 0))
    if len(kept) == 0:
        raise FtagPruneError(f"no jets of class '{name}' to scan fractions with")
    return _Class(p[kept], w[kept])


def _shares(values: list[Array], weights: list[Array], wanted: Array) -> list[float]:
    """Share of the signal, and of each background, that passes the cut for the efficiency."""
    signals = Jets(values[0][None], weights[0], alike=False)
    cut = nearest_threshold(in_order(signals), wanted)
    return [float(w @ (x >= cut) / w.sum()) for x, w in zip(values, weights, strict=True)]
