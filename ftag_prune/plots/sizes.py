"""Rejection against the size of the network, and which networks no other one beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

__all__ = ["ParetoArtists", "Quantity", "SizePoint", "pareto"]

Quantity = Literal["parameters", "multiplications", "latency"]


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
    raise NotImplementedError
