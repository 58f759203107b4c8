"""The four mechanisms that keep a network from being pruned, each with its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.container import BarContainer
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ftag_prune.errors import FtagPruneError
from ftag_prune.plots.labels import beside
from ftag_prune.plots.scales import epoch_axis, log_axis
from ftag_prune.plots.style import COLOURS, Array, bold

__all__ = [
    "Diluted",
    "Equilibrium",
    "MechanismArtists",
    "Mechanisms",
    "PanelArtists",
    "Saturated",
    "SoftSolution",
    "mechanism_rows",
    "mechanisms",
]

_PANELS = 5  # four mechanisms, and the gates beside the last
_BAND = 0.3
_NEGLIGIBLE = 1e-4  # of the largest pruning loss; what is smaller only pushes the axis down
_GATE_BINS = np.linspace(0, 1, 41)
_FIFTHS = np.linspace(0, 1, 6)
_BELOW = 10.0  # a price that is smaller than the least saliency by more leaves the panel
_RIGHT = 1.0  # inches between panel and legend for the right axis


class Diluted(NamedTuple):
    """A: one network under plain gradient descent.

    Attributes
    ----------
    name : str
        Text in the legend, such as "64 nodes".
    epoch, pruning_loss, predicted : (epochs,)
        Epochs, L_pru, and the exponential that theory predicts for it.
    """

    name: str
    epoch: Array
    pruning_loss: Array
    predicted: Array


class Saturated(NamedTuple):
    """B: one training whose gates start far up the sigmoid, or not.

    Attributes
    ----------
    name : str
        Text in the legend.
    epoch, zero_gradient, active : (epochs,)
        Epochs, share of nodes whose gradient is exactly zero, mean gate.
    """

    name: str
    epoch: Array
    zero_gradient: Array
    active: Array


class Equilibrium(NamedTuple):
    """C: one training, its price against the saliency of its nodes.

    Attributes
    ----------
    epoch, price : (epochs,)
        What the pruning loss pays for closing one node by one unit of gate.
    saliency_low, saliency_median, saliency_high : (epochs,)
        Quantiles (10, 50 and 90 %) of -dL_cla/dz over nodes that are on.
    active : (epochs,)
        Mean gate.
    target : float
        Wanted pruned fraction.
    """

    epoch: Array
    price: Array
    saliency_low: Array
    saliency_median: Array
    saliency_high: Array
    active: Array
    target: float


class SoftSolution(NamedTuple):
    """D: one training that reaches the wanted mean gate without switching the right nodes off.

    Attributes
    ----------
    epoch, active, pruned : (epochs,)
        Mean gate, and fraction of nodes with a gate below one half.
    target : float
        Wanted pruned fraction.
    gates : (nodes,)
        Gates at the end.
    """

    epoch: Array
    active: Array
    pruned: Array
    target: float
    gates: Array


class Mechanisms(NamedTuple):
    """One case, or a few, for each of the four mechanisms."""

    dilution: Sequence[Diluted]
    saturation: Sequence[Saturated]
    equilibrium: Equilibrium
    soft: SoftSolution


class PanelArtists(NamedTuple):
    """What stands in one panel: its curves, the area beside them, and the legend."""

    lines: list[Line2D]
    legend: Legend
    area: FillBetweenPolyCollection | BarContainer | None = None


class MechanismArtists(NamedTuple):
    """What `mechanisms` has drawn; the areas are the saliency in C and the gates in D."""

    dilution: PanelArtists
    saturation: PanelArtists
    equilibrium: PanelArtists
    soft: PanelArtists


def mechanisms(axes: Sequence[Axes], cases: Mechanisms) -> MechanismArtists:
    """Draw the evidence for each mechanism against epochs, as `canvas_of_mechanisms` has panels.

    A dilution: L_pru of several networks beside the predicted exponentials (dashed). B saturation:
    share of gradients that are exactly zero beside the mean gate (dashed). C equilibrium: the price
    meets the saliency of the nodes, and the active fraction (right axis) stays above the wanted
    one. D soft solution: the active fraction arrives, the pruned one does not; at the side the
    gates at the end.
    """
    if len(axes) != _PANELS:
        raise FtagPruneError(f"the mechanisms need {_PANELS} axes, found {len(axes)}")
    dilution = _dilution(axes[0], cases.dilution)
    saturation = _saturation(axes[1], cases.saturation)
    equilibrium = _equilibrium(axes[2], cases.equilibrium)
    soft = _soft(axes[3], axes[4], cases.soft)
    for ax in axes[:4]:
        epoch_axis(ax)
    return MechanismArtists(dilution, saturation, equilibrium, soft)


def mechanism_rows(cases: Mechanisms) -> list[dict[str, Any]]:
    """The numbers behind `mechanisms`, one in a row: its mechanism, curve, epoch and quantity.

    Gates at the end have the last epoch; their order is that of the nodes.
    """
    return [
        {"mechanism": mechanism, "curve": curve, "epoch": epoch, "quantity": key, "value": value}
        for mechanism, curve, one in _named(cases)
        for key, values in one._asdict().items()
        if key != "epoch" and np.ndim(values)
        for epoch, value in zip(_epochs(one, key), np.asarray(values).tolist(), strict=True)
    ]


def _named(cases: Mechanisms) -> Iterator[tuple[str, str, Any]]:
    """Each case with the name of its mechanism and its own."""
    for mechanism, one in cases._asdict().items():
        if isinstance(one, (Equilibrium, SoftSolution)):
            yield mechanism, "", one
        else:
            yield from ((mechanism, curve.name, curve) for curve in one)


def _epochs(one: Any, key: str) -> list[float]:
    """The epochs of the values of a field; the last one for each of the gates."""
    if key == "gates":
        return [float(one.epoch[-1])] * len(one.gates)
    return [float(epoch) for epoch in one.epoch]


def _dilution(ax: Axes, curves: Sequence[Diluted]) -> PanelArtists:
    """Measured (solid) and predicted (dashed) L_pru; what is measured sets the limits."""
    shades = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.88, len(curves)))
    lines, predicted = [], []
    for one, colour in zip(curves, shades, strict=True):
        lines += ax.plot(
            one.epoch, one.pruning_loss, color=colour, linewidth=bold(2.2), label=one.name
        )
        predicted += ax.plot(one.epoch, one.predicted, "--", color="black", linewidth=bold(1.1))
    loss = np.concatenate([one.pruning_loss for one in curves])
    loss = loss[np.isfinite(loss)]
    log_axis(ax, loss[loss > _NEGLIGIBLE * loss.max(initial=0.0)])
    ax.set_ylabel(r"Pruning loss $L_{\mathrm{pru}}$")
    handles = [*lines, Line2D([], [], color="black", linestyle="--", label="predicted")]
    return PanelArtists(lines + predicted, beside(ax, handles, title="A  Dilution"))


def _saturation(ax: Axes, curves: Sequence[Saturated]) -> PanelArtists:
    """Share of zero gradients (solid) and mean gate (dashed)."""
    lines, gates = [], []
    for one, colour in zip(curves, cycle(COLOURS), strict=False):
        lines += ax.plot(
            one.epoch, one.zero_gradient, color=colour, linewidth=bold(1.8), label=one.name
        )
        gates += ax.plot(one.epoch, one.active, "--", color=colour, linewidth=bold(1.8))
    _fractions(ax, "Fraction of nodes")
    meanings = [
        Line2D([], [], color="0.3", linestyle="-", label="gradient is 0"),
        Line2D([], [], color="0.3", linestyle="--", label="active"),
    ]
    return PanelArtists(lines + gates, beside(ax, [*lines, *meanings], title="B  Saturation"))


def _equilibrium(ax: Axes, one: Equilibrium) -> PanelArtists:
    """Price and saliency on a logarithmic axis, active fraction on a second one."""
    saliency = np.concatenate([one.saliency_low, one.saliency_median, one.saliency_high])
    least = float(np.min(saliency[saliency > 0], initial=np.inf))
    log_axis(ax, np.append(saliency, one.price[one.price > least / _BELOW]))
    low = np.maximum(one.saliency_low, ax.get_ylim()[0])  # a low quantile may be negative
    band = ax.fill_between(
        one.epoch, low, one.saliency_high, color=COLOURS[0], alpha=_BAND, linewidth=0
    )
    lines = ax.plot(one.epoch, one.price, color=COLOURS[2], linewidth=bold(2.2), label="price")
    lines += ax.plot(one.epoch, one.saliency_median, color=COLOURS[0], label="saliency")
    ax.set_ylabel("Price, saliency")
    right = ax.twinx()
    ax.tick_params(axis="y", which="both", right=False)
    right.tick_params(axis="y", which="both", left=False)
    lines += right.plot(one.epoch, one.active, "--", color="black", label="active")
    wanted = _wanted(right, 1 - one.target, "black")
    _fractions(right, "Fraction of nodes")
    band.set_label("10 to 90 %")
    handles = [lines[0], lines[1], band, lines[2], wanted]
    return PanelArtists(lines, beside(ax, handles, title="C  Equilibrium", gap=_RIGHT), band)


def _soft(ax: Axes, side: Axes, one: SoftSolution) -> PanelArtists:
    """Mean gate and fraction of nodes that are off, each beside what was asked for; the gates."""
    lines = ax.plot(one.epoch, one.active, color=COLOURS[0], linewidth=bold(2.2), label="active")
    lines += ax.plot(
        one.epoch, one.pruned, "--", color=COLOURS[2], linewidth=bold(2.2), label="pruned"
    )
    for line, height in zip(lines, (1 - one.target, one.target), strict=True):
        _wanted(ax, height, str(line.get_color()))
    _fractions(ax, "Fraction of nodes")
    counts, edges = np.histogram(one.gates, _GATE_BINS)
    shares = counts / max(len(one.gates), 1)
    bars = side.barh(edges[:-1], shares, np.diff(edges), align="edge", color="0.6")
    bars.set_label("gates at the end")
    side.set_xlim(0, 1.15 * float(shares.max(initial=1e-9)))
    ticks = MaxNLocator(2).tick_values(0, side.get_xlim()[1])
    side.set_xticks(ticks[1:2])  # 0 would run into the last epoch at the left
    side.set_xlabel("Share")
    wanted = Line2D([], [], color="0.3", linestyle="-.", linewidth=bold(1), label="wanted")
    legend = beside(side, [*lines, wanted, bars], title="D  Soft solution")
    return PanelArtists(lines, legend, bars)


def _fractions(ax: Axes, label: str) -> None:
    """A y axis from 0 to 1."""
    ax.set_ylim(-0.03, 1.05)
    ax.set_yticks(_FIFTHS)
    ax.set_ylabel(label)


def _wanted(ax: Axes, height: float, colour: str) -> Line2D:
    """Horizontal line of what was asked for."""
    line = ax.axhline(height, color=colour, linestyle="-.", linewidth=bold(1), zorder=0.5)
    line.set_label("wanted")
    return line
