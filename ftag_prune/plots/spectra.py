"""Shapes of the classes in one column, before and after the training weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.offsetbox import AnchoredText
from matplotlib.patches import StepPatch
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, LogLocator, NullFormatter

from ftag_prune.errors import FtagPruneError
from ftag_prune.flavours import FLAVOURS
from ftag_prune.plots.labels import make_room
from ftag_prune.plots.scales import log_axis
from ftag_prune.plots.style import Array, bold

__all__ = ["Spectrum", "SpectrumArtists", "before_and_after"]

_LABELS = {"pt": r"$p_{\mathrm{T}}$", "eta": r"$|\eta|$"}
_BAND = 0.22
_SPAN = 30.0  # largest over smallest value of a panel from which on y is logarithmic
_TRUSTED = 0.5  # relative error up to which a bin has a say in that
_NEGLIGIBLE = 1e-6  # of the largest value; a single light jet must not open decades below the rest
_LEGEND_ROWS = 4
_EQUAL = 1e-3  # relative, between the steps of edges that count as log-spaced


class Spectrum(NamedTuple):
    """One class in the bins of one column, twice with unit area.

    Attributes
    ----------
    flavour : str
        Name of the class: its text in the legend and its colour.
    low, high : (bins,)
        Edges; each bin begins where the one before ends.
    before, before_error : (bins,)
        Fraction of the class per unit of the column, and its error, with the generator's weights.
    after, after_error : (bins,)
        The same as the training sees it. What is not finite leaves a gap.
    """

    flavour: str
    low: Array
    high: Array
    before: Array
    before_error: Array
    after: Array
    after_error: Array


class SpectrumArtists(NamedTuple):
    """What `before_and_after` has drawn, class by class, in the upper and the lower panel."""

    lines: tuple[list[StepPatch], list[StepPatch]]
    bands: tuple[list[StepPatch], list[StepPatch]]
    legend: Legend


def before_and_after(
    panels: tuple[Axes, Axes],
    spectra: Sequence[Spectrum],
    *,
    column: str,
    unit: str,
    titles: tuple[str, str],
) -> SpectrumArtists:
    """Draw the classes of one column above each other: before the training weights, and after.

    The legend stands above the panels. x is logarithmic where the edges are; y where the values
    of a panel span more than a decade and a half, for each panel by itself.

    Parameters
    ----------
    panels : as `canvas_before_after` makes them
    column, unit : str
        For the axes, such as "pt" and "GeV"; the unit is empty for a pure number.
    titles : str, str
        Text in each panel.

    Raises
    ------
    FtagPruneError
        If the classes do not have the same bins.
    """
    edges = _edges(spectra, column)
    upper = [_step(panels[0], one.flavour, edges, one.before, one.before_error) for one in spectra]
    lower = [_step(panels[1], one.flavour, edges, one.after, one.after_error) for one in spectra]
    legend = panels[0].legend(
        handles=[line for line, _ in upper],
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=1 if len(spectra) <= _LEGEND_ROWS else 2,
        borderaxespad=0.2,
    )
    _x_axis(panels[1], edges, spectra)
    label = _LABELS.get(column, column)
    panels[1].set_xlabel(f"Jet {label}" + (f" [{unit}]" if unit else ""))
    _y_axis(panels[0], [(one.before, one.before_error) for one in spectra])
    _y_axis(panels[1], [(one.after, one.after_error) for one in spectra])
    for ax, title in zip(panels, titles, strict=True):
        ax.set_ylabel(f"Fraction of jets / {unit or f'unit {label}'}")
        _title(ax, title)
        ax.yaxis.set_label_coords(-0.125, 1)
    return SpectrumArtists(
        ([line for line, _ in upper], [line for line, _ in lower]),
        ([band for _, band in upper], [band for _, band in lower]),
        legend,
    )


def _edges(spectra: Sequence[Spectrum], column: str) -> Array:
    """(bins + 1,): the edges that all classes share."""
    edges = [np.append(one.low, one.high[-1:]) for one in spectra]
    if not edges or any(not np.array_equal(one, edges[0]) for one in edges):
        raise FtagPruneError(f"the classes of '{column}' need the same bins, at least one")
    return edges[0]


def _step(
    ax: Axes, flavour: str, edges: Array, value: Array, error: Array
) -> tuple[StepPatch, StepPatch]:
    """A line with steps, and one standard error on either side; no line where there is no jet."""
    shown = np.where(value > 0, value, np.nan)
    look = FLAVOURS[flavour]
    line = ax.stairs(
        shown, edges, baseline=None, color=look.colour, linewidth=bold(1.6), label=look.label
    )
    band = ax.stairs(
        shown + error,
        edges,
        baseline=shown - error,
        fill=True,
        color=look.colour,
        alpha=_BAND,
        linewidth=0,
    )
    return line, band


def _x_axis(ax: Axes, edges: Array, spectra: Sequence[Spectrum]) -> None:
    """First to last bin with a jet; plain numbers on a log axis where edges are log-spaced."""
    if _log_spaced(edges):
        ax.set_xscale("log")
        steps = (1, 2, 5) if edges[-1] > 10 * edges[0] else (1, 2, 3, 4, 5, 7)
        ax.xaxis.set_major_locator(LogLocator(subs=steps))
        ax.xaxis.set_minor_locator(LogLocator(subs=range(1, 10)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    values = np.array([(one.before, one.after) for one in spectra])  # (classes, 2, bins)
    filled = np.flatnonzero((values > 0).any(axis=(0, 1)))
    first, last = (filled[0], filled[-1]) if len(filled) else (0, -2)
    ax.set_xlim(edges[first], edges[last + 1])


def _log_spaced(edges: Array) -> bool:
    """Whether each edge is the same factor above the one before, and not the same step."""
    if edges[0] <= 0 or len(edges) < 3:
        return False
    factors = np.log(edges[1:] / edges[:-1])
    return bool(np.ptp(factors) <= _EQUAL * factors.mean())


def _y_axis(ax: Axes, drawn: Sequence[tuple[Array, Array]]) -> None:
    """Limits around all classes; logarithmic if bins with a fair error differ by much."""
    value, error = (np.concatenate(one) for one in zip(*drawn, strict=True))
    value, error = np.nan_to_num(value), np.nan_to_num(error)
    seen = value > _NEGLIGIBLE * value.max(initial=0.0)
    value, error = value[seen], error[seen]
    fair = value[error <= _TRUSTED * value]
    if len(fair) and fair.max() > _SPAN * fair.min():
        # A huge error on a bin must not open decades below it.
        log_axis(ax, np.concatenate([np.maximum(value - error, value / 2), value + error]))
        # Plain numbers would be long here: 0.0005.
        ax.yaxis.set_major_locator(LogLocator())
        ax.yaxis.set_major_formatter(LogFormatterSciNotation())
    else:
        ax.set_ylim(0, 1.08 * float((value + error).max(initial=1e-9)))


def _title(ax: Axes, text: str) -> None:
    """Text at the upper right of a panel, with room for it above the data."""
    box = AnchoredText(
        text, loc="upper right", frameon=False, pad=0, borderpad=0.8, prop={"size": "medium"}
    )
    ax.add_artist(box)
    make_room(ax)
