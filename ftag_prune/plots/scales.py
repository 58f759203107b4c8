"""Scales of axes: logarithmic ones without wasted decades, ratios, and bins."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ftag_prune.plots.style import Array

__all__ = ["log_axis"]


def log_axis(ax: Axes, values: Array) -> None:
    """Make y logarithmic around the positive finite values, without wasted decades.

    Below two decades the ticks 1, 2 and 5 carry plain numbers, else the powers of ten.
    """
    values = values[np.isfinite(values) & (values > 0)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (1.0, 10.0)
    margin = max((high / low) ** 0.06, 1.05)
    ax.set_yscale("log")
    ax.set_ylim(low / margin, high * margin)
    ax.yaxis.set_minor_formatter(NullFormatter())
    if high / low < 100:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_minor_locator(LogLocator(subs=range(1, 10)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
