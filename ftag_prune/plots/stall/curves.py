"""Trainings side by side, epoch by epoch: one column of their histories, and regrown nodes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from matplotlib.ticker import MaxNLocator

from ftag_prune.errors import FtagPruneError, nearest
from ftag_prune.plots.labels import beside, hollow
from ftag_prune.plots.scales import epoch_axis, log_axis
from ftag_prune.plots.style import COLOURS, Array, bold

__all__ = [
    "EpochArtists",
    "EpochCurve",
    "Regrown",
    "RegrowthArtists",
    "epochs",
    "regrowth",
]

_LABELS = {
    "pruning_loss": r"Pruning loss $L_{\mathrm{pru}}$",
    "active": "Active fraction of nodes",
    "pruned": "Pruned fraction of nodes",
    "pressure": r"Pressure $\mu\lambda$",
    "fractional": "Share of fractional gates",
    "zero_gradient": "Share of zero gradients",
}
_WIDE = ("pruning_loss", "pressure")  # these may span decades; all others lie within 0 and 1
# Four styles beside six colours: the first twelve pairs differ, and gaps show what lies below.
_STYLES = ("-", (0, (5, 1.5)), (0, (6, 1.5, 1, 1.5)), (0, (1.2, 1.2)))
_NEGLIGIBLE = 1e-6  # of the largest value; what is smaller only pushes the axis down
_SPAN = 3.0  # largest over smallest value from which on y is logarithmic
_SHADE = 0.2
_MANY = 30  # regrown nodes in one epoch from which on the axis is logarithmic above one


class EpochCurve(NamedTuple):
    """One training, epoch by epoch; columns that no figure asks for may be missing.

    Attributes
    ----------
    name : str
        Text in the legend.
    epoch : (epochs,)
    pruning_loss, active, pruned, pressure, fractional, zero_gradient : (epochs,) or None
        Columns of the history; entries that are not finite leave a gap, and so does a pruning loss
        of exactly 0, as it stands where there are no gates.
    onset : float or None
        Epoch at which pruning starts; inf if it never does.
    """

    name: str
    epoch: Array
    pruning_loss: Array | None = None
    active: Array | None = None
    pruned: Array | None = None
    pressure: Array | None = None
    fractional: Array | None = None
    zero_gradient: Array | None = None
    onset: float | None = None


class Regrown(NamedTuple):
    """Nodes of one training that were off at the end of an epoch and on at the end of the next.

    Attributes
    ----------
    name : str
        Text in the legend.
    epoch, regrown : (epochs,)
        The later of the two epochs, rising by one; count of nodes.
    """

    name: str
    epoch: Array
    regrown: Array


class EpochArtists(NamedTuple):
    """What `epochs` has drawn, panel by panel: curves, and the marks of the onsets."""

    lines: list[list[Line2D]]
    onsets: list[list[Line2D]]
    legend: Legend


class RegrowthArtists(NamedTuple):
    """What `regrowth` has drawn."""

    steps: list[StepPatch]
    legend: Legend


def epochs(
    axes: Sequence[Axes],
    curves: Sequence[EpochCurve],
    *,
    quantities: Sequence[str],
    target: float | None = None,
    ordered: bool = False,
) -> EpochArtists:
    """Draw columns of several histories against epochs, one panel for each column.

    Each curve has its own pair of colour and line style, for up to twelve of them. The legend
    stands to the right of the first panel.

    Parameters
    ----------
    axes : as `canvas_with_legend` makes them
    quantities : sequence of str
        Columns: "pruning_loss", "active", "pruned", "pressure", "fractional" or "zero_gradient".
        The first and the fourth are logarithmic where they span more than a factor of three.
    target : float or None
        Wanted pruned fraction: a horizontal line for "pruned", and at 1 - target for "active".
    ordered : bool
        Whether the curves are the steps of a scan: colours then go from dark to light.

    Raises
    ------
    FtagPruneError
        If a quantity is not one of the six, a curve does not have it, or it has no panel.
    """
    if len(axes) != len(quantities):
        raise FtagPruneError(f"{len(quantities)} quantities need as many axes, found {len(axes)}")
    colours = _shades(len(curves)) if ordered else COLOURS
    lines, onsets = [], []
    for ax, quantity in zip(axes, quantities, strict=True):
        values = [_column(curve, quantity) for curve in curves]
        looks = list(zip(curves, values, cycle(colours), cycle(_STYLES), strict=False))
        lines.append([_line(ax, *look, quantity=quantity) for look in looks])
        onsets.append([mark for look in looks for mark in _onset(ax, *look[:3])])
        _y_axis(ax, values, quantity)
        _wanted(ax, quantity, target)
        ax.set_ylabel(_LABELS[quantity])
    _x_axis(axes[-1], curves)
    legend = beside(axes[0], [*lines[0], *_meanings(quantities, target, onsets)])
    return EpochArtists(lines, onsets, legend)


def regrowth(ax: Axes, runs: Sequence[Regrown]) -> RegrowthArtists:
    """Draw how many nodes were switched on again in each epoch; their sum is in the legend.

    y is logarithmic above one where a training brings back more than thirty nodes at once.
    """
    looks = zip(runs, cycle(COLOURS), strict=False)
    steps = [_steps(ax, run, colour) for run, colour in looks]
    counts = np.concatenate([run.regrown for run in runs])
    most = float(np.nanmax(counts, initial=1.0))
    if most > _MANY:
        ax.set_yscale("symlog", linthresh=1.0, linscale=0.4)
        ax.set_ylim(-0.3, 1.5 * most)
    else:
        ax.set_ylim(-0.03 * most, 1.08 * most)
        ax.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    epoch_axis(ax)
    ax.set_ylabel("Nodes switched on again")
    return RegrowthArtists(steps, beside(ax, steps, title="Sum of all epochs"))


def _shades(number: int) -> list[Any]:
    """Viridis without its pale end."""
    return list(matplotlib.colormaps["viridis"](np.linspace(0.0, 0.88, max(number, 1))))


def _steps(ax: Axes, run: Regrown, colour: str) -> StepPatch:
    """A step for each epoch, its area shaded, the sum in its label."""
    edges = np.append(run.epoch - 0.5, run.epoch[-1:] + 0.5)
    ax.stairs(run.regrown, edges, fill=True, color=colour, alpha=_SHADE, linewidth=0)
    label = f"{run.name}: {np.nansum(run.regrown):,.0f}"
    return ax.stairs(run.regrown, edges, color=colour, linewidth=bold(1.6), label=label)


def _column(curve: EpochCurve, quantity: str) -> Array:
    """The values of one column, gaps as nan; a pruning loss of exactly 0 is none."""
    if quantity not in _LABELS:
        raise FtagPruneError(f"no quantity '{quantity}' to draw{nearest(quantity, _LABELS)}")
    values: Array | None = getattr(curve, quantity)
    if values is None:
        raise FtagPruneError(f"the curve '{curve.name}' has no column '{quantity}' to draw")
    seen = np.isfinite(values) & ((quantity != "pruning_loss") | (values > 0))
    return np.where(seen, values, np.nan)


def _line(
    ax: Axes, curve: EpochCurve, values: Array, colour: Any, style: Any, *, quantity: str
) -> Line2D:
    """One curve; a pressure keeps its value during an epoch."""
    drawn = ax.plot(curve.epoch, values, color=colour, linestyle=style, linewidth=bold(1.8))
    drawn[0].set(label=curve.name, drawstyle="steps-mid" if quantity == "pressure" else "default")
    return drawn[0]


def _onset(ax: Axes, curve: EpochCurve, values: Array, colour: Any) -> list[Line2D]:
    """An open circle on the curve at the epoch nearest to its onset, if that is on the curve."""
    onset = np.inf if curve.onset is None else curve.onset
    if not curve.epoch.min(initial=np.inf) <= onset <= curve.epoch.max(initial=-np.inf):
        return []
    place = int(np.argmin(np.abs(curve.epoch - onset)))
    if not np.isfinite(values[place]):
        return []
    mark = ax.plot(
        curve.epoch[place], values[place], "o", color=colour, markersize=bold(8), zorder=3
    )
    mark[0].set(markerfacecolor="white", markeredgewidth=bold(1.8))
    return mark


def _x_axis(ax: Axes, curves: Sequence[EpochCurve]) -> None:
    """All epochs, and room for half a mark at either end."""
    first = min(float(curve.epoch[0]) for curve in curves)
    last = max(float(curve.epoch[-1]) for curve in curves)
    margin = 0.015 * max(last - first, 1.0)
    ax.set_xlim(first - margin, last + margin)
    epoch_axis(ax)


def _y_axis(ax: Axes, values: Sequence[Array], quantity: str) -> None:
    """Fractions from 0 to 1; what may span decades as wide as it is, logarithmic if it does."""
    if quantity not in _WIDE:
        ax.set_ylim(-0.03, 1.05)
        return
    shown = np.concatenate(values)
    shown = shown[np.isfinite(shown)]
    if quantity == "pruning_loss":
        shown = shown[shown > _NEGLIGIBLE * shown.max(initial=0.0)]
    positive = shown[shown > 0]
    if not len(positive) or positive.max() <= _SPAN * positive.min():
        _linear(ax, shown)
    elif len(positive) == len(shown):
        log_axis(ax, positive)
    else:  # a pressure that lets go needs zero on its axis
        ax.set_yscale("symlog", linthresh=float(positive.min()))
        ax.set_ylim(-0.2 * float(positive.min()), 2 * float(positive.max()))


def _linear(ax: Axes, values: Array) -> None:
    """Limits around values that hardly differ, without making much of the last digits."""
    low, high = float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))
    if low > high:
        low, high = 0.0, 1.0
    margin = max(0.08 * (high - low), 0.1 * high, 1e-9)
    ax.set_ylim(low - margin, high + margin)


def _wanted(ax: Axes, quantity: str, target: float | None) -> None:
    """Horizontal line of what was asked for."""
    if target is not None and quantity in ("active", "pruned"):
        height = target if quantity == "pruned" else 1 - target
        ax.axhline(height, color="0.5", linestyle="-.", linewidth=bold(1), zorder=0.5)


def _meanings(
    quantities: Sequence[str], target: float | None, onsets: Sequence[Sequence[Line2D]]
) -> list[Line2D]:
    """Grey entries of the legend for the marks that are there."""
    entries = []
    if target is not None and {"active", "pruned"} & set(quantities):
        entries.append(
            Line2D([], [], color="0.5", linestyle="-.", linewidth=bold(1), label="wanted")
        )
    if any(onsets):
        entries.append(hollow("onset"))
    return entries
