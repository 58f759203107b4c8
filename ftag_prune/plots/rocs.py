"""Rejection against signal efficiency: our taggers, and others to compare them with."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from ftag_prune.errors import FtagPruneError, nearest
from ftag_prune.flavours import FLAVOURS
from ftag_prune.plots.bands import band
from ftag_prune.plots.labels import make_room
from ftag_prune.plots.scales import log_axis, ratio_axis
from ftag_prune.plots.style import Array, bold, colours

__all__ = ["ModelCurve", "RocArtists", "roc"]

# Colour and line style of taggers that are not ours.
_OTHERS = (
    ("#717581", (0, (5, 1.5))),
    ("#b9ac70", (0, (6, 1.5, 1, 1.5))),
    ("#e76300", (0, (1.2, 1.2))),
    ("#832db6", (0, (6, 1.5, 1, 1.5, 1, 1.5))),
)


class ModelCurve(NamedTuple):
    """ROC curve of one tagger against one background.

    Attributes
    ----------
    name : str
        Text in the legend.
    pruned : float in [0, 1)
        Pruned fraction of nodes: the shade, black for 0.
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


class RocArtists(NamedTuple):
    """What `roc` has drawn: our taggers, then the references."""

    lines: list[Line2D]
    bands: list[FillBetweenPolyCollection]
    ratio_lines: list[Line2D]
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
    title: str = "Pruned nodes",
) -> RocArtists:
    """Draw rejection against signal efficiency, and its ratio to one of the curves.

    Parameters
    ----------
    curves : sequence of ModelCurve
        Our taggers, in shades of the pruned fraction; in colours of models where two have the
        same.
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
    title : str
        Text over the legend.

    Raises
    ------
    FtagPruneError
        If no curve has the name of the reference.
    """
    base = _named(curves, reference)
    shown = [_within(one, efficiencies) for one in (*curves, *references)]
    others = islice(cycle(_OTHERS), len(references))
    looks = [*((colour, "-") for colour in _colours(curves)), *others]
    lines, bands, ratio_lines, ratio_bands = [], [], [], []
    for one, look in zip(shown, looks, strict=True):
        relative = _ratio(one, base)
        lines.append(_line(ax, one, one.rejection, look))
        bands.append(band(ax, one.efficiency, one.rejection, one.error, look[0]))
        ratio_lines.append(_line(ratio, one, relative, look))
        if one.ratio_error is not None:
            ratio_bands.append(band(ratio, one.efficiency, relative, one.ratio_error, look[0]))
    ax.set_xlim(efficiencies)
    log_axis(ax, np.concatenate([one.rejection for one in shown]))
    drawn = [np.asarray(line.get_ydata(), dtype=np.float64) for line in ratio_lines]
    ratio_axis(ratio, drawn, f"Ratio to {reference}", most=_most(drawn))
    for at in (working_point, *working_points):
        _working_point(ax, ratio, shown, at=at, width=1.2 if at == working_point else 0.8)
    ax.set_ylabel(f"Rejection of {FLAVOURS[background].label}")
    ratio.set_xlabel(f"Efficiency for {FLAVOURS[signal].label}")
    legend = ax.legend(loc="upper right", title=title or None, alignment="left")
    make_room(ax)
    return RocArtists(lines, bands, ratio_lines, ratio_bands, legend)


def _line(ax: Axes, curve: ModelCurve, values: Array, look: tuple[Any, Any]) -> Line2D:
    """One curve; `look` is colour and line style."""
    colour, style = look
    return ax.plot(curve.efficiency, values, color=colour, linestyle=style, label=curve.name)[0]


def _colours(curves: Sequence[ModelCurve]) -> list[Any]:
    """Shades of the pruned fraction; colours of models where several have the same one."""
    pruned = [one.pruned for one in curves]
    if len(set(pruned)) == len(pruned):
        return _shades(pruned)
    return colours(len(curves))


def _most(ratios: Sequence[Array]) -> float:
    """The largest ratio that the lower panel shows: that of a better tagger, but no wild point."""
    middles = [float(np.median(one[np.isfinite(one)])) for one in ratios if np.isfinite(one).any()]
    return max([2.0, *(1.5 * one for one in middles if one > 1.5)])


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


def _working_point(
    ax: Axes, ratio: Axes, curves: Sequence[ModelCurve], *, at: float, width: float
) -> None:
    """Dashed line at a working point, only up to the highest curve: above it stands the label."""
    heights = [np.interp(at, one.efficiency, one.rejection) for one in curves if len(one.rejection)]
    highest = float(max(heights, default=ax.get_ylim()[1]))
    for panel, top in ((ax, highest), (ratio, ratio.get_ylim()[1])):
        bottom = panel.get_ylim()[0]
        panel.vlines(at, bottom, top, "0.4", "--", linewidth=bold(width), zorder=0.5)
