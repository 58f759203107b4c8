"""Measures a drawn figure: which texts, labels and legends touch each other, data, or the edge."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Tick
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.offsetbox import AnchoredOffsetbox
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Bbox

_TOUCH = 1.0  # pixels by which two outlines may overlap: letters do not fill their boxes
_LETTER = 3.0  # pixels on either side of a number at a tick
_LEAST = 0.4  # of the height of a logarithmic axis that its lines and points span


class Box(NamedTuple):
    """Outline of something to be read, in pixels; `over` says whether data must not lie below."""

    name: str
    outline: Bbox
    over: bool = False


def faults(fig: Figure) -> list[str]:
    """What is wrong with the layout of a figure, one sentence each."""
    fig.draw_without_rendering()
    boxes = [box for ax in _every(fig) for box in _boxes(ax)]
    found = [
        f"{one.name} and {other.name} overlap"
        for one, other in combinations(boxes, 2)
        if _overlap(one.outline, other.outline)
    ]
    found += [f"{box.name} leaves the figure" for box in boxes if not _inside(fig.bbox, box)]
    found += [
        f"{box.name} covers data"
        for box in boxes
        if box.over and any(_covers(box.outline, ax) for ax in fig.axes)
    ]
    return found + [wasted for ax in fig.axes if (wasted := _wasted(ax))]


def _every(fig: Figure) -> list[Axes]:
    return [one for ax in fig.axes for one in (ax, *ax.child_axes)]


def _boxes(ax: Axes) -> Iterator[Box]:
    """All that is to be read in or around some axes."""
    if legend := ax.get_legend():
        yield Box("legend", legend.get_window_extent(), over=True)
    for artist in ax.artists:
        if isinstance(artist, AnchoredOffsetbox):
            yield Box("label", artist.get_window_extent(), over=True)
    axes = [axis for axis in (ax.xaxis, ax.yaxis) if axis.get_visible()]
    titles = [ax.title, ax._left_title, ax._right_title]
    names = [text for axis in axes for text in (axis.label, axis.offsetText)]
    for text in filter(_seen, (*titles, *ax.texts, *names)):
        yield Box(f"'{text.get_text()}'", Text.get_window_extent(text))
    ticks = [text for axis in axes for tick in axis._update_ticks() for text in _labels(tick)]
    for text in filter(_seen, ticks):
        # Neighbours at x that touch are read as one.
        yield Box(f"'{text.get_text()}'", text.get_window_extent().padded(_LETTER, 0))


def _labels(tick: Tick) -> tuple[Text, Text]:
    return tick.label1, tick.label2


def _seen(text: Text) -> bool:
    return text.get_visible() and bool(text.get_text().strip())


def _overlap(one: Bbox, other: Bbox) -> bool:
    shared = Bbox.intersection(one, other)
    return shared is not None and min(shared.width, shared.height) > _TOUCH


def _inside(figure: Bbox, box: Box) -> bool:
    one = box.outline
    return (
        figure.x0 <= one.x0 + _TOUCH
        and figure.y0 <= one.y0 + _TOUCH
        and one.x1 <= figure.x1 + _TOUCH
        and one.y1 <= figure.y1 + _TOUCH
    )


def _covers(outline: Bbox, ax: Axes) -> bool:
    """Whether something drawn in the axes, where it is seen, lies under an outline."""
    seen = Bbox.intersection(outline, ax.bbox)
    if seen is None or min(seen.width, seen.height) <= _TOUCH:
        return False
    return any(path.intersects_bbox(seen, filled=filled) for path, filled in _drawn(ax))


def _drawn(ax: Axes) -> Iterator[tuple[Path, bool]]:
    """Paths in pixels, and whether their inside is filled."""
    for line in ax.lines:
        if line.get_linestyle() != "None":
            yield line.get_transform().transform_path(line.get_path()), False
        if line.get_marker() not in ("None", "", None):
            yield from ((one, True) for one in _markers(line))
    for patch in ax.patches:
        yield patch.get_transform().transform_path(patch.get_path()), patch.get_fill()
    for some in ax.collections:
        transform = some.get_transform()
        for path in some.get_paths():
            yield transform.transform_path(path), not isinstance(some, LineCollection)


def _markers(line: Line2D) -> Iterator[Path]:
    """A square around each marker."""
    half = line.get_markersize() / 2 * line.figure.dpi / 72
    corners = half * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)])
    for x, y in line.get_transform().transform(line.get_xydata()):
        if np.isfinite([x, y]).all():
            yield Path(np.add(corners, (x, y)))


def _wasted(ax: Axes) -> str:
    """A sentence if label and legend in the axes, or a logarithmic scale, leave most of y empty.

    Bars of errors and lines across the whole axes have no say: they could fill an axis whose data
    are flat.
    """
    if ax.get_yscale() != "log" and not any(
        _overlap(box.outline, ax.bbox) for box in _boxes(ax) if box.over
    ):
        return ""
    artists = (*ax.lines, *ax.patches, *ax.collections)
    heights = np.concatenate([np.empty(0), *(_heights(ax, one) for one in artists)])
    if not len(heights) or np.ptp(heights) >= _LEAST:
        return ""
    return f"data fill {100 * np.ptp(heights):.0f} % of the axis '{ax.get_ylabel()}'"


def _heights(ax: Axes, artist: Any) -> np.ndarray:
    """Corners of lines, steps and bands, from 0 to 1 in parts of the height of the axes."""
    across = isinstance(artist, Line2D) and artist.get_transform() != ax.transData
    if across or isinstance(artist, LineCollection):
        return np.empty(0)
    paths = artist.get_paths() if hasattr(artist, "get_paths") else [artist.get_path()]
    corners = [artist.get_transform().transform_path(path).vertices for path in paths]
    y = ax.transAxes.inverted().transform(np.concatenate([np.empty((0, 2)), *corners]))[:, 1]
    return np.clip(y[np.isfinite(y)], 0, 1)
