"""The figures of a study: which runs stand on which, drawn from tables and metrics."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ftag_prune import plots
from ftag_prune.config import Run, Study
from ftag_prune.flavours import FLAVOURS, Task
from ftag_prune.metrics import combine
from ftag_prune.summary import (
    Cell,
    dense_of,
    groups_of,
    metrics_of,
    ratio_to_dense,
    read_cells,
    scores_of,
    task_in,
)

__all__ = ["Drawing", "captions", "draw", "names"]

_RATIO_STEP = 2  # every second efficiency of the ROC grid gets a paired error


class Drawing(NamedTuple):
    """What all figures of a task share."""

    study: Study
    task: Task
    runs: list[Run]
    cells: list[Cell]
    folder: Path

    @property
    def widest(self) -> str:
        """Label of the network with the most nodes."""
        return max(self.runs, key=lambda run: sum(run.network.nodes.values())).label

    @property
    def strategy(self) -> str:
        """The strategy that figures of one strategy show."""
        return self.study.grid.strategies[0]


def draw(study: Study, task: str, folder: Path, table: Path, out: Path) -> list[plots.Saved]:
    """Draw the figures of a task, as `names` lists them, into `out`.

    Parameters
    ----------
    folder : where the runs are
    table : CSV of the task's cells
    """
    runs = [run for run in study.runs() if run.task == task]
    cells = read_cells(table)
    drawing = Drawing(study, task_in(cells, task), runs, cells, folder)
    saved = []
    for name in names(study, drawing.task):
        kind, _, background = name.partition("-")
        with plots.atlas_style():
            fig, rows = _KINDS[kind](drawing, background)
            saved.append(plots.save(fig, out / name, rows))
    return saved


def names(study: Study, task: Task) -> tuple[str, ...]:
    """Names of the figures of a task, the headline first."""
    backgrounds = task.backgrounds
    kinds = ["pruned", "strategies", "roc"] if len(study.grid.strategies) > 1 else ["pruned", "roc"]
    return (*(f"{kind}-{one}" for kind in kinds for one in backgrounds), "layers", "history")


def captions(study: Study, task: Task) -> dict[str, str]:
    """What the reader of a figure has to know, by the figure's name."""
    point = f"{100 * task.working_point:g} %"
    network = max(study.grid.widths)
    texts = {
        "pruned": "Rejection of {background} at {point} efficiency for {signal} against the "
        "fraction of nodes that was switched off, for networks of {depth} hidden layers of the "
        "given width, strategy “{strategy}”. Points: mean over {seeds} trainings; bands: error "
        "from the number of test jets and from the spread of the trainings, added in quadrature. "
        "Below: ratio to the dense tagger of the same width on the same jets, with the error of a "
        "paired bootstrap of the jets and the spread over pairs of trainings with the same seed.",
        "strategies": "The same for the widest network ({network}), one line for each strategy; "
        "every network was brought to exactly the asked number of nodes by the freeze.",
        "roc": "Rejection of {background} against efficiency for {signal}, {depth} hidden layers "
        "of {network} nodes, strategy “{strategy}”, mean over {seeds} trainings. Bands: "
        "statistical error and spread of the trainings in quadrature; below: ratio to the dense "
        "tagger with the error of a paired bootstrap of the jets.",
        "layers": "Nodes left in each hidden layer of the network of width {network}, strategy "
        "“{strategy}”, first seed. The strategy chooses where to cut; only the sum is asked for.",
        "history": "Trainings of the network of width {network}, first seed: losses, active "
        "fraction of nodes (mean gate) and pressure against epoch. The dotted line is the freeze "
        "to exactly the asked number of nodes, after which the compacted network is fine-tuned.",
    }
    return {
        name: texts[name.partition("-")[0]].format(
            background=FLAVOURS[name.partition("-")[2]].label if "-" in name else "",
            signal=FLAVOURS[task.signal].label,
            point=point,
            depth=study.grid.depth,
            network=network,
            strategy=study.grid.strategies[0],
            seeds=len(study.grid.seeds),
        )
        for name in names(study, task)
    }


# -- rejection against pruned fraction -----------------------------------------------------------


def _pruned(drawing: Drawing, background: str) -> tuple[Figure, list[dict[str, Any]]]:
    """One line for each network, of the first strategy."""
    labels = dict.fromkeys(run.label for run in drawing.runs)
    lines = [
        (f"{_width(label)} nodes a layer", _line(drawing, background, label, drawing.strategy))
        for label in labels
    ]
    return _lines(drawing, background, lines, f"strategy: {drawing.strategy}")


def _strategies(drawing: Drawing, background: str) -> tuple[Figure, list[dict[str, Any]]]:
    """One line for each strategy, of the widest network."""
    lines = [
        (strategy, _line(drawing, background, drawing.widest, strategy))
        for strategy in drawing.study.grid.strategies
    ]
    return _lines(drawing, background, lines, f"{_width(drawing.widest)} nodes a layer")


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
) -> tuple[Figure, list[dict[str, Any]]]:
    drawn = [
        plots.PrunedLine(
            name,
            pruned=np.array([cell.pruned for cell in cells]),
            rejection=np.array([cell.rejection for cell in cells]),
            error=np.array([cell.error for cell in cells]),
            ratio=np.array([cell.ratio for cell in cells]),
            ratio_error=np.array([cell.ratio_total for cell in cells]),
        )
        for name, cells in lines
        if cells
    ]
    fig, ax, ratio = plots.canvas_with_ratio()
    plots.rejection_versus_pruned(
        ax,
        ratio,
        drawn,
        signal=drawing.task.signal,
        background=background,
        working_point=drawing.task.working_point,
    )
    _label(ax, drawing, shared)
    return fig, [cell._asdict() for _, cells in lines for cell in cells]


# -- ROC curves ----------------------------------------------------------------------------------


def _roc(drawing: Drawing, background: str) -> tuple[Figure, list[dict[str, Any]]]:
    """One curve for each pruned fraction of the widest network."""
    groups = groups_of([run for run in drawing.runs if run.label == drawing.widest])
    shown = [group for group in groups if group[0].strategy in ("dense", drawing.strategy)]
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
    _label(ax, drawing, f"{_width(drawing.widest)} nodes a layer")
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
        "dense" if group[0].dense else _percent(group[0]),
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


# -- what happened in the trainings --------------------------------------------------------------


def _layers(drawing: Drawing, _background: str) -> tuple[Figure, list[dict[str, Any]]]:
    shapes = [_shape(drawing, run) for run in _shown(drawing)]
    fig, ax = plots.canvas()
    plots.layers(ax, shapes)
    _label(ax, drawing, f"{_width(drawing.widest)} nodes a layer")
    return fig, plots.rows(shapes)


def _shape(drawing: Drawing, run: Run) -> plots.PrunedShape:
    told = metrics_of([run], drawing.folder)[run.name]
    layers = told["layers"]
    return plots.PrunedShape(told["pruned"], list(layers), list(layers.values()))


def _history(drawing: Drawing, _background: str) -> tuple[Figure, list[dict[str, Any]]]:
    histories = [_epochs(drawing, run) for run in _shown(drawing)]
    fig, axes = plots.canvas_of_four()
    plots.history(axes, histories)
    _label(axes[0], drawing, f"{_width(drawing.widest)} nodes a layer", above=True)
    return fig, plots.rows(histories)


def _epochs(drawing: Drawing, run: Run) -> plots.History:
    with (drawing.folder / run.name / "history.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))

    def column(name: str) -> np.ndarray:
        return np.array([float(row[name]) for row in rows])

    gated = np.array([row["phase"] == "gated" for row in rows])
    epochs = run.training.epochs
    return plots.History(
        "dense" if run.dense else f"{_percent(run)} pruned",
        epoch=column("epoch"),
        class_loss=column("class_loss"),
        validation_loss=column("val_loss"),
        pruning_loss=np.where(gated, column("pruning_loss"), np.nan),
        active=column("active"),
        pressure=np.where(gated, column("pressure"), np.nan),
        freeze=None if run.dense else epochs.dense + epochs.gated + 0.5,
        target=None if run.dense else run.target,
    )


def _shown(drawing: Drawing) -> list[Run]:
    """Runs of the widest network, first strategy and first seed, dense first."""
    chosen = [
        run
        for run in drawing.runs
        if run.label == drawing.widest
        and run.seed == drawing.study.grid.seeds[0]
        and run.strategy in ("dense", drawing.strategy)
    ]
    return sorted(chosen, key=lambda run: run.target)


def _percent(run: Run) -> str:
    """Pruned fraction as a round number, if that is the same number of nodes."""
    exact = 100 * run.target
    same = abs(exact - round(exact)) <= 50 / sum(run.network.nodes.values())
    return f"{round(exact)} %" if same else f"{exact:.3g} %"


def _width(label: str) -> str:
    return label.removeprefix("w")


def _label(ax: Axes, drawing: Drawing, *lines: str, above: bool = False) -> None:
    figures = drawing.study.figures
    if above:
        text = ", ".join([drawing.task.title, *lines])
        plots.atlas_label(ax, figures.label, lines=[text], above=True)
    else:
        texts = [*figures.lines, drawing.task.title, *lines]
        plots.atlas_label(ax, figures.label, lines=texts)


_KINDS: dict[str, Callable[[Drawing, str], tuple[Figure, list[dict[str, Any]]]]] = {
    "pruned": _pruned,
    "strategies": _strategies,
    "roc": _roc,
    "layers": _layers,
    "history": _history,
}
