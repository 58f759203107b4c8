"""What a tagger keeps when it is pruned: rejection against pruned nodes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.container import ErrorbarContainer
from matplotlib.legend import Legend
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from ftag_prune.flavours import FLAVOURS
from ftag_prune.plots.bands import band
from ftag_prune.plots.labels import make_room
from ftag_prune.plots.scales import ratio_axis, rejection_axis
from ftag_prune.plots.style import MARKERS, Array, bold, colours

__all__ = [
    "PrunedArtists",
    "PrunedLine",
    "rejection_versus_pruned",
]

_PERCENT_PRUNED = (0, 50, 75, 90, 95, 98, 99, 99.5, 99.8, 99.9)
_MARGIN = 1.2  # of kept nodes, beyond the outer points
_ROWS = 5  # of a legend in one column
_SHIFT = 1.035  # in kept nodes, between neighbouring widths


class PrunedLine(NamedTuple):
    """Rejection at the working point of taggers of one width, from dense to nearly empty.

    Attributes
    ----------
    name : str
        Text in the legend.
    pruned : (k,) in [0, 1)
        Pruned fraction of nodes, rising; 0 is the dense tagger.
    rejection, error : (k,)
        Rejection and its error; points that are not finite are left out.
    ratio, ratio_error : (k,)
        Ratio to the dense tagger of the same width and its paired error.
    """

    name: str
    pruned: Array
    rejection: Array
    error: Array
    ratio: Array
    ratio_error: Array


class PrunedArtists(NamedTuple):
    """What `rejection_versus_pruned` has drawn."""

    points: list[ErrorbarContainer]
    bands: list[FillBetweenPolyCollection]
    ratio_points: list[ErrorbarContainer]
    ratio_bands: list[FillBetweenPolyCollection]
    legend: Legend


def rejection_versus_pruned(
    ax: Axes,
    ratio: Axes,
    lines: Sequence[PrunedLine],
    *,
    signal: str,
    background: str,
    working_point: float,
    of: str = "nodes",
    reference: str = "dense",
) -> PrunedArtists:
    """Draw rejection at the working point against the pruned fraction of nodes.

    The x axis is logarithmic in the nodes that are kept and runs to the right with pruning, so
    that each halving of the network has the same length. Lines are shifted against each other by
    less than the size of a marker or two; the ticks are where they belong.

    Parameters
    ----------
    of : str
        What was pruned, for the x axis.
    reference : str
        What the ratios are to.
    """
    points, bands, ratio_points, ratio_bands = [], [], [], []
    shifts = _SHIFT ** -(np.arange(len(lines)) - (len(lines) - 1) / 2)
    looks = zip(lines, shifts, colours(len(lines)), cycle(MARKERS), strict=False)
    for line, shift, *look in looks:
        kept = (1 - line.pruned) * shift
        points.append(_series(ax, kept, line.rejection, line.error, line.name, look))
        bands.append(band(ax, kept, line.rejection, line.error, look[0]))
        ratio_points.append(_series(ratio, kept, line.ratio, line.ratio_error, line.name, look))
        ratio_bands.append(band(ratio, kept, line.ratio, line.ratio_error, look[0]))
    _pruned_axis(ratio, min(float(1 - line.pruned.max()) for line in lines), of)
    y, error = (np.concatenate([getattr(one, k) for one in lines]) for k in ("rejection", "error"))
    rejection_axis(ax, y, error, error)
    ends = [line.ratio + side * line.ratio_error for line in lines for side in (-1, 1)]
    ratio_axis(ratio, ends, f"Ratio to {reference}")
    ax.set_ylabel(f"Rejection of {FLAVOURS[background].label}")
    title = f"{100 * working_point:g} % efficiency for {FLAVOURS[signal].label}"
    columns = 1 if len(lines) <= _ROWS else 2
    legend = ax.legend(loc="upper right", title=title, alignment="left", ncols=columns)
    make_room(ax)
    return PrunedArtists(points, bands, ratio_points, ratio_bands, legend)


def _series(
    ax: Axes, x: Array, y: Array, error: Array, name: str, look: Sequence[str]
) -> ErrorbarContainer:
    """Markers with error bars, joined by lines; `look` is colour and marker."""
    colour, marker = look
    seen = np.where(np.isfinite(y) & np.isfinite(error), y, np.nan)
    return ax.errorbar(
        x,
        seen,
        error,
        color=colour,
        marker=marker,
        markersize=bold(7),
        linewidth=bold(1.6),
        label=name,
    )


def _pruned_axis(ax: Axes, fewest: float, of: str) -> None:
    """Log axis of the kept fraction, reversed and labelled with per cent pruned."""
    ax.set_xscale("log")
    ax.set_xlim(_MARGIN, fewest / _MARGIN)
    shown = [percent for percent in _PERCENT_PRUNED if 1 - percent / 100 >= fewest / 1.1]
    ax.xaxis.set_major_locator(FixedLocator([1 - percent / 100 for percent in shown]))
    ax.xaxis.set_major_formatter(FixedFormatter([f"{percent:g}" for percent in shown]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel(f"Pruned {of} [%]")
