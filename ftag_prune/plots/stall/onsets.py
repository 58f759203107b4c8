"""When pruning starts, against the size of the network: measured and predicted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator, MultipleLocator, NullLocator

from ftag_prune.plots.labels import beside, hollow
from ftag_prune.plots.style import COLOURS, Array, bold, preset

__all__ = ["OnsetArtists", "Onsets", "onset_versus_nodes"]

_MARKERS = ("o", "s", "^", "D", "v", "P")
_NODES = (100.0, 20_000.0)  # the least that the x axis shows
_ARROW = 24  # points
_RUNGS = 12  # that the right axis numbers at most, about
_DECADE = (1_500.0, 15_000.0)  # nodes: where the triangle of the slope stands
_RIGHT = 0.95  # inches between panel and legend for the right axis
_ABOVE, _BELOW = 0.06, 0.1  # parts of the axes between the triangle and data on either side
_TOP = 1.15  # of the highest point; an arrow needs it
_BEYOND = 1.25  # of the highest point, up to where a prediction still counts for the axis


class Onsets(NamedTuple):
    """Epoch at which pruning starts, for networks of several sizes.

    Attributes
    ----------
    name : str
        Text in the legend; points and their prediction share it, and the colour.
    nodes : (k,)
        Number of nodes, rising.
    onset : (k,)
        Epoch, mean over seeds; inf if pruning did not start until the last epoch, nan for a gap.
    spread : (k,) or None
        Standard deviation over seeds, for measured points.
    last : float or None
        Last epoch of the trainings: where an onset of inf is marked.
    """

    name: str
    nodes: Array
    onset: Array
    spread: Array | None = None
    last: float | None = None


class OnsetArtists(NamedTuple):
    """What `onset_versus_nodes` has drawn; open points are those with an arrow."""

    points: list[ErrorbarContainer]
    never: list[Line2D]
    lines: list[Line2D]
    slope: list[Text]
    legend: Legend


def onset_versus_nodes(
    ax: Axes, points: Sequence[Onsets], lines: Sequence[Onsets] = (), *, rung: float | None = None
) -> OnsetArtists:
    """Draw measured onsets with their spread, and predicted lines (dashed), against nodes.

    An open marker with an arrow stands where pruning did not start until the last epoch.

    Parameters
    ----------
    rung : float or None
        Epochs that one rung of a ladder lasts: the right axis counts rungs, and a triangle shows
        the slope of one rung per decade of nodes if there is room for it between the data.
    """
    names = dict.fromkeys(one.name for one in (*points, *lines))
    looks = dict(zip(names, zip(cycle(COLOURS), cycle(_MARKERS), strict=False), strict=False))
    drawn = [_points(ax, one, *looks[one.name]) for one in points]
    never = [mark for one in points for mark in _never(ax, one, *looks[one.name])]
    predicted = [_line(ax, one, looks[one.name][0]) for one in lines]
    _axes(ax, points, lines)
    slope = _rungs(ax, rung, [*points, *lines]) if rung else []
    told = {one.name for one in points}
    handles = [*drawn, *(line for line in predicted if line.get_label() not in told)]
    legend = beside(ax, [*handles, *_meanings(never, predicted)], gap=_RIGHT if rung else 0.2)
    return OnsetArtists(drawn, never, predicted, slope, legend)


def _points(ax: Axes, one: Onsets, colour: str, marker: str) -> ErrorbarContainer:
    """Mean and spread where pruning started."""
    seen = np.where(np.isfinite(one.onset), one.onset, np.nan)
    return ax.errorbar(
        one.nodes, seen, one.spread, fmt=marker, color=colour, markersize=bold(8), label=one.name
    )


def _never(ax: Axes, one: Onsets, colour: str, marker: str) -> list[Line2D]:
    """Open markers at the last epoch, with arrows upward."""
    lost = np.isposinf(one.onset)
    if one.last is None or not lost.any():
        return []
    x, y = one.nodes[lost], np.full(lost.sum(), one.last)
    # An annotation points from its text to its place; this one is turned round.
    arrow = {
        "arrowstyle": "<|-",
        "color": colour,
        "linewidth": bold(1.6),
        "shrinkA": 0,
        "shrinkB": 0,
    }
    for place in zip(x, y, strict=True):
        ax.annotate("", place, (0, bold(_ARROW)), textcoords="offset points", arrowprops=arrow)
    marks = ax.plot(x, y, marker, color=colour, markersize=bold(8))
    marks[0].set(markerfacecolor="white", markeredgewidth=bold(1.8))
    return marks


def _line(ax: Axes, one: Onsets, colour: str) -> Line2D:
    """What theory predicts."""
    shown = np.where(np.isfinite(one.onset), one.onset, np.nan)
    return ax.plot(one.nodes, shown, "--", color=colour, linewidth=bold(1.6), label=one.name)[0]


def _axes(ax: Axes, points: Sequence[Onsets], lines: Sequence[Onsets]) -> None:
    """Logarithmic nodes, linear epochs from zero; a prediction far above the points leaves them."""
    nodes = np.concatenate([one.nodes for one in (*points, *lines)])
    highest, predicted = (_highest(some) for some in (points, lines))
    top = max(highest, min(predicted, _BEYOND * highest)) if highest else predicted
    ax.set_xscale("log")
    ax.set_xlim(min(_NODES[0], nodes.min()) / 1.2, max(_NODES[1], nodes.max()) * 1.2)
    ax.set_ylim(0, _TOP * (top or 1.0))
    ax.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 4, 5, 10]))
    ax.set_xlabel("Number of nodes")
    ax.set_ylabel("Epoch of onset")


def _highest(some: Sequence[Onsets]) -> float:
    """The latest onset with its spread; 0 if there is none."""
    ends = np.concatenate([_ends(one)[1] for one in some]) if some else np.zeros(1)
    return float(ends[np.isfinite(ends)].max(initial=0.0))


def _ends(one: Onsets) -> tuple[Array, Array]:
    """(k,), (k,): lower and upper end of each point; the last epoch where pruning never started."""
    last = np.inf if one.last is None else one.last
    onset = np.where(np.isposinf(one.onset), last, one.onset)
    spread = 0.0 if one.spread is None else np.nan_to_num(one.spread, posinf=0.0)
    return onset - spread, onset + spread


def _rungs(ax: Axes, rung: float, every: Sequence[Onsets]) -> list[Text]:
    """Grid lines and a right axis that count rungs, and the slope of one rung per decade."""
    top = ax.get_ylim()[1]
    step = max(1, round(top / rung / _RUNGS))
    ax.tick_params(axis="y", which="both", right=False)
    right = ax.secondary_yaxis("right", functions=(_times(1 / rung), _times(rung)))
    right.yaxis.set_major_locator(MultipleLocator(step))
    right.yaxis.set_minor_locator(NullLocator())
    right.set_ylabel(f"Rungs of {rung:g} epochs")
    for height in np.arange(rung, top, rung * step):
        ax.axhline(height, color="0.88", linewidth=bold(0.8), zorder=0)
    return _slope(ax, rung, every)


def _times(factor: float) -> Callable[[Any], Any]:
    """From one scale to another."""
    return lambda values: np.asarray(values) * factor


def _slope(ax: Axes, rung: float, every: Sequence[Onsets]) -> list[Text]:
    """A triangle with the legs of one decade and one rung, at the lowest place without data."""
    top, x = ax.get_ylim()[1], np.array(_DECADE)
    bases = np.arange(_BELOW, 1, 0.02) * top
    free = [base for base in bases if base + rung < top and _is_free(base, rung, top, every)]
    if not free:
        return []
    corners = free[0] + rung * np.array([0, 0, 1, 0])
    ax.plot(x[[0, 1, 1, 0]], corners, color="0.4", linewidth=bold(1.2), solid_joinstyle="miter")
    place = (float(np.sqrt(x.prod())), float(free[0]))
    text = ax.annotate(
        "one rung per decade", place, (0, -5 * preset().text), textcoords="offset points"
    )
    text.set(color="0.3", ha="center", va="top", size="small")
    return [text]


def _is_free(base: float, rung: float, top: float, every: Sequence[Onsets]) -> bool:
    """Whether each series runs above a triangle or below the text under it."""
    x = np.linspace(math.log10(_DECADE[0]), math.log10(_DECADE[1]), 30)
    above = base + rung * (x - x[0]) + _ABOVE * top
    below = base - _BELOW * top
    return all(
        bool((_along(one, x, low) > above).all() or (_along(one, x, high) < below).all())
        for one in every
        for low, high in [_ends(one)]
    )


def _along(one: Onsets, x: Array, heights: Array) -> Array:
    """(x,): heights joined by straight lines, x being the logarithm to ten of the nodes."""
    seen = np.isfinite(heights)
    return np.interp(x, np.log10(one.nodes[seen]), heights[seen]) if seen.any() else x * np.inf


def _meanings(never: Sequence[Line2D], predicted: Sequence[Line2D]) -> list[Line2D]:
    """Grey entries of the legend for the marks that are there."""
    entries = []
    if predicted:
        entries.append(Line2D([], [], color="0.3", linestyle="--", label="predicted"))
    if never:
        entries.append(hollow("not until the\nlast epoch"))
    return entries
