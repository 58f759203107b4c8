"""Rejection against pruned nodes for more strategies than one panel can hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from ftag_prune.errors import FtagPruneError
from ftag_prune.plots.labels import beside
from ftag_prune.plots.pruned import PrunedArtists, PrunedLine, rejection_versus_pruned
from ftag_prune.plots.scales import log_axis
from ftag_prune.plots.style import bold

__all__ = ["GroupArtists", "StrategyGroup", "rejection_versus_pruned_panels"]

_REPEATED = "black"
_DENSE = "0.85"
_TICKS = 7


class StrategyGroup(NamedTuple):
    """Strategies that share a row of panels.

    Attributes
    ----------
    title : str
        Text over their legend.
    lines : sequence of PrunedLine
        One for each strategy, up to eight; all of the same network.
    """

    title: str
    lines: Sequence[PrunedLine]


class GroupArtists(NamedTuple):
    """What `rejection_versus_pruned_panels` has drawn, row by row."""

    groups: list[PrunedArtists]
    dense: list[Rectangle]


def rejection_versus_pruned_panels(
    panels: Sequence[tuple[Axes, Axes]],
    groups: Sequence[StrategyGroup],
    *,
    repeated: PrunedLine,
    signal: str,
    background: str,
    working_point: float,
) -> GroupArtists:
    """Draw rejection, and its ratio to the dense tagger, with a row of panels for each group.

    Each row repeats, for comparison, one line in black and the dense tagger's rejection with its
    error as a grey band. y has its own limits in each row.

    Parameters
    ----------
    panels : as `canvas_of_groups` makes them
    repeated : PrunedLine
        The line to compare with; its point at 0 is the dense tagger.

    Raises
    ------
    FtagPruneError
        If the line to compare with has no point for the dense tagger, or a group has no row.
    """
    if len(panels) != len(groups):
        raise FtagPruneError(f"{len(groups)} groups need as many rows, found {len(panels)}")
    dense = _dense_of(repeated)
    drawn, bands = {}, {}
    # x is shared, so the row that goes farthest has the last word about it.
    for row in sorted(range(len(groups)), key=lambda row: _farthest(groups[row])):
        (ax, ratio), lines = panels[row], [*groups[row].lines, repeated]
        one = rejection_versus_pruned(
            ax, ratio, lines, signal=signal, background=background, working_point=working_point
        )
        bands[row] = _band(ax, dense)
        _recolour(one)
        _limits(ax, lines)
        ratio.yaxis.set_major_locator(MaxNLocator(_TICKS, steps=[1, 2, 5, 10]))
        if row == 0:  # what the legend of a single panel is headed by, stands above all rows here
            ratio.set_title(one.legend.get_title().get_text(), loc="right", size="medium")
        drawn[row] = one._replace(legend=_legend(ratio, bands[row], one, groups[row].title))
    for ax, ratio in panels:
        ax.set_xlabel(ratio.get_xlabel() if ratio is panels[-1][1] else "")
        ratio.set_xlabel(ax.get_xlabel())
    rows = range(len(groups))
    return GroupArtists([drawn[row] for row in rows], [bands[row] for row in rows])


def _dense_of(line: PrunedLine) -> tuple[float, float]:
    """Rejection of the dense tagger and its error."""
    place = np.flatnonzero(line.pruned == 0)
    if not len(place):
        raise FtagPruneError(
            f"the repeated line '{line.name}' needs a point at 0 for the dense tagger, "
            f"found {line.pruned.tolist()}"
        )
    return float(line.rejection[place[0]]), float(line.error[place[0]])


def _farthest(group: StrategyGroup) -> float:
    """Largest pruned fraction of a group."""
    return max((float(line.pruned.max()) for line in group.lines), default=0.0)


def _band(ax: Axes, dense: tuple[float, float]) -> Rectangle:
    """The dense tagger, one standard error on either side."""
    value, error = dense
    ax.axhline(value, color="0.6", linewidth=bold(1), zorder=0.2)
    return ax.axhspan(value - error, value + error, color=_DENSE, linewidth=0, zorder=0.1)


def _recolour(drawn: PrunedArtists) -> None:
    """Black stars for the last line, the same in each row."""
    for points in (drawn.points[-1], drawn.ratio_points[-1]):
        for artist in points.get_children():
            artist.set(color=_REPEATED)
        points.lines[0].set(marker="*", markersize=bold(11))
    for band in (drawn.bands[-1], drawn.ratio_bands[-1]):
        band.set_color(_REPEATED)


def _limits(ax: Axes, lines: Sequence[PrunedLine]) -> None:
    """Limits around points and errors: the legend stands outside and needs no room."""
    y, error = (np.concatenate([getattr(one, k) for one in lines]) for k in ("rejection", "error"))
    seen = np.isfinite(y) & np.isfinite(error)
    y, error = y[seen], error[seen]
    ends = np.concatenate([np.maximum(y - error, y / 2), y + error])
    if ax.get_yscale() == "log":
        log_axis(ax, ends)
    elif len(ends):
        margin = 0.08 * max(float(np.ptp(ends)), 0.05 * float(ends.max()))
        ax.set_ylim(ends.min() - margin, ends.max() + margin)


def _legend(ratio: Axes, dense: Rectangle, drawn: PrunedArtists, title: str) -> Legend:
    """To the right of a row: first what all rows have, then the strategies of this one."""
    drawn.legend.remove()
    dense.set_label("dense")
    return beside(ratio, [dense, drawn.points[-1], *drawn.points[:-1]], title=title)
