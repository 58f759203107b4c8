"""Rejection, or efficiency, against a property of the jets such as their transverse momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from ftag_prune.plots.style import Array

__all__ = ["ProfileArtists", "ProfileLine", "rejection_profile"]


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
    limits: list[list[Line2D]]
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
        If a background has no panel.
    """
    raise NotImplementedError
