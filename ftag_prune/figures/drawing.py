"""What all figures of a task share."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ftag_prune import plots
from ftag_prune.config import Run, Study
from ftag_prune.errors import ConfigError, FtagPruneError, nearest
from ftag_prune.flavours import Task
from ftag_prune.record import read_csv, read_json
from ftag_prune.summary import Cell

__all__ = [
    "Drawing",
    "Drawn",
    "Epochs",
    "epochs_of",
    "label",
    "largest",
    "network_name",
    "percent",
    "texts",
]

Drawn = tuple[Figure, list[dict[str, Any]]]
Array = npt.NDArray[np.float64]


class Drawing(NamedTuple):
    """What all figures of a task share."""

    study: Study
    task: Task
    runs: list[Run]
    cells: list[Cell]
    folder: Path

    @property
    def largest(self) -> str:
        """Label of the network that figures of one network show."""
        return largest(self.runs, self.strategy)

    def run(self, strategy: str, *, network: str | None = None, target: float | None = None) -> Run:
        """First seed of a strategy, on the largest network and for the largest target by default.

        Raises
        ------
        ConfigError
            If the study has no such run.
        FtagPruneError
            If it is not there yet.
        """
        asked = self.study.runs_of(self.task.name)
        mine = [run for run in asked if run.strategy == strategy]
        if not mine:
            known = {run.strategy for run in asked}
            raise ConfigError(
                f"figures: no run of the strategy '{strategy}'{nearest(strategy, known)}"
            )
        wanted = [
            run
            for run in mine
            if network in (None, run.label) and (target is None or math.isclose(run.target, target))
        ]
        if not wanted:
            raise ConfigError(
                f"figures: no run of '{strategy}' on network {network} with target {target}; there "
                f"are {', '.join(sorted({f'{run.label} {run.target:g}' for run in mine}))}"
            )
        best = max(wanted, key=lambda run: (run.nodes, run.target))
        same = [run for run in wanted if (run.label, run.target) == (best.label, best.target)]
        there = [run for run in same if run in self.runs]
        if not there:
            raise FtagPruneError(f"no run like {best.name} is there yet")
        return min(there, key=lambda run: run.seed)

    def require_dense(self, first: Run) -> None:
        """Refuse a first run that is not dense, where the study asks for a dense one to divide by.

        FtagPruneError if so: it is one of those that are missing.
        """
        wanted = [run for run in self.study.runs_of(self.task.name) if run.label == first.label]
        if not first.dense and any(run.dense for run in wanted):
            raise FtagPruneError(f"no dense run of network {first.label} is there yet")

    def steps(self, run: Run) -> int:
        """Batches of an epoch."""
        return int(read_json(self.folder / run.name / "run.json")["steps"])

    @property
    def strategy(self) -> str:
        """The strategy that figures of one strategy show."""
        return self.study.grid.strategies[0]


@dataclass(frozen=True)
class Epochs:
    """Columns of a history, by name."""

    columns: dict[str, Array]
    phase: list[str]

    def __getitem__(self, name: str) -> Array:
        """Values (epochs,) of a column."""
        return self.columns[name]

    def only(self, *phases: str) -> Epochs:
        """The epochs of some phases."""
        kept = [one in phases for one in self.phase]
        columns = {name: values[kept] for name, values in self.columns.items()}
        return Epochs(columns, [one for one in self.phase if one in phases])


def epochs_of(drawing: Drawing, run: Run) -> Epochs:
    """History of a run."""
    rows = read_csv(drawing.folder / run.name / "history.csv")
    texts = ("phase", "verdict")
    names = [name for name in rows[0] if name not in texts]
    columns = {name: np.array([float(row[name]) for row in rows]) for name in names}
    return Epochs(columns, [row["phase"] for row in rows])


def largest(runs: Sequence[Run], strategy: str) -> str:
    """Label of the network with the most nodes among those that a strategy prunes.

    The only place that says which network figures of one network show, and captions name. Other
    strategies may have larger ones, of which such a figure could not show all lines.
    """
    mine = [run for run in runs if run.strategy == strategy]
    return max(mine or runs, key=lambda run: run.nodes).label


def percent(run: Run) -> str:
    """Pruned fraction as a round number, if that is the same number of nodes."""
    exact = 100 * run.target
    same = abs(exact - round(exact)) <= 50 / run.nodes
    return f"{round(exact)} %" if same else f"{exact:.3g} %"


def network_name(label: str) -> str:
    """Text of a network: perceptrons of one width by that, others by their label."""
    width = re.fullmatch(r"w(\d+)", label)
    return f"{width[1]} nodes a layer" if width else label


def label(ax: Axes, drawing: Drawing, *lines: str, above: bool = False) -> None:
    """Write the label of the study, and what it shows, at the upper left."""
    figures = drawing.study.figures
    if above:
        text = ", ".join([drawing.task.title, *lines])
        plots.atlas_label(ax, figures.label, lines=[text], above=True)
    else:
        plots.atlas_label(ax, figures.label, lines=texts(drawing, *lines))


def texts(drawing: Drawing, *lines: str) -> list[str]:
    """Lines below the label: those of the study, the task, and further ones."""
    return [*drawing.study.figures.lines, drawing.task.title, *(line for line in lines if line)]
