"""Labels and legends: where they stand, and room for them beside the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea, VPacker
from matplotlib.transforms import Bbox

from ftag_prune.plots.style import bold, preset

__all__ = ["atlas_label", "beside", "hollow", "make_room"]

_RESERVED = ("ATLAS", "CMS", "ALICE", "LHCb")
_GAP = 0.03  # between label, legend and data, in parts of the axes
_CROWDED = 0.5  # part of the axes that data reach to, below which the legend has to leave
_TOP = 0.94  # that data reach to without label and legend
_ASIDE = 0.2  # inches between a panel and a legend at its right
_EDGE = 0.1  # inches between a legend and the edge of the figure


def atlas_label(
    ax: Axes, text: str, *, lines: Sequence[str] = (), above: bool = False
) -> AnchoredOffsetbox:
    """Write the label at the upper left of the axes and make room for it.

    Parameters
    ----------
    text : str
        First line, such as "Simulation, Pythia 8". The name of an experiment in front is set in
        bold italics; it belongs to results of that experiment alone.
    lines : sequence of str
        Further lines: energy, selection, discriminant with its fractions. Write "√$s$" for the
        root: mathtext logs a warning about its own, which this font does not have.
    above : bool
        Put it over the axes, whose limits then stay as they are.
    """
    experiment, _, rest = text.partition(" ") if text.startswith(_RESERVED) else ("", "", text)
    strong = {"weight": "bold", "style": "italic", "size": "x-large"}
    words: list[Any] = [TextArea(experiment, textprops=strong)] if experiment else []
    words.append(TextArea(rest, textprops={"size": "x-large"}))
    rows: list[Any] = [HPacker(children=words, align="baseline", pad=0, sep=6 * preset().text)]
    rows += [TextArea(line, textprops={"size": "medium"}) for line in lines]
    label = AnchoredOffsetbox(
        loc="lower left" if above else "upper left",
        child=VPacker(children=rows, align="left", pad=0, sep=5 * preset().text),
        pad=0,
        borderpad=0.5 if above else 0.9,
        frameon=False,
        bbox_to_anchor=(0, 1) if above else None,
        bbox_transform=ax.transAxes if above else None,
    )
    ax.add_artist(label)
    if not above:
        make_room(ax)
    return label


def make_room(ax: Axes) -> None:
    """Raise the upper limit of y until no data lie under the label or the legend.

    Only data below each box count, so a falling curve leaves the place at its right to the legend.
    A legend that would cover the label moves below it. Where data would then be pressed into the
    lower half, the legend moves to the right of the panels, and the figure becomes wider.
    """
    labels = [one for one in ax.artists if isinstance(one, AnchoredOffsetbox)]
    legend = ax.get_legend()
    if legend is None:
        _raise(ax, labels)
        return
    places = [_box(ax, label) for label in labels]
    if any(_box(ax, legend).overlaps(place) for place in places):
        legend.set_bbox_to_anchor((0, 0, 1, min(place.y0 for place in places)))
    _raise(ax, [*labels, legend])
    top = _highest(ax, 0, 1)
    if 0 < top < _CROWDED and _columns(ax) == 1:
        _aside(ax, legend)
        _stretch(ax, top / _TOP)
        _raise(ax, labels)


def _raise(ax: Axes, artists: Sequence[Any]) -> None:
    """Raise the upper limit of y until no data lie under the artists."""
    boxes = [_box(ax, one) for one in artists]
    needed = [_highest(ax, box.x0 - _GAP, box.x1 + _GAP) / (box.y0 - _GAP) for box in boxes]
    if needed and max(needed) > 1:
        _stretch(ax, max(needed))


def _stretch(ax: Axes, factor: float) -> None:
    """Make y longer by moving its upper limit, on whatever scale it has."""
    scale = ax.yaxis.get_transform()
    low, high = scale.transform(np.array(ax.get_ylim()))
    top = scale.inverted().transform(np.array([low + (high - low) * factor]))
    ax.set_ylim(top=float(top[0]))


def beside(ax: Axes, handles: Sequence[Any], *, title: str = "", gap: float = _ASIDE) -> Legend:
    """A legend at the right of the axes, its top at theirs; the gap is in inches.

    It has several columns where one would be higher than the figure, and the figure becomes wider
    where they or a long text need it.
    """
    look: dict[str, Any] = {
        "title": title or None,
        "alignment": "left",
        "borderpad": 0,
        "loc": "upper left",
    }
    legend = ax.legend(handles=handles, **look)
    columns = math.ceil(legend.get_window_extent().height / ax.bbox.y1)
    if columns > 1:
        legend = ax.legend(handles=handles, ncols=columns, **look)
    _aside(ax, legend, gap=gap)
    return legend


def _aside(ax: Axes, legend: Legend, *, gap: float = _ASIDE) -> None:
    """Move a legend to the right of the axes, and widen the figure if it has no room there."""
    fig = ax.get_figure(root=True)
    if fig is None:
        return
    inches = gap * preset().text
    legend.set_loc("upper left")
    legend.borderaxespad = 0
    legend.set_bbox_to_anchor((1 + inches * fig.dpi / ax.bbox.width, 1))
    lost = legend.get_window_extent().x1 / fig.dpi + _EDGE - fig.get_size_inches()[0]
    if lost > 0:
        _widen(fig, lost)
        legend.set_bbox_to_anchor((1 + inches * fig.dpi / ax.bbox.width, 1))


def _widen(fig: Figure, inches: float) -> None:
    """More room at the right; all panels stay as they are."""
    width, height = fig.get_size_inches()
    fig.set_size_inches(width + inches, height)
    scale = width / (width + inches)
    for ax in fig.axes:
        place = ax.get_position()
        ax.set_position((place.x0 * scale, place.y0, place.width * scale, place.height))


def _columns(ax: Axes) -> int:
    """Panels beside each other."""
    grid = ax.get_gridspec()
    return 1 if grid is None else int(grid.ncols)


def hollow(label: str) -> Line2D:
    """Grey entry of a legend for open markers of any colour."""
    look: dict[str, Any] = {
        "markerfacecolor": "white",
        "markeredgewidth": bold(1.8),
        "markersize": bold(8),
    }
    return Line2D([], [], color="0.3", linestyle="", marker="o", label=label, **look)


def _box(ax: Axes, artist: Any) -> Bbox:
    """Outline of a label or legend, in parts of the axes."""
    outline: Bbox = artist.get_window_extent()
    return outline.transformed(ax.transAxes.inverted())


def _highest(ax: Axes, left: float, right: float) -> float:
    """Top of the data between two x, all in parts of the axes; 0 if there are none."""
    paths = [line.get_transform().transform_path(line.get_path()) for line in ax.lines]
    paths += [patch.get_transform().transform_path(patch.get_path()) for patch in ax.patches]
    for collection in ax.collections:
        transform = collection.get_transform()
        paths += [transform.transform_path(path) for path in collection.get_paths()]
    top = 0.0
    for path in paths:
        # Points along the segments, for a box may lie between two vertices.
        x, y = ax.transAxes.inverted().transform(path.interpolated(50).vertices).T
        under = (x >= left) & (x <= right) & np.isfinite(y)
        top = max(top, float(y[under].max(initial=0.0)))
    return top
