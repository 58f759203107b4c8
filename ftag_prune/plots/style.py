"""The look of all figures: ATLAS style, the label, and room for it above the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import matplotlib.style
import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea, VPacker
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

__all__ = [
    "COLOURS",
    "STYLE",
    "Array",
    "atlas_label",
    "atlas_style",
    "canvas",
    "canvas_of_four",
    "canvas_with_ratio",
    "log_axis",
    "make_room",
]

Array: TypeAlias = NDArray[np.float64]

# Six colours that colour-blind readers tell apart (M. Petroff, arXiv:2107.02270).
COLOURS = ("#5790fc", "#f89c20", "#e42536", "#964a8b", "#7a21dd", "#9c9ca1")

_RESERVED = ("ATLAS", "CMS", "ALICE", "LHCb")
_GAP = 0.03  # between label, legend and data, in parts of the axes


STYLE: list[dict[str, Any]] = [
    mplhep.style.ATLAS,
    {
        "axes.autolimit_mode": "data",  # round numbers waste a decade on log axes
        "legend.borderpad": 0.4,
        "legend.labelspacing": 0.35,
        "xtick.major.size": 8,
        "xtick.minor.size": 4,
        "ytick.major.size": 8,
        "ytick.minor.size": 4,
    },
]


@contextmanager
def atlas_style(style: str = "notes") -> Iterator[None]:
    """ATLAS style by mplhep while figures are made and saved; afterwards all is as before.

    Parameters
    ----------
    style : str
        "notes", "slides" or "posters".

    Fonts are looked up when a figure is drawn, so `save` belongs inside.
    """
    with matplotlib.style.context(STYLE):
        yield


def canvas() -> tuple[Figure, Axes]:
    """One panel."""
    fig = Figure(figsize=(8, 6.4))
    grid = fig.add_gridspec(1, 1, bottom=0.18, top=0.96)
    return fig, fig.add_subplot(grid[0])


def canvas_with_ratio() -> tuple[Figure, Axes, Axes]:
    """A panel above a ratio panel that shares its x axis, heights 3 : 1."""
    fig = Figure(figsize=(8, 8))
    grid = fig.add_gridspec(2, 1, height_ratios=(3, 1), hspace=0.08, bottom=0.11, top=0.96)
    ax = fig.add_subplot(grid[0])
    ratio = fig.add_subplot(grid[1], sharex=ax)
    ax.tick_params(axis="x", which="both", labelbottom=False)
    return fig, ax, ratio


def canvas_of_four() -> tuple[Figure, list[Axes]]:
    """Two by two panels that share their x axis, with a strip for label and legend above them."""
    fig = Figure(figsize=(13, 9.5))
    grid = fig.add_gridspec(
        2, 2, hspace=0.08, wspace=0.24, left=0.08, right=0.98, bottom=0.08, top=0.84
    )
    first = fig.add_subplot(grid[0, 0])
    others = [fig.add_subplot(grid[i, j], sharex=first) for i, j in ((0, 1), (1, 0), (1, 1))]
    for ax in (first, others[0]):
        ax.tick_params(axis="x", which="both", labelbottom=False)
    return fig, [first, *others]


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
    bold = {"weight": "bold", "style": "italic", "size": "x-large"}
    words: list[Any] = [TextArea(experiment, textprops=bold)] if experiment else []
    words.append(TextArea(rest, textprops={"size": "x-large"}))
    rows: list[Any] = [HPacker(children=words, align="baseline", pad=0, sep=6)]
    rows += [TextArea(line, textprops={"size": "medium"}) for line in lines]
    label = AnchoredOffsetbox(
        loc="lower left" if above else "upper left",
        child=VPacker(children=rows, align="left", pad=0, sep=5),
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
    A legend that would cover the label moves below it.
    """
    labels = [_box(ax, one) for one in ax.artists if isinstance(one, AnchoredOffsetbox)]
    boxes = list(labels)
    if legend := ax.get_legend():
        if any(_box(ax, legend).overlaps(label) for label in labels):
            legend.set_bbox_to_anchor((0, 0, 1, min(label.y0 for label in labels)))
        boxes.append(_box(ax, legend))
    stretch = max(
        (_highest(ax, box.x0 - _GAP, box.x1 + _GAP) / (box.y0 - _GAP) for box in boxes), default=1.0
    )
    if stretch > 1:
        scale = ax.yaxis.get_transform()
        low, high = scale.transform(np.array(ax.get_ylim()))
        top = scale.inverted().transform(np.array([low + (high - low) * stretch]))
        ax.set_ylim(top=float(top[0]))


def log_axis(ax: Axes, values: Array) -> None:
    """Make y logarithmic around the positive finite values, without wasted decades.

    Below two decades the ticks 1, 2 and 5 carry plain numbers, else the powers of ten.
    """
    values = values[np.isfinite(values) & (values > 0)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (1.0, 10.0)
    margin = max((high / low) ** 0.06, 1.05)
    ax.set_yscale("log")
    ax.set_ylim(low / margin, high * margin)
    ax.yaxis.set_minor_formatter(NullFormatter())
    if high / low < 100:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_minor_locator(LogLocator(subs=range(1, 10)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


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
