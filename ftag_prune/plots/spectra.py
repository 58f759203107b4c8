"""Shapes of the classes in one column, before and after the training weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.offsetbox import AnchoredText
from matplotlib.patches import StepPatch

from ftag_prune.flavours import FLAVOURS
from ftag_prune.plots.bands import edges_of, steps
from ftag_prune.plots.labels import make_room
from ftag_prune.plots.scales import binned_axis, column_label, density_axis, density_label, y_label
from ftag_prune.plots.style import Array

__all__ = ["Spectrum", "SpectrumArtists", "before_and_after"]

_LEGEND_ROWS = 4


_Shape = tuple[Array, Array]  # (bins,), (bins,): values and errors


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
    edges = edges_of(spectra, what=f"the classes of '{column}'")
    looks = [FLAVOURS[one.flavour] for one in spectra]
    upper, lower = (
        [
            steps(ax, edges, *shape, colour=look.colour, label=look.label)
            for look, shape in zip(looks, shapes, strict=True)
        ]
        for ax, shapes in zip(panels, _shapes(spectra), strict=True)
    )
    legend = panels[0].legend(
        handles=[line for line, _ in upper],
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=1 if len(spectra) <= _LEGEND_ROWS else 2,
        borderaxespad=0.2,
    )
    values = [shape for one in spectra for shape in (one.before, one.after)]
    binned_axis(panels[1], edges, values)
    panels[1].set_xlabel(column_label(column, unit))
    for ax, shapes in zip(panels, _shapes(spectra), strict=True):
        per = density_axis(ax, shapes)
        y_label(ax, density_label(column, unit, per))
    for ax, title in zip(panels, titles, strict=True):
        _title(ax, title)
        ax.yaxis.set_label_coords(-0.125, 1)
    return SpectrumArtists(
        ([line for line, _ in upper], [line for line, _ in lower]),
        ([band for _, band in upper], [band for _, band in lower]),
        legend,
    )


def _shapes(spectra: Sequence[Spectrum]) -> tuple[list[_Shape], list[_Shape]]:
    """Values and errors of each class, before and after."""
    before = [(one.before, one.before_error) for one in spectra]
    return before, [(one.after, one.after_error) for one in spectra]


def _title(ax: Axes, text: str) -> None:
    """Text at the upper right of a panel, with room for it above the data."""
    box = AnchoredText(
        text, loc="upper right", frameon=False, pad=0, borderpad=0.8, prop={"size": "medium"}
    )
    ax.add_artist(box)
    make_room(ax)
