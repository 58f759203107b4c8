"""What pruning costs: rejection against the pruned fraction, and ROC curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ftag_prune import plots
from ftag_prune.config import Run
from ftag_prune.figures.drawing import Drawing, Drawn, label, network_name, percent, texts
from ftag_prune.metrics import combine
from ftag_prune.summary import Cell, dense_of, groups_of, metrics_of, ratio_to_dense, scores_of

__all__ = ["pruned", "roc", "strategies"]

_RATIO_STEP = 2  # every second efficiency of the ROC grid gets a paired error


def pruned(drawing: Drawing, background: str) -> Drawn:
    """One line for each network, of the first strategy."""
    labels = dict.fromkeys(run.label for run in drawing.runs)
    lines = [
        (network_name(label), _line(drawing, background, label, drawing.strategy))
        for label in labels
    ]
    return _lines(drawing, background, lines, f"strategy: {drawing.strategy}")


def strategies(drawing: Drawing, background: str) -> Drawn:
    """One line for each strategy, of the largest network; in groups where the study names them."""
    shared = network_name(drawing.largest)
    if drawing.study.figures.groups:
        return _grouped(drawing, background, shared)
    lines = [
        (strategy, _line(drawing, background, drawing.largest, strategy))
        for strategy in drawing.study.grid.strategies
    ]
    return _lines(drawing, background, lines, shared)


def _grouped(drawing: Drawing, background: str, shared: str) -> Drawn:
    """A row of panels for each group, the first strategy repeated in all of them."""
    network, first = drawing.largest, drawing.strategy
    cells = {
        title: {name: _own(_line(drawing, background, network, name)) for name in names}
        for title, names in drawing.study.figures.groups.items()
    }
    repeated = _line(drawing, background, network, first)
    groups = [
        plots.StrategyGroup(title, [_drawn(name, line) for name, line in lines.items() if line])
        for title, lines in cells.items()
    ]
    text = texts(drawing, shared)
    fig, panels = plots.canvas_of_groups(len(groups), lines=len(text))
    plots.rejection_versus_pruned_panels(
        panels,
        groups,
        repeated=_drawn(first, repeated),
        signal=drawing.task.signal,
        background=background,
        working_point=drawing.task.working_point,
    )
    plots.atlas_label(panels[0][0], drawing.study.figures.label, lines=text, above=True)
    lines = [repeated, *(line for group in cells.values() for line in group.values())]
    return fig, [cell._asdict() for line in lines for cell in line]


def _own(line: list[Cell]) -> list[Cell]:
    """Cells of a strategy without those of the dense tagger, which all share."""
    return [cell for cell in line if cell.strategy != "dense"]


def _line(drawing: Drawing, background: str, network: str, strategy: str) -> list[Cell]:
    """Cells at the headline working point, dense first."""
    chosen = [
        cell
        for cell in drawing.cells
        if cell.network == network
        and cell.strategy in (strategy, "dense")
        and (cell.signal, cell.background) == (drawing.task.signal, background)
        and cell.working_point == drawing.task.working_point
    ]
    return sorted(chosen, key=lambda cell: cell.pruned)


def _lines(
    drawing: Drawing, background: str, lines: list[tuple[str, list[Cell]]], shared: str
) -> Drawn:
    drawn = [_drawn(name, cells) for name, cells in lines if cells]
    fig, ax, ratio = plots.canvas_with_ratio()
    plots.rejection_versus_pruned(
        ax,
        ratio,
        drawn,
        signal=drawing.task.signal,
        background=background,
        working_point=drawing.task.working_point,
    )
    label(ax, drawing, shared)
    return fig, [cell._asdict() for _, cells in lines for cell in cells]


def _drawn(name: str, cells: list[Cell]) -> plots.PrunedLine:
    return plots.PrunedLine(
        name,
        pruned=np.array([cell.pruned for cell in cells]),
        rejection=np.array([cell.rejection for cell in cells]),
        error=np.array([cell.error for cell in cells]),
        ratio=np.array([cell.ratio for cell in cells]),
        ratio_error=np.array([cell.ratio_total for cell in cells]),
    )


def roc(drawing: Drawing, background: str) -> Drawn:
    """One curve for each pruned fraction of the largest network."""
    groups = groups_of([run for run in drawing.runs if run.label == drawing.largest])
    shown = [group for group in groups if group[0].strategy in ("dense", drawing.strategy)]
    drawing.require_dense(shown[0][0])
    curves = [_curve(drawing, group, dense_of(group, groups), background) for group in shown]
    fig, ax, ratio = plots.canvas_with_ratio()
    plots.roc(
        ax,
        ratio,
        curves,
        reference=curves[0].name,
        signal=drawing.task.signal,
        background=background,
        working_point=drawing.task.working_point,
    )
    label(ax, drawing, network_name(drawing.largest))
    return fig, plots.rows(curves)


def _curve(
    drawing: Drawing, group: list[Run], dense: list[Run], background: str
) -> plots.ModelCurve:
    """Mean over seeds; an efficiency at which one seed lets nothing pass has no mean."""
    chosen = drawing.task.discriminants[0]
    told = [
        one["discriminants"][chosen.signal] for one in metrics_of(group, drawing.folder).values()
    ]
    asked = np.array(told[0]["asked_efficiency"])
    of_seeds = [one["backgrounds"][background] for one in told]
    pairs = zip(_array(of_seeds, "rejection").T, _array(of_seeds, "error").T, strict=True)
    points = [combine(values, errors) for values, errors in pairs]
    return plots.ModelCurve(
        "dense" if group[0].dense else percent(group[0]),
        pruned=group[0].target,
        efficiency=_array(of_seeds, "efficiency").mean(axis=0),
        rejection=np.array([point.mean for point in points]),
        error=np.array([point.total for point in points]),
        ratio_error=_paired_errors(drawing, group, dense, background, asked),
    )


def _paired_errors(
    drawing: Drawing, group: list[Run], dense: list[Run], background: str, asked: np.ndarray
) -> np.ndarray | None:
    """Errors of the ratio to dense, bootstrapped on a coarser grid and interpolated."""
    if group[0].dense or not dense:
        return None
    chosen, grid = drawing.task.discriminants[0], asked[::_RATIO_STEP]
    mine, theirs = (
        scores_of(runs, drawing.folder, drawing.task, chosen) for runs in (group, dense)
    )
    rng = np.random.default_rng(0)
    found = ratio_to_dense(
        drawing.task, chosen, background, mine, theirs, efficiencies=grid.tolist(), rng=rng
    )
    errors: np.ndarray = np.interp(asked, grid, found.error)
    return errors


def _array(curves: Sequence[dict[str, Any]], key: str) -> np.ndarray:
    """(seeds, efficiencies) of a key; None (no jet passes) is infinite."""
    return np.array([[math.inf if one is None else one for one in curve[key]] for curve in curves])
