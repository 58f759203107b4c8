"""What happened in the trainings: which nodes are left, losses and gates against epochs."""

from __future__ import annotations

import numpy as np

from ftag_prune import plots
from ftag_prune.config import Run
from ftag_prune.figures.drawing import Drawing, Drawn, epochs_of, label, network_name, percent
from ftag_prune.summary import groups_of, metrics_of

__all__ = ["history", "layers"]


def layers(drawing: Drawing, _background: str) -> Drawn:
    """Nodes left in each layer, for each target."""
    shapes = [_shape(drawing, run) for run in _shown(drawing)]
    fig, ax = plots.canvas()
    plots.layers(ax, shapes)
    label(ax, drawing, network_name(drawing.largest))
    return fig, plots.rows(shapes)


def _shape(drawing: Drawing, run: Run) -> plots.PrunedShape:
    told = metrics_of([run], drawing.folder)[run.name]
    layers = told["layers"]
    return plots.PrunedShape(told["pruned"], list(layers), list(layers.values()))


def history(drawing: Drawing, _background: str) -> Drawn:
    """Losses, gates and pressure against epochs, for each target."""
    histories = [_epochs(drawing, run) for run in _shown(drawing)]
    fig, axes = plots.canvas_of_four()
    plots.history(axes, histories)
    label(axes[0], drawing, network_name(drawing.largest), above=True)
    return fig, plots.rows(histories)


def _epochs(drawing: Drawing, run: Run) -> plots.History:
    found, epochs = epochs_of(drawing, run), run.training.epochs
    gated = np.array([phase == "gated" for phase in found.phase])
    pressed = gated & run.how.pressed
    return plots.History(
        "dense" if run.dense else f"{percent(run)} pruned",
        epoch=found["epoch"],
        class_loss=found["class_loss"],
        validation_loss=found["val_loss"],
        pruning_loss=np.where(gated, found["pruning_loss"], np.nan),
        active=found["active"],
        pressure=np.where(pressed, found["pressure"], np.nan),
        freeze=None if run.dense else epochs.dense + epochs.gated + 0.5,
        target=None if run.dense else run.target,
    )


def _shown(drawing: Drawing) -> list[Run]:
    """Runs of the largest network and first strategy, dense first: of each the first seed."""
    mine = [run for run in drawing.runs if run.label == drawing.largest]
    chosen = [run for run in mine if run.strategy in ("dense", drawing.strategy)]
    return sorted((group[0] for group in groups_of(chosen)), key=lambda run: run.target)
