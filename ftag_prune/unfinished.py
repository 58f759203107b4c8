"""All that a report shows of a study that is not finished, made anew of the runs that are there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from ftag_prune import figures, sample
from ftag_prune.config import Study
from ftag_prune.errors import FtagPruneError
from ftag_prune.evaluate import evaluate_runs
from ftag_prune.status import Present, present, unscored
from ftag_prune.summary import summarise, write_cells
from ftag_prune.validation import validate_study

__all__ = ["make", "there"]


def there(study: Study, folder: Path) -> dict[str, Present]:
    """Runs of each task that are there, in `folder`/runs.

    Those that are trained and wait for the others of their job are scored; the workflow leaves the
    same bytes there later.

    Raises
    ------
    FtagPruneError
        If no run of any task is there.
    """
    place = folder / "runs"
    for task in study.tasks:
        if waiting := unscored(study.runs_of(task), place):
            evaluate_runs(waiting, folder / "jets" / task / "test.h5", place)
    found = {task: present(study.runs_of(task), place) for task in study.tasks}
    if not any(some.done for some in found.values()):
        raise FtagPruneError(f"{place}: none of the {len(study.runs())} runs is there yet")
    return found


def make(
    study: Study,
    folder: Path,
    runs: Mapping[str, Present],
    out: Path,
    *,
    progress: Callable[[str], None] = lambda _line: None,
) -> None:
    """Make of some runs what the workflow makes of all: tables, figures, samples, validation.

    Parameters
    ----------
    folder : where runs and jets are
    runs : of each task, as `there` finds them
    out : laid out like the results of a finished study; what an earlier call left is renewed
    """
    for task, some in runs.items():
        progress(f"{task}: {some.sentence or 'All runs are there.'}")
        if some.done:
            _make(study, task, folder, out, some, progress)


def _make(
    study: Study,
    task: str,
    folder: Path,
    out: Path,
    some: Present,
    progress: Callable[[str], None],
) -> None:
    table, drawn, look = out / "tables" / f"{task}.csv", out / "figures" / task, study.figures
    write_cells(table, summarise(some.done, folder / "runs"))
    shutil.rmtree(drawn, ignore_errors=True)  # one that cannot be drawn now is not an old one
    figures.draw(study, task, folder / "runs", table, drawn, some=some)
    jets = sample.read_sample(folder / "jets" / task / "train.h5")
    spectra = out / "samples" / task
    sample.draw(jets, spectra, label=look.label, lines=look.lines, style=look.style)
    if study.validation:
        validate_study(study, task, folder, out / "validation" / task, some=some, progress=progress)
