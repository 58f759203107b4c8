"""How the trainings went: losses against epochs, and the epoch whose weights were kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ftag_prune import plots
from ftag_prune.record import read_csv
from ftag_prune.report import Table
from ftag_prune.validation.part import Easel, Part
from ftag_prune.validation.runs import Finished, Group

__all__ = ["trainings"]


def trainings(groups: Sequence[Group], names: Mapping[str, str], easel: Easel) -> Part:
    """Losses, gates and pressure of the training that is shown of each network.

    Parameters
    ----------
    names : text of each group, by the name of its first run
    """
    chosen = [(names[group.run.name], group.chosen) for group in groups]
    histories = [_history(name, one) for name, one in chosen]
    fig, axes = plots.canvas_of_four()
    plots.history(axes, histories)
    for history, (_, one) in zip(histories, chosen, strict=True):
        best = _best(one)
        if best is not None:
            axes[0].plot(best, history.validation_loss[best - 1], "k*", markersize=12, zorder=3)
    easel.sign(axes[0], above=True)
    marked = any(_best(one) is not None for _, one in chosen)
    shown = easel.save(
        fig,
        "history",
        plots.rows(histories),
        "Trainings with the lowest validation loss of each network: losses, active fraction of "
        "nodes (mean gate) and pressure against epoch. Dotted: the freeze to exactly the asked "
        "number of nodes, after which the compacted network is fine-tuned."
        + (" Stars: the epoch whose weights were kept." if marked else ""),
    )
    return Part(title="Trainings", figures=(shown,), tables=(_table(groups),))


def _best(one: Finished) -> int | None:
    """Epoch whose weights were kept; None if those of the last were."""
    best: int | None = one.told.get("best_epoch")
    return best if one.run.training.keep == "best" else None


def _history(name: str, one: Finished) -> plots.History:
    rows, run = read_csv(one.folder / "history.csv"), one.run
    columns = {
        key: np.array([float(row[key]) for row in rows])
        for key in ("epoch", "class_loss", "val_loss", "pruning_loss", "active", "pressure")
    }
    gated = np.array([row["phase"] == "gated" for row in rows])
    frozen = [float(row["epoch"]) for row in rows if row["phase"] == "tuned"]
    return plots.History(
        name,
        epoch=columns["epoch"],
        class_loss=columns["class_loss"],
        validation_loss=columns["val_loss"],
        pruning_loss=np.where(gated, columns["pruning_loss"], np.nan),
        active=columns["active"],
        pressure=np.where(gated & run.how.pressed, columns["pressure"], np.nan),
        freeze=frozen[0] - 0.5 if frozen and not run.dense else None,
        target=None if run.dense else run.target,
    )


def _table(groups: Sequence[Group]) -> Table:
    return Table(
        "Trainings",
        ["run", "seed", "epochs", "best epoch", "validation loss", "time / s"],
        [
            [
                one.run.name,
                one.run.seed,
                one.told["epochs"],
                one.told.get("best_epoch"),
                round(one.validation_loss, 4),
                round(one.told["seconds"], 1),
            ]
            for group in groups
            for one in group.members
        ],
        note="Validation loss: of the weights that the run kept.",
    )
