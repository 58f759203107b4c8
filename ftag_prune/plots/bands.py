"""Values with their statistical error as a band: along a curve, or bin by bin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.patches import StepPatch

from ftag_prune.errors import FtagPruneError
from ftag_prune.plots.style import Array, bold

__all__ = ["Binned", "band", "divided", "edges_of", "fair", "steps"]

_BAND = 0.22  # opacity
_FAIR = 0.5  # error of a ratio up to which it has a say in the limits of its axis


class Density(Protocol):
    """A class or a tagger, bin by bin."""

    @property
    def density(self) -> Array:
        """Fraction of the jets per unit of the column (bins,)."""

    @property
    def error(self) -> Array:
        """Its error (bins,)."""


class Binned(Protocol):
    """Anything with bins."""

    @property
    def low(self) -> Array:
        """Lower edges (bins,)."""

    @property
    def high(self) -> Array:
        """Upper edges (bins,)."""


def band(ax: Axes, x: Array, y: Array, error: Array, colour: Any) -> FillBetweenPolyCollection:
    """One standard error on either side, with a gap where it is not finite."""
    error = np.where(np.isfinite(error) & np.isfinite(y), error, np.nan)
    return ax.fill_between(x, y - error, y + error, color=colour, alpha=_BAND, linewidth=0)


def steps(
    ax: Axes, edges: Array, value: Array, error: Array, *, colour: Any, label: str = ""
) -> tuple[StepPatch, StepPatch]:
    """A line with steps, and one standard error on either side; no line where there is no jet."""
    shown = np.where(value > 0, value, np.nan)
    line = ax.stairs(
        shown, edges, baseline=None, color=colour, linewidth=bold(1.6), label=label or None
    )
    low, high = shown - error, shown + error
    area = ax.stairs(high, edges, baseline=low, fill=True, color=colour, alpha=_BAND, linewidth=0)
    return line, area


def edges_of(binned: Sequence[Binned], *, what: str) -> Array:
    """(bins + 1,): the edges that all of them share; FtagPruneError if they do not, or if none.

    `what` names them in the message, such as "the classes of 'pt'".
    """
    edges = [np.append(one.low, one.high[-1:]) for one in binned]
    if not edges or len(edges[0]) < 2 or any(not np.array_equal(one, edges[0]) for one in edges):
        raise FtagPruneError(f"{what} need the same bins, at least one")
    return edges[0]


def divided(one: Density, base: Density) -> tuple[Array, Array]:
    """(bins,), (bins,): ratio of two densities and its error, as if they shared no jet.

    nan where either has no jet.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = one.density / base.density
        error = ratio * np.hypot(one.error / one.density, base.error / base.density)
    seen = np.isfinite(ratio) & (ratio > 0)
    return np.where(seen, ratio, np.nan), np.where(seen, error, np.nan)


def fair(ratios: Sequence[tuple[Array, Array]]) -> list[Array]:
    """Ends of the errors of those ratios that are known to better than one half."""
    ends = []
    for ratio, error in ratios:
        known = error <= _FAIR * ratio
        ends += [(ratio - error)[known], (ratio + error)[known]]
    return ends
