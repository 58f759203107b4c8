"""A part of the page of a validation: what its figures and tables show, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ftag_prune import plots
from ftag_prune.flavours import FLAVOURS, Task
from ftag_prune.report import Table

__all__ = ["Easel", "Part", "Shown", "at_efficiency", "finite", "stacked"]


class Shown(NamedTuple):
    """A figure: the name of its files without suffix, and what its reader has to know."""

    name: str
    caption: str


class Part(NamedTuple):
    """A titled part of the page.

    Attributes
    ----------
    text : paragraphs
    files : names of further files to download
    numbers : content for ``validation.json``
    """

    title: str
    text: tuple[str, ...] = ()
    figures: tuple[Shown, ...] = ()
    tables: tuple[Table, ...] = ()
    files: tuple[str, ...] = ()
    numbers: Mapping[str, Any] = {}


class Easel(NamedTuple):
    """Where figures are drawn, and what stands on all of them.

    Attributes
    ----------
    out : folder of the files
    label, lines : at the upper left
    """

    out: Path
    task: Task
    label: str
    lines: tuple[str, ...]

    def texts(self, *more: str) -> list[str]:
        """Lines below the label."""
        return [*self.lines, self.task.title, *(one for one in more if one)]

    def sign(self, ax: Axes, *more: str, above: bool = False) -> None:
        """Write the label; `above` in one line with what is shown."""
        if above:
            plots.atlas_label(ax, self.label, lines=self.texts(*more), above=True)
        else:
            plots.atlas_label(ax, self.label, lines=self.texts(*more))

    def save(
        self, fig: Figure, name: str, rows: Sequence[Mapping[str, Any]], caption: str
    ) -> Shown:
        """Write a figure and its numbers."""
        plots.save(fig, self.out / name, rows)
        return Shown(name, caption)


def at_efficiency(task: Task, efficiency: float | None = None) -> str:
    """Text of a working point, that of the headline if none is given."""
    percent = 100 * (task.working_point if efficiency is None else efficiency)
    return f"{percent:g} % efficiency for {FLAVOURS[task.signal].label}"


def stacked(name: str) -> str:
    """Text of a tagger in two lines, for legends beside the panel."""
    return name.replace(", ", ",\n", 1)


def finite(values: Any) -> Any:
    """Numbers as JSON has them: None where there is none."""
    if isinstance(values, np.ndarray):
        return [finite(one) for one in values.tolist()]
    return values if isinstance(values, int | str) or np.isfinite(values) else None
