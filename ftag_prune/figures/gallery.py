"""Which figures a study has, and how each is drawn."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from ftag_prune import plots
from ftag_prune.config import Study
from ftag_prune.errors import FtagPruneError
from ftag_prune.figures import stall, steps, taggers, trainings
from ftag_prune.figures.drawing import Drawing, Drawn
from ftag_prune.flavours import Task
from ftag_prune.status import Present
from ftag_prune.summary import read_cells, task_in

__all__ = ["draw", "names"]

_log = logging.getLogger(__name__)


def draw(
    study: Study,
    task: str,
    folder: Path,
    table: Path,
    out: Path,
    *,
    some: Present | None = None,
) -> list[plots.Saved]:
    """Draw the figures of a task, as `names` lists them, into `out`.

    Parameters
    ----------
    folder : where the runs are
    table : CSV of the task's cells
    some : the runs that are there, of a study that is not finished: figures say how many they
        show, and one that cannot be drawn from these is left out, as the log says
    """
    some = some or Present(study.runs_of(task))
    study = study.model_copy(update={"figures": some.marked(study.figures)})
    cells = read_cells(table)
    drawing = Drawing(study, task_in(cells, task), list(some.done), cells, folder)
    saved = []
    for name in names(study, drawing.task):
        kind, _, which = name.partition("-")
        with plots.atlas_style(study.figures.style):
            try:
                fig, rows = _KINDS[kind](drawing, which)
            except (FtagPruneError, LookupError, ValueError) as absent:
                if not some.missing:
                    raise
                _log.warning("figure %s is left out: %s", name, absent)
                continue
            saved.append(plots.save(fig, out / name, rows))
    return saved


def names(study: Study, task: Task) -> tuple[str, ...]:
    """Names of the figures of a task, the headline first."""
    kinds = ["pruned", "strategies", "roc"] if len(study.grid.strategies) > 1 else ["pruned", "roc"]
    wanted = study.figures
    runs = study.runs_of(task.name)
    kinds = ["first", *kinds] if steps.in_two_steps(runs) else kinds
    kinds = kinds if wanted.taggers else []
    return (
        *(f"{kind}-{one}" for kind in kinds for one in task.backgrounds),
        *(f"curves-{name}" for name in wanted.curves),
        *(["onset"] if wanted.onset else []),
        *(["mechanisms"] if wanted.mechanisms else []),
        *(["regrowth"] if wanted.regrowth else []),
        "layers",
        "history",
    )


_KINDS: dict[str, Callable[[Drawing, str], Drawn]] = {
    "first": steps.first_step,
    "pruned": taggers.pruned,
    "strategies": taggers.strategies,
    "roc": taggers.roc,
    "curves": stall.curves,
    "onset": stall.onset,
    "mechanisms": stall.mechanisms,
    "regrowth": stall.regrowth,
    "layers": trainings.layers,
    "history": trainings.history,
}
