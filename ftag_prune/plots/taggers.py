"""What a tagger keeps when it is pruned: ROC curves, and rejection against pruned nodes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.container import ErrorbarContainer
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from ftag_prune.errors import FtagPruneError, nearest
from ftag_prune.flavours import FLAVOURS
from ftag_prune.plots.labels import make_room
from ftag_prune.plots.scales import log_axis
from ftag_prune.plots.style import MARKERS, MODELS, Array, bold

__all__ = [
    "ModelCurve",
    "PrunedArtists",
    "PrunedLine",
    "RocArtists",
    "rejection_versus_pruned",
    "roc",
]

_PERCENT_PRUNED = (0, 50, 75, 90, 95, 98, 99, 99.5, 99.8, 99.9)
_BAND = 0.22
_MARGIN = 1.2  # of kept nodes, beyond the outer points
_ROWS = 5  # of a legend in one column
_SHIFT = 1.035  # in kept nodes, between neighbouring widths


class ModelCurve(NamedTuple):
    """ROC curve of one tagger against one background.

    Attributes
    ----------
    name : str
        Text in the legend.
    pruned : float in [0, 1)
        Pruned fraction of nodes: the colour, black for 0.
    efficiency, rejection, error : (k,)
        Achieved signal efficiency, rising; rejection there and its statistical error. Points that
        are not finite are left out.
    ratio_error : (k,) or None
        Paired error of the ratio to the reference; None draws the ratio without a band.
    """

    name: str
    pruned: float
    efficiency: Array
    rejection: Array
    error: Array
    ratio_error: Array | None = None


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


class RocArtists(NamedTuple):
    """What `roc` has drawn."""

    lines: list[Line2D]
    bands: list[FillBetweenPolyCollection]
    ratio_lines: list[Line2D]
    ratio_bands: list[FillBetweenPolyCollection]
    legend: Legend


class PrunedArtists(NamedTuple):
    """What `rejection_versus_pruned` has drawn."""

    points: list[ErrorbarContainer]
    bands: list[FillBetweenPolyCollection]
    ratio_points: list[ErrorbarContainer]
    ratio_bands: list[FillBetweenPolyCollection]
    legend: Legend


def roc(
    ax: Axes,
    ratio: Axes,
    curves: Sequence[ModelCurve],
    *,
    reference: str,
    signal: str,
    background: str,
    working_point: float,
    efficiencies: tuple[float, float] = (0.5, 1.0),
    references: Sequence[ModelCurve] = (),
    working_points: Sequence[float] = (),
) -> RocArtists:
    """Draw rejection against signal efficiency, and its ratio to one of the curves.

    Parameters
    ----------
    curves : sequence of ModelCurve
        One for each pruned fraction.
    reference : str
        Name of the curve, usually the dense tagger's, that the lower panel divides by.
    signal, background : str
        Names of flavours, for the axes.
    working_point : float
        Signal efficiency of the dashed line.
    efficiencies : (low, high)
        Range of the x axis.
    references : sequence of ModelCurve
        Taggers that are not ours: in colours and line styles of their own.
    working_points : sequence of float
        Further signal efficiencies with a dashed line, thinner than that of the headline.
    """
    base = _named(curves, reference)
    lines, bands, ratio_lines, ratio_bands = [], [], [], []
    shown = [_within(one, efficiencies) for one in curves]
    for seen, colour in zip(shown, _shades([one.pruned for one in shown]), strict=True):
        lines += ax.plot(seen.efficiency, seen.rejection, color=colour, label=seen.name)
        bands.append(_band(ax, seen.efficiency, seen.rejection, seen.error, colour))
        relative = _ratio(seen, base)
        ratio_lines += ratio.plot(seen.efficiency, relative, color=colour)
        if seen.ratio_error is not None:
            ratio_bands.append(_band(ratio, seen.efficiency, relative, seen.ratio_error, colour))
    ax.set_xlim(efficiencies)
    log_axis(ax, np.concatenate([one.rejection for one in shown]))
    drawn = [np.asarray(line.get_ydata(), dtype=np.float64) for line in ratio_lines]
    _ratio_axis(ratio, drawn, f"Ratio to {reference}")
    _working_point(ax, ratio, shown, at=working_point)
    ax.set_ylabel(f"Rejection of {FLAVOURS[background].label}")
    ratio.set_xlabel(f"Efficiency for {FLAVOURS[signal].label}")
    legend = ax.legend(loc="upper right", title="Pruned nodes", alignment="left")
    make_room(ax)
    return RocArtists(lines, bands, ratio_lines, ratio_bands, legend)


def rejection_versus_pruned(
    ax: Axes,
    ratio: Axes,
    lines: Sequence[PrunedLine],
    *,
    signal: str,
    background: str,
    working_point: float,
) -> PrunedArtists:
    """Draw rejection at the working point against the pruned fraction of nodes.

    The x axis is logarithmic in the nodes that are kept and runs to the right with pruning, so
    that each halving of the network has the same length. Lines are shifted against each other by
    less than the size of a marker or two; the ticks are where they belong.
    """
    points, bands, ratio_points, ratio_bands = [], [], [], []
    shifts = _SHIFT ** -(np.arange(len(lines)) - (len(lines) - 1) / 2)
    looks = zip(lines, shifts, cycle(MODELS), cycle(MARKERS), strict=False)
    for line, shift, *look in looks:
        kept = (1 - line.pruned) * shift
        points.append(_series(ax, kept, line.rejection, line.error, line.name, look))
        bands.append(_band(ax, kept, line.rejection, line.error, look[0]))
        ratio_points.append(_series(ratio, kept, line.ratio, line.ratio_error, line.name, look))
        ratio_bands.append(_band(ratio, kept, line.ratio, line.ratio_error, look[0]))
    _pruned_axis(ratio, min(float(1 - line.pruned.max()) for line in lines))
    _rejection_axis(ax, lines)
    ends = [line.ratio + side * line.ratio_error for line in lines for side in (-1, 1)]
    _ratio_axis(ratio, ends, "Ratio to dense")
    ax.set_ylabel(f"Rejection of {FLAVOURS[background].label}")
    title = f"{100 * working_point:g} % efficiency for {FLAVOURS[signal].label}"
    columns = 1 if len(lines) <= _ROWS else 2
    legend = ax.legend(loc="upper right", title=title, alignment="left", ncols=columns)
    make_room(ax)
    return PrunedArtists(points, bands, ratio_points, ratio_bands, legend)


def _named(curves: Sequence[ModelCurve], name: str) -> ModelCurve:
    """The curve of that name."""
    for curve in curves:
        if curve.name == name:
            return curve
    raise FtagPruneError(f"no curve '{name}' to divide by{nearest(name, [c.name for c in curves])}")


def _shades(pruned: Sequence[float]) -> list[tuple[float, float, float, float]]:
    """Black for a dense tagger; for the others viridis, without its pale end, in order of size."""
    order = sorted({value for value in pruned if value > 0})
    steps = np.linspace(0.12, 0.85, len(order)) if len(order) > 1 else [0.5]
    shade = {
        value: matplotlib.colormaps["viridis"](step)
        for value, step in zip(order, steps, strict=False)
    }
    return [shade.get(value, (0.0, 0.0, 0.0, 1.0)) for value in pruned]


def _within(curve: ModelCurve, efficiencies: tuple[float, float]) -> ModelCurve:
    """The finite points of a curve that the axis shows."""
    low, high = efficiencies
    x = curve.efficiency
    inside = (x >= low) & (x <= high) & np.isfinite(curve.rejection) & np.isfinite(curve.error)
    ratio_error = None if curve.ratio_error is None else curve.ratio_error[inside]
    return curve._replace(
        efficiency=x[inside],
        rejection=curve.rejection[inside],
        error=curve.error[inside],
        ratio_error=ratio_error,
    )


def _ratio(curve: ModelCurve, base: ModelCurve) -> Array:
    """Ratio of two curves, nan beyond the base.

    The base is interpolated in log(rejection), because tied scores shift the points of a curve.
    """
    finite = np.isfinite(base.rejection)
    if not finite.any():
        return np.full_like(curve.rejection, np.nan)
    x, y = base.efficiency[finite], np.log(base.rejection[finite])
    below = np.interp(curve.efficiency, x, y, left=np.nan, right=np.nan)
    return np.asarray(curve.rejection / np.exp(below))


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


def _band(ax: Axes, x: Array, y: Array, error: Array, colour: Any) -> FillBetweenPolyCollection:
    """One standard error on either side, with a gap where it is not finite."""
    error = np.where(np.isfinite(error) & np.isfinite(y), error, np.nan)
    return ax.fill_between(x, y - error, y + error, color=colour, alpha=_BAND, linewidth=0)


def _working_point(ax: Axes, ratio: Axes, curves: Sequence[ModelCurve], *, at: float) -> None:
    """Dashed line at the working point, only up to the highest curve: above it stands the label."""
    heights = [np.interp(at, one.efficiency, one.rejection) for one in curves if len(one.rejection)]
    highest = float(max(heights, default=ax.get_ylim()[1]))
    for panel, top in ((ax, highest), (ratio, ratio.get_ylim()[1])):
        bottom = panel.get_ylim()[0]
        panel.vlines(at, bottom, top, "0.4", "--", linewidth=bold(1.2), zorder=0.5)


def _ratio_axis(ratio: Axes, shown: Sequence[Array], label: str) -> None:
    """Limits around what is shown and 1, within 0 and 2: a wild bin must not flatten the rest."""
    values = np.concatenate([[1.0], *shown])
    values = np.clip(values[np.isfinite(values)], 0, 2)
    margin = 0.15 * max(float(np.ptp(values)), 0.1)
    ratio.set_ylim(values.min() - margin, values.max() + margin)
    ratio.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ratio.axhline(1, color="black", linewidth=bold(1), zorder=0.5)
    ratio.set_ylabel(label, loc="center")


def _pruned_axis(ax: Axes, fewest: float) -> None:
    """Log axis of the kept fraction, reversed and labelled with per cent pruned."""
    ax.set_xscale("log")
    ax.set_xlim(_MARGIN, fewest / _MARGIN)
    shown = [percent for percent in _PERCENT_PRUNED if 1 - percent / 100 >= fewest / 1.1]
    ax.xaxis.set_major_locator(FixedLocator([1 - percent / 100 for percent in shown]))
    ax.xaxis.set_major_formatter(FixedFormatter([f"{percent:g}" for percent in shown]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("Pruned nodes [%]")


def _rejection_axis(ax: Axes, lines: Sequence[PrunedLine]) -> None:
    """Limits around points and errors; logarithmic if they differ by more than a factor of four."""
    y, error = (np.concatenate([getattr(one, k) for one in lines]) for k in ("rejection", "error"))
    seen = np.isfinite(y) & np.isfinite(error)
    y, error = y[seen], error[seen]
    # A huge error on a point must not open decades below it.
    edges = np.concatenate([np.maximum(y - error, y / 2), y + error])
    if not len(edges):
        return
    low, high = float(edges.min()), float(edges.max())
    if high > 4 * low:
        log_axis(ax, edges)
    else:
        margin = 0.08 * max(high - low, 0.1 * high)
        ax.set_ylim(low - margin, high + margin)
