"""Rejection against the size of the network, and which networks no other one beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from ftag_prune.flavours import FLAVOURS
from ftag_prune.plots.labels import beside
from ftag_prune.plots.scales import log_axis, rejection_axis
from ftag_prune.plots.style import MARKERS, bold, colours

__all__ = ["ParetoArtists", "Quantity", "SizePoint", "pareto"]

Quantity = Literal["parameters", "multiplications", "latency"]


_LABELS = {
    "parameters": "Parameters",
    "multiplications": "Multiplications a jet",
    "latency": "Latency a jet",
}
_BEST = "no other is smaller\nand better"
_BEST = "no other is smaller\nand better"
_MARKERS = (*MARKERS, "*", "p", "h")


class SizePoint(NamedTuple):
    """One network of a strategy, dense or pruned.

    Attributes
    ----------
    name : str
        Strategy: its text in the legend and its marker.
    group : str
        Network that it was cut from: its text in the legend and its colour.
    size : float
        Parameters, multiplications a jet, or latency in microseconds a jet.
    rejection, error : float
        Rejection at the working point and its error; a point that is not finite is left out.
    on_front : bool
        Whether no other network has both a smaller size and a larger rejection.
    """

    name: str
    group: str
    size: float
    rejection: float
    error: float
    on_front: bool = False


class ParetoArtists(NamedTuple):
    """What `pareto` has drawn: points by group and strategy, the front and its marks."""

    points: list[ErrorbarContainer]
    front: Line2D
    marks: Line2D
    legend: Legend


def pareto(
    ax: Axes,
    points: Sequence[SizePoint],
    *,
    quantity: Quantity,
    unit: str,
    background: str,
    efficiency: str = "",
) -> ParetoArtists:
    """Draw rejection against size, the front as a step line through its marked points.

    Parameters
    ----------
    ax : the one of ``canvas_with_legend()``
    quantity, unit : str
        What the x axis counts; the unit is empty for a pure number, such as "µs" for a latency.
    background : str
        Name of a flavour, for the y axis.
    efficiency : str
        Text over the legend, such as "70 % efficiency for $b$-jets".
    """
    seen = [one for one in points if np.isfinite([one.size, one.rejection, one.error]).all()]
    groups, names = ({getattr(one, key): None for one in points} for key in ("group", "name"))
    looks = dict(zip(groups, colours(len(groups)), strict=True))
    markers = dict(zip(names, cycle(_MARKERS), strict=False))
    drawn = [
        _points(ax, some, looks[group], markers[name])
        for (group, name), some in _together(seen).items()
    ]
    front, marks = _front(ax, [one for one in seen if one.on_front])
    y, error = (np.array([getattr(one, key) for one in seen]) for key in ("rejection", "error"))
    rejection_axis(ax, y, error, error)
    log_axis(ax, np.array([one.size for one in seen]), which="x")
    ax.set_xlabel(_LABELS[quantity] + (f" [{unit}]" if unit else ""))
    ax.set_ylabel(f"Rejection of {FLAVOURS[background].label}")
    handles = [*_entries(looks, markers), marks]
    return ParetoArtists(drawn, front, marks, beside(ax, handles, title=efficiency))


def _together(points: Sequence[SizePoint]) -> dict[tuple[str, str], list[SizePoint]]:
    """Points of one group and strategy."""
    found: dict[tuple[str, str], list[SizePoint]] = {}
    for one in points:
        found.setdefault((one.group, one.name), []).append(one)
    return found


def _points(ax: Axes, points: Sequence[SizePoint], colour: str, marker: str) -> ErrorbarContainer:
    """Points of one look, with errors."""
    size, rejection, error = np.array([(p.size, p.rejection, p.error) for p in points]).T
    return ax.errorbar(
        size,
        rejection,
        error,
        fmt=marker,
        color=colour,
        markersize=bold(8),
        linewidth=bold(1.6),
        label=f"{points[0].group}, {points[0].name}",
    )


def _front(ax: Axes, points: Sequence[SizePoint]) -> tuple[Line2D, Line2D]:
    """A step line: the best rejection up to a size; and rings around the points that make it."""
    ordered = sorted(points, key=lambda one: one.size)
    size, rejection = [one.size for one in ordered], [one.rejection for one in ordered]
    (front,) = ax.plot(size, rejection, "-", color="0.35", linewidth=bold(1.2), zorder=1)
    front.set_drawstyle("steps-post")
    (marks,) = ax.plot(size, rejection, "o", color="black", markersize=bold(14), zorder=1.5)
    marks.set(markerfacecolor="none", markeredgewidth=bold(1.4), label=_BEST)
    return front, marks


def _entries(looks: Mapping[str, str], markers: Mapping[str, str]) -> list[Line2D]:
    """Networks by colour and strategies by marker."""
    entries = [(name, colour, "o") for name, colour in looks.items()]
    entries += [(name, "0.4", marker) for name, marker in markers.items()]
    return [
        Line2D([], [], color=colour, marker=marker, label=name, linestyle="", markersize=bold(8))
        for name, colour, marker in entries
    ]
