"""How one column of the jets is distributed in each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.patches import StepPatch

from ftag_prune.plots.style import Array

__all__ = ["DistributionArtists", "Histogram", "distributions"]


class Histogram(NamedTuple):
    """One class in the bins of one column.

    Attributes
    ----------
    flavour : str
        Name of the class, as in `flavours.FLAVOURS`: its text in the legend and its colour.
    low, high : (bins,)
        Edges; each bin begins where the one before ends.
    density, error : (bins,)
        Fraction of the class per unit of the column, and its error. What is not finite leaves a
        gap.
    """

    flavour: str
    low: Array
    high: Array
    density: Array
    error: Array


class DistributionArtists(NamedTuple):
    """What `distributions` has drawn, class by class; the first has no ratio."""

    lines: list[StepPatch]
    bands: list[StepPatch]
    ratio_lines: list[StepPatch]
    ratio_bands: list[StepPatch]
    legend: Legend


def distributions(
    ax: Axes,
    ratio: Axes,
    histograms: Sequence[Histogram],
    *,
    column: str,
    unit: str,
    log: bool = False,
) -> DistributionArtists:
    """Draw the classes in one column, and their ratio to the first.

    Parameters
    ----------
    ax, ratio : as `canvas_with_ratio` makes them
    column, unit : str
        For the axes, such as "pt" and "GeV"; the unit is empty for a pure number.
    log : bool
        Whether y of the upper panel is logarithmic.

    Raises
    ------
    FtagPruneError
        If the classes do not have the same bins.
    """
    raise NotImplementedError
