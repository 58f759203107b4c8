"""What a cut on the tagger makes of the mass of the background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.patches import StepPatch

from ftag_prune.plots.style import Array

__all__ = ["MassArtists", "MassLine", "mass_sculpting"]


class MassLine(NamedTuple):
    """Mass of the background's jets, with unit area.

    Attributes
    ----------
    name : str
        Tagger that cut: its text in the legend and its colour.
    low, high : (bins,)
        Edges of the bins, GeV; each bin begins where the one before ends.
    density, error : (bins,)
        Fraction of the jets per GeV, and its error; what is not finite leaves a gap.
    divergence, divergence_error : float or None
        Jensen-Shannon divergence from the mass before the cut, in bits; None before the cut.
    """

    name: str
    low: Array
    high: Array
    density: Array
    error: Array
    divergence: float | None = None
    divergence_error: float | None = None


class MassArtists(NamedTuple):
    """What `mass_sculpting` has drawn: before the cut, and after it tagger by tagger."""

    before: StepPatch
    lines: list[StepPatch]
    bands: list[StepPatch]
    ratio_lines: list[StepPatch]
    ratio_bands: list[StepPatch]
    legend: Legend


def mass_sculpting(
    ax: Axes,
    ratio: Axes,
    before: MassLine,
    after: Sequence[MassLine],
    *,
    background: str,
    unit: str = "GeV",
) -> MassArtists:
    """Draw the mass before the cut (grey area) and after it, and the ratios of after to before.

    Parameters
    ----------
    ax, ratio : as `canvas_with_ratio` makes them
    background : str
        Name of a flavour, for the axis.

    Raises
    ------
    FtagPruneError
        If the taggers do not have the bins that there are before the cut.
    """
    raise NotImplementedError
