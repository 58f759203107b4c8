"""Scales of axes: logarithmic ones without wasted decades, ratios, and columns of the jets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import (
    FuncFormatter,
    LogFormatterSciNotation,
    LogLocator,
    MaxNLocator,
    NullFormatter,
)

from ftag_prune.plots.style import Array, bold

__all__ = [
    "binned_axis",
    "column_label",
    "density_axis",
    "density_label",
    "epoch_axis",
    "log_axis",
    "ratio_axis",
    "rejection_axis",
    "tick_labels",
    "y_label",
]

_LABELS = {"pt": r"$p_{\mathrm{T}}$", "eta": r"$|\eta|$", "mass": "mass"}
_EQUAL = 1e-3  # relative, between the steps of edges that count as log-spaced
_WIDE = 30.0  # largest over smallest density from which on the axis is logarithmic
_TRUSTED = 0.5  # relative error up to which a bin has a say in that
_NEGLIGIBLE = 1e-6  # of the largest value; a single light jet must not open decades below the rest
_LONG = 1.15  # of the height of a ratio panel: a label may be longer by that, in the middle
_SPAN = 4.0  # largest over smallest rejection from which on the axis is logarithmic


def log_axis(ax: Axes, values: Array, *, which: Literal["x", "y"] = "y") -> None:
    """Make an axis logarithmic around the positive finite values, without wasted decades.

    Below two decades the ticks 1, 2 and 5 carry plain numbers, else the powers of ten.
    """
    values = values[np.isfinite(values) & (values > 0)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (1.0, 10.0)
    margin = max((high / low) ** 0.06, 1.05)
    axis = ax.yaxis if which == "y" else ax.xaxis
    ax.set(**{f"{which}scale": "log", f"{which}lim": (low / margin, high * margin)})
    axis.set_minor_formatter(NullFormatter())
    if high / low < 100:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_locator(LogLocator(subs=range(1, 10)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def rejection_axis(ax: Axes, value: Array, below: Array, above: Array) -> None:
    """Limits around rejections and their errors; logarithmic beyond a factor of four.

    What is not finite has no say, and an error of nearly 100 % opens no decades below its point.
    """
    seen = np.isfinite([value, below, above]).all(axis=0)
    value, below, above = value[seen], below[seen], above[seen]
    ends = np.concatenate([np.maximum(value - below, value / 2), value + above])
    if not len(ends):
        return
    least, most = float(ends.min()), float(ends.max())
    if most > _SPAN * least:
        log_axis(ax, ends)
    else:
        margin = 0.08 * max(most - least, 0.1 * most)
        ax.set_ylim(least - margin, most + margin)


def density_axis(
    ax: Axes, shapes: Sequence[tuple[Array, Array]], *, log: bool | None = None
) -> int:
    """Limits around densities and their errors, from zero or logarithmic.

    Returns in how many units of the column the numbers of the axis count, for `density_label`:
    1, or a power of ten where the densities are too small to be read.

    Parameters
    ----------
    shapes : values and errors (bins,) of each class
    log : bool or None
        Whether y is logarithmic; by default if bins with a fair error differ by much.
    """
    value, error = (np.nan_to_num(np.concatenate(one)) for one in zip(*shapes, strict=True))
    seen = value > _NEGLIGIBLE * value.max(initial=0.0)
    value, error = value[seen], error[seen]
    fair = value[error <= _TRUSTED * value]
    wide = len(fair) > 0 and bool(fair.max() > _WIDE * fair.min())
    if wide if log is None else log:
        # A huge error on a bin must not open decades below it.
        log_axis(ax, np.concatenate([np.maximum(value - error, value / 2), value + error]))
        # Plain numbers would be long here: 0.0005.
        ax.yaxis.set_major_locator(LogLocator())
        ax.yaxis.set_major_formatter(LogFormatterSciNotation())
        return 1
    top = 1.08 * float((value + error).max(initial=1e-9))
    ax.set_ylim(0, top)
    # Not the factor that matplotlib writes above an axis, for there stands the label.
    per = int(10 ** max(math.ceil(-math.log10(top)) - 1, 0))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{per * value:g}"))
    return per


def ratio_axis(ratio: Axes, shown: Sequence[Array], label: str, *, most: float = 2.0) -> None:
    """Limits around what is shown and 1, from 0 to `most`: a wild bin must not flatten the rest."""
    values = np.concatenate([[1.0], *shown])
    values = np.clip(values[np.isfinite(values)], 0, most)
    margin = 0.15 * max(float(np.ptp(values)), 0.1)
    ratio.set_ylim(values.min() - margin, values.max() + margin)
    ratio.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ratio.axhline(1, color="black", linewidth=bold(1), zorder=0.5)
    y_label(ratio, label, loc="center")


def tick_labels(ax: Axes, texts: Sequence[str]) -> None:
    """Write below 0, 1, 2 ... on x, in smaller letters where neighbours would touch each other."""
    ax.set_xticks(np.arange(len(texts)), texts)
    labels = ax.get_xticklabels()
    letter = float(labels[0].get_fontsize()) * labels[0].figure.dpi / 72
    room = ax.bbox.width / float(np.ptp(ax.get_xlim()))
    widest = max(label.get_window_extent().width for label in labels) + letter / 2
    if widest > room:
        ax.tick_params(axis="x", labelsize=float(labels[0].get_fontsize()) * room / widest)


def y_label(ax: Axes, text: str, *, loc: Literal["top", "center"] = "top") -> None:
    """Write a label beside a panel, in smaller letters if it would reach into the next one."""
    label, most = ax.set_ylabel(text, loc=loc), _LONG if loc == "center" else 1.0
    length = label.get_window_extent().height / ax.bbox.height
    if length > most:
        label.set_fontsize(float(label.get_fontsize()) * most / length)


def epoch_axis(ax: Axes) -> None:
    """Label x with epochs, of which there are no halves."""
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    ax.set_xlabel("Epoch")


def binned_axis(ax: Axes, edges: Array, values: Sequence[Array]) -> None:
    """First to last bin with a value; plain numbers on a log axis where edges are log-spaced.

    Parameters
    ----------
    edges : (bins + 1,)
    values : each (bins,)
        What is drawn. Bins without any positive value are left out at the ends, if there is one.
    """
    if _log_spaced(edges):
        ax.set_xscale("log")
        subs = (1, 2, 5) if edges[-1] > 10 * edges[0] else (1, 2, 3, 4, 5, 7)
        ax.xaxis.set_major_locator(LogLocator(subs=subs))
        ax.xaxis.set_minor_locator(LogLocator(subs=range(1, 10)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    places = np.flatnonzero(np.any(np.array(values) > 0, axis=0))
    first, last = (places[0], places[-1]) if len(places) else (0, -2)
    ax.set_xlim(edges[first], edges[last + 1])


def column_label(column: str, unit: str) -> str:
    """Text of an axis for a column of the jets, such as "Jet $p_T$ [GeV]"."""
    name = _LABELS.get(column, column.replace("_", " "))
    return f"Jet {name}" + (f" [{unit}]" if unit else "")


def density_label(column: str, unit: str, per: int = 1, *, jets: str = "jets") -> str:
    """Text of an axis for the fraction of jets per unit of a column, or per several of them."""
    one = unit or f"unit {_LABELS.get(column, column)}"
    return f"Fraction of {jets} / {one if per == 1 else f'{per} {one}'}"


def _log_spaced(edges: Array) -> bool:
    """Whether each edge is the same factor above the one before, and not the same step."""
    if edges[0] <= 0 or len(edges) < 3:
        return False
    factors = np.log(edges[1:] / edges[:-1])
    return bool(np.ptp(factors) <= _EQUAL * factors.mean())
