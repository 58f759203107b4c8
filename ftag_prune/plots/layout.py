"""Panels with a strip for the label above them and a legend beside them: data keep their room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

__all__ = [
    "beside",
    "canvas_of_cells",
    "canvas_of_groups",
    "canvas_of_mechanisms",
    "canvas_with_legend",
    "canvas_with_legend_and_ratio",
    "hollow",
]

# Inches: left of a panel for its y axis, below the lowest for x, a legend, a strip for the label
# and each line of text below that.
_LEFT, _BOTTOM, _LEGEND, _STRIP, _LINE = 1.2, 0.9, 3.1, 0.6, 0.29


def canvas_with_legend(panels: int = 1, *, lines: int = 2) -> tuple[Figure, list[Axes]]:
    """Panels above each other that share x, with a legend at their right.

    Parameters
    ----------
    lines : int
        Lines of text below the label; the strip is as high as they need.
    """
    width = 11.0
    heights = [5.0] if panels == 1 else [3.7] * panels
    height = _BOTTOM + sum(heights) + _STRIP + _LINE * lines
    fig = Figure(figsize=(width, height))
    grid = fig.add_gridspec(
        panels,
        1,
        hspace=0.08,
        left=_LEFT / width,
        right=1 - _LEGEND / width,
        bottom=_BOTTOM / height,
        top=1 - (_STRIP + _LINE * lines) / height,
    )
    first = fig.add_subplot(grid[0])
    axes = [first, *(fig.add_subplot(grid[row], sharex=first) for row in range(1, panels))]
    _only_lowest(axes[:-1])
    return fig, axes


def canvas_with_legend_and_ratio(*, lines: int = 2) -> tuple[Figure, Axes, Axes]:
    """A panel above a ratio panel that shares its x axis, with a legend at their right.

    Parameters
    ----------
    lines : int
        Lines of text below the label; the strip is as high as they need.
    """
    raise NotImplementedError


def canvas_of_cells(*, lines: int = 2) -> tuple[Figure, Axes]:
    """A square panel with a strip for the label above it.

    Parameters
    ----------
    lines : int
        Lines of text below the label; the strip is as high as they need.
    """
    raise NotImplementedError


def canvas_of_groups(rows: int, *, lines: int = 2) -> tuple[Figure, list[tuple[Axes, Axes]]]:
    """Rows of two panels that all share x, with a legend at the right of each row.

    Parameters
    ----------
    lines : int
        Lines of text below the label; the strip is as high as they need.
    """
    width = 14.0
    height = _BOTTOM + 3.4 * rows + _STRIP + _LINE * lines
    fig = Figure(figsize=(width, height))
    grid = fig.add_gridspec(
        rows,
        2,
        hspace=0.08,
        wspace=0.25,
        left=1.0 / width,
        right=1 - 1.1 * _LEGEND / width,
        bottom=_BOTTOM / height,
        top=1 - (_STRIP + _LINE * lines) / height,
    )
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
    width, height = 15.8, _BOTTOM + 8.2 + _STRIP + _LINE * lines
    fig = Figure(figsize=(width, height))
    grid = fig.add_gridspec(
        2,
        2,
        hspace=0.27,
        wspace=0.88,
        left=1.3 / width,
        right=1 - 2.6 / width,
        bottom=_BOTTOM / height,
        top=1 - (_STRIP + _LINE * lines) / height,
    )
    last = grid[1, 1].subgridspec(1, 2, width_ratios=(3, 1), wspace=0.06)
    axes = [fig.add_subplot(one) for one in (grid[0, 0], grid[0, 1], grid[1, 0], last[0])]
    side = fig.add_subplot(last[1], sharey=axes[-1])
    side.tick_params(axis="y", which="both", labelleft=False)
    return fig, [*axes, side]


def beside(ax: Axes, handles: Sequence[Any], *, title: str = "", gap: float = 0.2) -> Legend:
    """A legend at the right of the axes, its top at theirs; the gap is in inches."""
    width = ax.bbox.width / ax.figure.dpi
    return ax.legend(
        handles=handles,
        title=title or None,
        alignment="left",
        loc="upper left",
        bbox_to_anchor=(1 + gap / width, 1),
        borderaxespad=0,
        borderpad=0,
    )


def hollow(label: str) -> Line2D:
    """Grey entry of a legend for open markers of any colour."""
    look: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 1.8, "markersize": 8}
    return Line2D([], [], color="0.3", linestyle="", marker="o", label=label, **look)


def _only_lowest(axes: Sequence[Axes]) -> None:
    """Panels above others do not label the ticks of x."""
    for ax in axes:
        ax.tick_params(axis="x", which="both", labelbottom=False)
