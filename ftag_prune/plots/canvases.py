"""Empty figures: their panels, and the room around them for axes, labels and legends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from ftag_prune.plots.style import preset

__all__ = [
    "canvas",
    "canvas_before_after",
    "canvas_of_cells",
    "canvas_of_four",
    "canvas_of_groups",
    "canvas_of_mechanisms",
    "canvas_with_legend",
    "canvas_with_legend_and_ratio",
    "canvas_with_ratio",
]

# Inches: left of a panel for its y axis, below the lowest for x, a legend at the right, a strip
# above for the label and each line of text below that.
_LEFT, _BOTTOM, _LEGEND, _STRIP, _LINE = 1.2, 0.9, 3.1, 0.6, 0.29
_CELL = 1.35  # inches
_PAD = 3.5 / 72  # inches between ticks and their numbers
_LEGEND_ROWS = 4  # of the legend beside the label in the strip of `canvas_before_after`


class _Room(NamedTuple):
    """Inches around the panels."""

    left: float
    right: float
    bottom: float
    top: float


def canvas() -> tuple[Figure, Axes]:
    """One panel."""
    fig, grid = _grid(1, 1, inside=(6.32, 4.992), room=_Room(1.28, 0.4, 1.152, 0.256))
    return fig, fig.add_subplot(grid[0])


def canvas_with_ratio() -> tuple[Figure, Axes, Axes]:
    """A panel above a ratio panel that shares its x axis, heights 3 : 1."""
    room = _Room(1.28, 0.4, 0.88, 0.32)
    return _with_ratio(inside=(6.32, 6.8), room=room)


def canvas_with_legend_and_ratio(*, lines: int = 2) -> tuple[Figure, Axes, Axes]:
    """The same with a strip for the label above and a legend at the right.

    Parameters
    ----------
    lines : int
        Lines of text below the label; the strip is as high as they need.
    """
    return _with_ratio(inside=(6.7, 6.8), room=_Room(_LEFT, _LEGEND, _BOTTOM, _strip(lines)))


def canvas_with_legend(panels: int = 1, *, lines: int = 2) -> tuple[Figure, list[Axes]]:
    """Panels above each other that share x, with a legend at their right.

    Parameters
    ----------
    lines : int
        Lines of text below the label; the strip is as high as they need.
    """
    height = 5.0 if panels == 1 else 3.7 * panels
    room = _Room(_LEFT, _LEGEND, _BOTTOM, _strip(lines))
    fig, grid = _grid(panels, 1, inside=(6.7, height), room=room, hspace=0.08)
    first = fig.add_subplot(grid[0])
    axes = [first, *(fig.add_subplot(grid[row], sharex=first) for row in range(1, panels))]
    _only_lowest(axes[:-1])
    return fig, axes


def canvas_before_after(lines: int = 2) -> tuple[Figure, tuple[Axes, Axes]]:
    """Two equal panels that share their x axis, with a strip for label and legend above them.

    Parameters
    ----------
    lines : int
        Lines of text below the label; the strip is as high as they need.
    """
    room = _Room(1.36, 0.4, _BOTTOM, _strip(max(lines, _LEGEND_ROWS - 1)))
    fig, grid = _grid(2, 1, inside=(6.24, 6.7), room=room, hspace=0.08)
    upper = fig.add_subplot(grid[0])
    lower = fig.add_subplot(grid[1], sharex=upper)
    _only_lowest([upper])
    # Else the first label of x runs into the lowest of y.
    lower.tick_params(axis="x", which="both", pad=10 * preset().text)
    return fig, (upper, lower)


def canvas_of_cells(cells: int = 4, *, lines: int = 2) -> tuple[Figure, Axes]:
    """A square panel with a strip for the label above it.

    Parameters
    ----------
    cells : int
        Cells in a row and in a column.
    lines : int
        Lines of text below the label; the strip is as high as they need.
    """
    room = _Room(1.9, 0.4, 1.25, _strip(lines))
    side = max(5.4, _CELL * cells)
    fig, grid = _grid(1, 1, inside=(side, side), room=room)
    return fig, fig.add_subplot(grid[0])


def canvas_of_four() -> tuple[Figure, list[Axes]]:
    """Two by two panels that share their x axis, with a strip for label and legend above them."""
    room = _Room(1.04, 0.26, 0.76, 1.52)
    fig, grid = _grid(2, 2, inside=(11.7, 7.22), room=room, hspace=0.08, wspace=0.24)
    first = fig.add_subplot(grid[0, 0])
    others = [fig.add_subplot(grid[i, j], sharex=first) for i, j in ((0, 1), (1, 0), (1, 1))]
    _only_lowest([first, others[0]])
    return fig, [first, *others]


def canvas_of_groups(rows: int, *, lines: int = 2) -> tuple[Figure, list[tuple[Axes, Axes]]]:
    """Rows of two panels that all share x, with a legend at the right of each row.

    Parameters
    ----------
    lines : int
        Lines of text below the label; the strip is as high as they need.
    """
    room = _Room(1.0, 1.1 * _LEGEND, _BOTTOM, _strip(lines))
    fig, grid = _grid(rows, 2, inside=(9.59, 3.4 * rows), room=room, hspace=0.08, wspace=0.25)
    first = fig.add_subplot(grid[0, 0])
    places = [(row, column) for row in range(rows) for column in range(2)]
    axes = [first, *(fig.add_subplot(grid[place], sharex=first) for place in places[1:])]
    _only_lowest(axes[:-2])
    return fig, list(zip(axes[::2], axes[1::2], strict=True))


def canvas_of_mechanisms(*, lines: int = 1) -> tuple[Figure, list[Axes]]:
    """Two by two panels and a narrow fifth beside the last, with legends at their right.

    Parameters
    ----------
    lines : int
        Lines of text below the label; the strip is as high as they need.
    """
    room = _Room(1.3, 2.6, _BOTTOM, _strip(lines))
    fig, grid = _grid(2, 2, inside=(11.9, 8.2), room=room, hspace=0.27, wspace=0.88)
    last = grid[1, 1].subgridspec(1, 2, width_ratios=(3, 1), wspace=0.06)
    axes = [fig.add_subplot(one) for one in (grid[0, 0], grid[0, 1], grid[1, 0], last[0])]
    side = fig.add_subplot(last[1], sharey=axes[-1])
    side.tick_params(axis="y", which="both", labelleft=False)
    return fig, [*axes, side]


def _grid(
    rows: int,
    columns: int,
    *,
    inside: tuple[float, float],
    room: _Room,
    hspace: float = 0.0,
    wspace: float = 0.0,
    **ratios: Any,
) -> tuple[Figure, GridSpec]:
    """Panels of a figure, with sizes as in a note; the style in force then makes both larger.

    Parameters
    ----------
    inside : width and height of all panels and the gaps between them, inches
    hspace, wspace : gaps, in parts of a mean panel; they grow with the text that stands in them
    """
    text, panel = preset().text, preset().panel
    wide, high = (
        one * (panel * number + text * space * (number - 1)) / (number + space * (number - 1))
        for one, number, space in zip(inside, (columns, rows), (wspace, hspace), strict=True)
    )
    left, right, bottom, top = (text * one for one in room)
    left, bottom = left + _PAD * (preset().gap - 1), bottom + _PAD * (preset().gap - 1)
    width, height = left + wide + right, bottom + high + top
    fig = Figure(figsize=(width, height))
    grid = fig.add_gridspec(
        rows,
        columns,
        hspace=hspace * text / panel,
        wspace=wspace * text / panel,
        left=left / width,
        right=1 - right / width,
        bottom=bottom / height,
        top=1 - top / height,
        **ratios,
    )
    return fig, grid


def _with_ratio(*, inside: tuple[float, float], room: _Room) -> tuple[Figure, Axes, Axes]:
    """A panel above a ratio panel, heights 3 : 1."""
    fig, grid = _grid(2, 1, inside=inside, room=room, hspace=0.08, height_ratios=(3, 1))
    ax = fig.add_subplot(grid[0])
    ratio = fig.add_subplot(grid[1], sharex=ax)
    _only_lowest([ax])
    return fig, ax, ratio


def _strip(lines: int) -> float:
    """Inches above the panels for a label and further lines."""
    return _STRIP + _LINE * lines


def _only_lowest(axes: Sequence[Axes]) -> None:
    """Panels above others do not label the ticks of x."""
    for ax in axes:
        ax.tick_params(axis="x", which="both", labelbottom=False)
