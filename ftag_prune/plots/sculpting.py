"""What a cut on the tagger makes of the mass of the background."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
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
from ftag_prune.plots.style import Array, colours

__all__ = ["MassArtists", "MassLine", "mass_sculpting"]

_AREA = "0.8"
_MOST = 5.0  # that the lower panel shows
_TITLE = "Jensen-Shannon divergence [bits]"


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
    edges = edges_of([before, *after], what="the masses before and after the cut")
    area = ax.stairs(
        np.nan_to_num(before.density), edges, fill=True, color=_AREA, label=before.name
    )
    looks = colours(len(after))
    drawn = [_steps(ax, one, edges, c) for one, c in zip(after, looks, strict=True)]
    relative = [divided(one, before) for one in after]
    below = [
        steps(ratio, edges, *values, colour=colour)
        for values, colour in zip(relative, looks, strict=True)
    ]
    every = [before, *after]
    binned_axis(ratio, edges, [one.density for one in every])
    per = density_axis(ax, [(one.density, one.error) for one in every])
    ratio_axis(ratio, fair(relative), "After / before", most=_MOST)
    ax.set_ylabel(density_label("mass", unit, per, jets=FLAVOURS[background].label))
    ratio.set_xlabel(column_label("mass", unit))
    handles = [area, *(line for line, _ in drawn)]
    legend = ax.legend(handles=handles, loc="upper right", title=_TITLE, alignment="left")
    make_room(ax)
    return MassArtists(
        area,
        [line for line, _ in drawn],
        [band for _, band in drawn],
        [line for line, _ in below],
        [band for _, band in below],
        legend,
    )


def _steps(ax: Axes, line: MassLine, edges: Array, colour: str) -> tuple[StepPatch, StepPatch]:
    """One tagger, with its divergence in the legend."""
    label = line.name
    if line.divergence is not None and line.divergence_error is not None:
        label += f": {_measured(line.divergence, line.divergence_error)}"
    return steps(ax, edges, line.density, line.error, colour=colour, label=label)


def _measured(value: float, error: float) -> str:
    """Value and error; the error with two digits if its first is 1 or 2, else with one."""
    if not (math.isfinite(value) and math.isfinite(error)):
        return "-"
    digits = max(-math.floor(math.log10(error / 3)), 0) if error > 0 else 3
    return f"{value:.{digits}f} ± {error:.{digits}f}"
