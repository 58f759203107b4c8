"""Rejection, or efficiency, against a property of the jets such as their transverse momentum."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from ftag_prune.errors import FtagPruneError
from ftag_prune.flavours import FLAVOURS
from ftag_prune.plots.bands import edges_of
from ftag_prune.plots.labels import beside
from ftag_prune.plots.scales import binned_axis, column_label, rejection_axis, y_label
from ftag_prune.plots.style import MARKERS, Array, bold, colours

__all__ = ["ProfileArtists", "ProfileLine", "rejection_profile"]

_ARROW = 1.3  # of a limit: where the arrow ends
_CARET = 4  # points: half the head of an arrow


class ProfileLine(NamedTuple):
    """One tagger against one background, bin by bin.

    Attributes
    ----------
    name : str
        Tagger: its text in the legend and its colour.
    background : str
        Name of the background, as in `flavours.FLAVOURS`: its panel.
    low, high : (bins,)
        Edges of the bins.
    value : (bins,)
        Rejection; what is not finite has no point.
    error_low, error_high : (bins,)
        Lengths of the error bars below and above.
    limit : (bins,)
        Lower limit of the rejection where no background jet passes, drawn as an arrow upwards;
        nan in all other bins.
    """

    name: str
    background: str
    low: Array
    high: Array
    value: Array
    error_low: Array
    error_high: Array
    limit: Array


class ProfileArtists(NamedTuple):
    """What `rejection_profile` has drawn, panel by panel; limits are the marks with an arrow."""

    points: list[list[ErrorbarContainer]]
    limits: list[list[ErrorbarContainer]]
    legend: Legend


def rejection_profile(
    axes: Sequence[Axes],
    lines: Sequence[ProfileLine],
    *,
    variable: str,
    unit: str,
    efficiency: str,
) -> ProfileArtists:
    """Draw rejection bin by bin, one panel for each background, one colour for each tagger.

    Parameters
    ----------
    axes : as ``canvas_with_legend(number of backgrounds)`` makes them
        In the order in which the backgrounds come first among the lines.
    variable, unit : str
        For the axis, such as "pt" and "GeV"; the unit is empty for a pure number.
    efficiency : str
        Text over the legend, such as "70 % efficiency for $b$-jets, one cut".

    Raises
    ------
    FtagPruneError
        If there is no panel for each background, or the lines do not have the same bins.
    """
    backgrounds = list(dict.fromkeys(line.background for line in lines))
    if len(axes) != len(backgrounds):
        raise FtagPruneError(f"{len(backgrounds)} backgrounds need as many axes, found {len(axes)}")
    edges = edges_of(lines, what="the profiles")
    names = list(dict.fromkeys(line.name for line in lines))
    looks = [
        _Look(colour, marker, (index + 1) / (len(names) + 1))
        for index, (colour, marker) in enumerate(zip(colours(len(names)), cycle(MARKERS)))
    ]
    by_name = dict(zip(names, looks, strict=True))
    points, limits = [], []
    for ax, background in zip(axes, backgrounds, strict=True):
        mine = [line for line in lines if line.background == background]
        points.append([_points(ax, line, by_name[line.name]) for line in mine])
        limits.append([_limits(ax, line, by_name[line.name]) for line in mine])
        _y_axis(ax, mine)
        y_label(ax, f"Rejection of {FLAVOURS[background].label}")
    binned_axis(axes[-1], edges, [some for line in lines for some in (line.value, line.limit)])
    axes[-1].set_xlabel(column_label(variable, unit))
    return ProfileArtists(points, limits, _legend(axes[0], points, lines, title=efficiency))


class _Look(NamedTuple):
    """Colour and marker of a tagger, and where in a bin it stands, from 0 to 1."""

    colour: str
    marker: str
    place: float


def _points(ax: Axes, line: ProfileLine, look: _Look) -> ErrorbarContainer:
    """Rejections with the widths of their bins and their errors."""
    ends = np.array([line.error_low, line.error_high])
    seen = np.isfinite(line.value) & np.isfinite(ends).all(axis=0)
    return _bars(ax, line, look, np.where(seen, line.value, np.nan), np.where(seen, ends, np.nan))


def _limits(ax: Axes, line: ProfileLine, look: _Look) -> ErrorbarContainer:
    """Lower limits, with arrows upwards and no marker."""
    bare = look._replace(marker="")
    ends = np.array([0 * line.limit, (_ARROW - 1) * line.limit])
    return _bars(ax, line, bare, line.limit, ends, lolims=np.isfinite(line.limit))


def _bars(
    ax: Axes, line: ProfileLine, look: _Look, y: Array, ends: Array, **more: Any
) -> ErrorbarContainer:
    """Marks in their bins; those of several taggers stand beside each other."""
    x = line.low + look.place * (line.high - line.low)
    return ax.errorbar(
        x,
        y,
        ends,
        np.array([x - line.low, line.high - x]),
        fmt=look.marker,
        linestyle="none",
        color=look.colour,
        markersize=bold(6),
        linewidth=bold(1.6),
        capsize=bold(_CARET) if more else 0,
        label=line.name,
        **more,
    )


def _y_axis(ax: Axes, lines: Sequence[ProfileLine]) -> None:
    """Limits around points, errors and arrows."""
    value, below, above, limit = (
        np.concatenate([getattr(line, name) for line in lines])
        for name in ("value", "error_low", "error_high", "limit")
    )
    below, above = np.append(below, 0 * limit), np.append(above, (_ARROW - 1) * limit)
    rejection_axis(ax, np.append(value, limit), below, above)


def _legend(
    ax: Axes,
    points: Sequence[Sequence[ErrorbarContainer]],
    lines: Sequence[ProfileLine],
    *,
    title: str,
) -> Legend:
    """Each tagger once, and what an arrow says, to the right of the panel."""
    handles: list[Any] = list({one.get_label(): one for some in points for one in some}.values())
    if any(np.isfinite(line.limit).any() for line in lines):
        arrow = Line2D([], [], color="0.3", linestyle="", marker="^", markersize=bold(8))
        arrow.set_label("lower limit,\nnone passes")
        handles.append(arrow)
    return beside(ax, handles, title=title)
