"""Whether probabilities mean what they say, and which classes are taken for each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text

from ftag_prune.flavours import FLAVOURS
from ftag_prune.plots.labels import beside
from ftag_prune.plots.scales import ratio_axis, tick_labels
from ftag_prune.plots.style import MARKERS, Array, bold, colours

__all__ = [
    "ConfusionArtists",
    "ReliabilityArtists",
    "ReliabilityCurve",
    "confusion",
    "reliability",
]

_SHARES = (-0.02, 1.02)  # of both axes
_FAIR = 1.0  # width of an interval, in units of the share, up to which it has a say in limits
_CELLS = "Blues"
_DARK = 0.55  # share from which on numbers are white


class ReliabilityCurve(NamedTuple):
    """Predicted and observed share of a class, in bins of the predicted one.

    Attributes
    ----------
    name : str
        Tagger: its text in the legend and its colour.
    predicted, observed : (bins,)
        Mean probability and share of the class among these jets; nan for an empty bin.
    low, high : (bins,)
        Lower and upper end of the interval of the observed share.
    """

    name: str
    predicted: Array
    observed: Array
    low: Array
    high: Array


class ReliabilityArtists(NamedTuple):
    """What `reliability` has drawn."""

    points: list[ErrorbarContainer]
    ratio_points: list[ErrorbarContainer]
    diagonal: Line2D
    legend: Legend


class ConfusionArtists(NamedTuple):
    """What `confusion` has drawn: cells, and their numbers row by row."""

    cells: AxesImage
    numbers: list[list[Text]]


def reliability(
    ax: Axes, ratio: Axes, curves: Sequence[ReliabilityCurve], *, flavour: str
) -> ReliabilityArtists:
    """Draw observed against predicted share of a class, and their ratio.

    Parameters
    ----------
    ax, ratio : as `canvas_with_legend_and_ratio` makes them
    flavour : str
        Name of the class, as in `flavours.FLAVOURS`.
    """
    points, below = [], []
    for curve, colour, marker in zip(curves, colours(len(curves)), cycle(MARKERS), strict=False):
        ends = np.array([curve.observed - curve.low, curve.high - curve.observed])
        points.append(_points(ax, curve, curve.observed, ends, (colour, marker)))
        with np.errstate(divide="ignore", invalid="ignore"):
            relative, relative_ends = curve.observed / curve.predicted, ends / curve.predicted
        below.append(_points(ratio, curve, relative, relative_ends, (colour, marker)))
    (diagonal,) = ax.plot([0, 1], [0, 1], "--", color="0.5", linewidth=bold(1.2), zorder=0.5)
    diagonal.set_label("calibrated")
    ax.set(xlim=_SHARES, ylim=_SHARES, ylabel=f"Observed share of {FLAVOURS[flavour].label}")
    ratio_axis(ratio, [_fair(curve) for curve in curves], "Observed / pred.")
    ratio.set_xlabel(f"Predicted share of {FLAVOURS[flavour].label}")
    return ReliabilityArtists(points, below, diagonal, beside(ax, [*points, diagonal]))


def _points(
    ax: Axes, curve: ReliabilityCurve, y: Array, ends: Array, look: tuple[str, str]
) -> ErrorbarContainer:
    """Bins of one tagger, joined; `look` is colour and marker."""
    seen = np.isfinite(y) & np.isfinite(ends).all(axis=0)
    return ax.errorbar(
        curve.predicted,
        np.where(seen, y, np.nan),
        np.where(seen, ends, np.nan),
        color=look[0],
        marker=look[1],
        markersize=bold(7),
        linewidth=bold(1.6),
        label=curve.name,
    )


def _fair(curve: ReliabilityCurve) -> Array:
    """Ends of the ratios that are known to better than one half."""
    known = curve.high - curve.low <= _FAIR * curve.observed
    ends = np.concatenate([curve.low[known], curve.high[known]])
    return np.asarray(ends / np.tile(curve.predicted[known], 2))


def confusion(ax: Axes, shares: Array, *, classes: Sequence[str]) -> ConfusionArtists:
    """Draw which class jets are taken for, in per cent of the jets of their own class.

    Parameters
    ----------
    ax : as `canvas_of_cells` makes it
    shares : (classes, classes)
        Rows are true classes, columns the most probable ones; rows add up to one, or are nan.
    classes : sequence of str
        Names of flavours, in the order of rows and columns.
    """
    cells = ax.imshow(shares, cmap=_CELLS, vmin=0, vmax=1, aspect="auto")
    inks = np.where(np.nan_to_num(shares) > _DARK, "white", "black")
    numbers = [
        [
            ax.text(column, row, _percent(share), color=ink, ha="center", va="center")
            for column, (share, ink) in enumerate(zip(*line, strict=True))
        ]
        for row, line in enumerate(zip(shares.tolist(), inks.tolist(), strict=True))
    ]
    labels = [_short(FLAVOURS[name].label) for name in classes]
    ax.set_yticks(np.arange(len(classes)), labels)
    ax.tick_params(which="both", length=0, labelsize="medium")
    ax.minorticks_off()
    tick_labels(ax, labels)
    ax.set(xlabel="Most probable class", ylabel="True class")
    return ConfusionArtists(cells, numbers)


def _short(label: str) -> str:
    """A label in two lines if it is long and no formula."""
    return label if "$" in label else label.replace(" ", "\n")


def _percent(share: float) -> str:
    """Share with one digit; a class without jets has none."""
    return f"{100 * share:.1f} %" if np.isfinite(share) else "-"
