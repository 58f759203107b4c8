"""How one column of the jets is distributed in each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.patches import StepPatch

from ftag_prune.flavours import FLAVOURS
from ftag_prune.plots.bands import divided, edges_of, fair, steps
from ftag_prune.plots.labels import make_room
from ftag_prune.plots.scales import (
    binned_axis,
    column_label,
    density_axis,
    density_label,
    ratio_axis,
)
from ftag_prune.plots.style import Array

__all__ = ["DistributionArtists", "Histogram", "distributions"]

_MOST = 5.0  # that the lower panel shows
_ROWS = 4  # of the legend in one column


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
    edges = edges_of(histograms, what=f"the classes of '{column}'")
    first, *others = histograms
    drawn = [_steps(ax, one.flavour, edges, one.density, one.error) for one in histograms]
    relative = [divided(one, first) for one in others]
    below = [_steps(ratio, one.flavour, edges, *r) for one, r in zip(others, relative, strict=True)]
    binned_axis(ratio, edges, [one.density for one in histograms])
    per = density_axis(ax, [(one.density, one.error) for one in histograms], log=log)
    ratio_axis(ratio, fair(relative), "Ratio", most=_MOST)
    ax.set_ylabel(density_label(column, unit, per))
    ratio.set_xlabel(column_label(column, unit))
    columns = 1 if len(histograms) <= _ROWS else 2
    legend = ax.legend(handles=[line for line, _ in drawn], loc="upper right", ncols=columns)
    make_room(ax)
    return DistributionArtists(
        [line for line, _ in drawn],
        [band for _, band in drawn],
        [line for line, _ in below],
        [band for _, band in below],
        legend,
    )


def _steps(
    ax: Axes, flavour: str, edges: Array, value: Array, error: Array
) -> tuple[StepPatch, StepPatch]:
    """One class in its colour."""
    look = FLAVOURS[flavour]
    return steps(ax, edges, value, error, colour=look.colour, label=look.label)
