"""The discriminant that tags one class: a log-likelihood ratio with background fractions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ftag_prune.errors import ConfigError, FtagPruneError, nearest
from ftag_prune.flavours import Task

__all__ = ["discriminant"]

_SMALLEST = float(np.finfo(np.float64).tiny)
_BLOCK = 8192  # jets whose columns stay in the cache: twice as fast as all at once


def discriminant(
    probabilities: ArrayLike,
    task: Task,
    *,
    signal: str,
    fractions: Mapping[str, float] | None = None,
) -> NDArray[np.float64]:
    """Discriminant D = ln(p_signal / sum_k f_k p_k) of each jet.

    Parameters
    ----------
    probabilities : (n, classes)
        Network outputs after the softmax, columns in the order of `task.classes`.
    signal : str
        The class that is selected.
    fractions : mapping, optional
        Background fractions f_k, summing to one, of any of the other classes (those not named have
        none); by default the task's own.

    Returns
    -------
    (n,) float64
        Finite for every finite probability: p = 0 counts as the smallest float64, so |D| < 710.
        Not-a-number stays, and is refused by `rejection`.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] != len(task.classes):
        raise FtagPruneError(
            f"probabilities for task '{task.name}' need the shape (jets, {len(task.classes)}) "
            f"of its classes {', '.join(task.classes)}, found {p.shape}"
        )
    if fractions is None:
        fractions = task.discriminant(signal).fractions
    _check_fractions(fractions, task, signal)
    columns = [task.classes.index(name) for name in fractions]
    parts = np.array(list(fractions.values()), dtype=np.float64)
    found = np.empty(len(p))
    for first in range(0, len(p), _BLOCK):
        block = p[first : first + _BLOCK]
        background = np.maximum(block[:, columns] @ parts, _SMALLEST)
        selected = np.maximum(block[:, task.classes.index(signal)], _SMALLEST)
        found[first : first + _BLOCK] = np.log(selected / background)
    return found


def _check_fractions(fractions: Mapping[str, float], task: Task, signal: str) -> None:
    """Refuse a signal, a background or a sum that the task does not have."""
    if signal not in task.classes:
        raise ConfigError(
            f"signal '{signal}' is no class of task '{task.name}'{nearest(signal, task.classes)}"
        )
    backgrounds = [name for name in task.classes if name != signal]
    for name, value in fractions.items():
        if name not in backgrounds:
            raise ConfigError(
                f"fractions for signal '{signal}' of task '{task.name}' name '{name}', which is "
                f"none of its backgrounds{nearest(name, backgrounds)}"
            )
        if not 0 <= value <= 1:
            raise ConfigError(
                f"fraction of '{name}' for signal '{signal}' is {value}, not within [0, 1]"
            )
    total = sum(fractions.values())
    if abs(total - 1) > 1e-6:
        raise ConfigError(
            f"fractions for signal '{signal}' of task '{task.name}' sum to {total:g}, not to 1"
        )
