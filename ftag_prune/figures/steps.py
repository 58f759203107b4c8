"""What pruning the first of two steps costs the second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ftag_prune import plots
from ftag_prune.architecture import TwoStep
from ftag_prune.config import Run
from ftag_prune.errors import FtagPruneError
from ftag_prune.figures.drawing import Drawing, Drawn, label, percent
from ftag_prune.metrics import ratio_spread, rejection
from ftag_prune.summary import Cell, Scores, groups_of, ratio_to_dense, scores_of

__all__ = ["first_step", "in_two_steps"]


class _Point(NamedTuple):
    """A second step on a first one that was pruned by so much; its ratio to that on a dense one."""

    pruned: float
    cell: Cell
    ratio: float
    error: float


def in_two_steps(runs: Sequence[Run]) -> bool:
    """Whether second steps on several first ones can be compared."""
    return len({run.network.first for run in runs if isinstance(run.network, TwoStep)}) > 1


def first_step(drawing: Drawing, background: str) -> Drawn:
    """One line for each second step, against the pruned fraction of the first."""
    lines = {
        name: _points(drawing, groups, background)
        for name, groups in _second_steps(drawing).items()
    }
    fig, ax, ratio = plots.canvas_with_ratio()
    plots.rejection_versus_pruned(
        ax,
        ratio,
        [_drawn(name, points) for name, points in lines.items()],
        signal=drawing.task.signal,
        background=background,
        working_point=drawing.task.working_point,
        of="nodes of the first step",
        reference="dense first step",
    )
    label(ax, drawing, "tagger in two steps")
    return fig, [_row(point) for points in lines.values() for point in points]


def _second_steps(drawing: Drawing) -> dict[str, list[list[Run]]]:
    """Trainings of each second step, one group for each first one, by what was pruned of it."""
    found: dict[str, list[list[Run]]] = {}
    for group in groups_of([run for run in drawing.runs if isinstance(run.network, TwoStep)]):
        run = group[0]
        how = f"{percent(run)} pruned, {run.strategy}"
        found.setdefault("second step dense" if run.dense else f"second step {how}", []).append(
            group
        )
    return found


def _points(drawing: Drawing, groups: list[list[Run]], background: str) -> list[_Point]:
    """Points of one second step, the dense first step at first."""
    ordered = sorted(groups, key=lambda group: _first(group[0]))
    base = ordered[0]
    if _first(base[0]) > 0 and 0 in map(_first, drawing.study.runs_of(drawing.task.name)):
        raise FtagPruneError("no run on the dense first step is there yet")
    return [_point(drawing, group, base, background) for group in ordered]


def _first(run: Run) -> float:
    """Pruned fraction of the first step."""
    return run.network.first.target if isinstance(run.network, TwoStep) else math.nan


def _point(drawing: Drawing, group: list[Run], base: list[Run], background: str) -> _Point:
    task = drawing.task
    chosen = task.discriminants[0]
    theirs = _scores(drawing, base)
    mine = theirs if group is base else _scores(drawing, group)
    found = ratio_to_dense(
        task,
        chosen,
        background,
        mine,
        theirs,
        efficiencies=[task.working_point],
        rng=np.random.default_rng([1, round(1000 * _first(group[0]))]),
    )
    spread = 0.0 if group is base else _spread(drawing, mine, theirs, background)
    return _Point(
        _first(group[0]),
        _cell(drawing, group[0], background),
        float(found.ratio[0]),
        math.hypot(float(found.error[0]), spread),
    )


def _spread(drawing: Drawing, mine: Scores, theirs: Scores, background: str) -> float:
    """Error of the ratio from the spread over trainings; 0 of a single one, which has none."""
    spread = ratio_spread(*(_rejections(drawing, one, background) for one in (mine, theirs)))
    return 0.0 if math.isnan(spread) else spread


def _rejections(drawing: Drawing, scores: Scores, background: str) -> list[float]:
    """Of each training, at the headline working point."""
    task = drawing.task
    signal, other = (scores.label == task.classes.index(one) for one in (task.signal, background))
    return [
        rejection(value[signal], value[other], efficiency=task.working_point).value
        for value in scores.value
    ]


def _scores(drawing: Drawing, group: list[Run]) -> Scores:
    return scores_of(group, drawing.folder, drawing.task, drawing.task.discriminants[0])


def _cell(drawing: Drawing, run: Run, background: str) -> Cell:
    """Cell of a group at the headline working point."""
    task = drawing.task
    place = (run.label, run.strategy, task.signal, background, task.working_point)
    mine = [
        cell
        for cell in drawing.cells
        if (cell.network, cell.strategy, cell.signal, cell.background, cell.working_point) == place
    ]
    return min(mine, key=lambda cell: abs(cell.pruned - run.target))


def _drawn(name: str, points: Sequence[_Point]) -> plots.PrunedLine:
    return plots.PrunedLine(
        name,
        pruned=np.array([point.pruned for point in points]),
        rejection=np.array([point.cell.rejection for point in points]),
        error=np.array([point.cell.error for point in points]),
        ratio=np.array([point.ratio for point in points]),
        ratio_error=np.array([point.error for point in points]),
    )


def _row(point: _Point) -> dict[str, Any]:
    return {
        "first_pruned": point.pruned,
        "first_ratio": point.ratio,
        "first_ratio_error": point.error,
        **point.cell._asdict(),
    }
