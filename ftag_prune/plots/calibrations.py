"""Whether probabilities mean what they say, and which classes are taken for each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text

from ftag_prune.plots.style import Array

__all__ = [
    "ConfusionArtists",
    "ReliabilityArtists",
    "ReliabilityCurve",
    "confusion",
    "reliability",
]


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
    raise NotImplementedError


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
    raise NotImplementedError
